"""Sent twice, stored once (防重复提交): a double click or a program's second try gets the ticket of the first.

The query code of such a ticket follows from the sender's key and our secret, so the repeat is answered with the same
code although no code is kept anywhere.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import Conflict
from tickets.intake.models import Submission
from tickets.models import Ticket
from tickets.query_codes import codes
from tickets.service import Issued

Open = Callable[[str], Awaitable[Issued]]
"""Opens the ticket with a query code made from the seed it is given."""


class KeyUsedOtherwise(Conflict):
    """The same key came before with other content."""

    code = "idempotency_key_reused"
    text = "这个提交编号已用于另一份内容，请换一个新的编号再提交。"


@dataclass(frozen=True)
class Sent:
    """What was sent in, and by whom."""

    key: str = ""
    """The sender's own, already made unique to the sender; empty: every sending counts."""
    content: str = ""
    """All that was sent, as one text."""
    token_id: int | None = None


async def once(session: AsyncSession, clock: Clock, sent: Sent, open_ticket: Open) -> Issued:
    """`open_ticket`, or what it gave the first time; raises KeyUsedOtherwise."""
    seed = f"once:{sent.key}" if sent.key else ""
    content_hash = hashlib.sha256(sent.content.encode(errors="replace")).hexdigest()
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values = {
        "key_hash": codes.keyed_hash(session, seed) if seed else None,
        "content_hash": content_hash,
        "token_id": sent.token_id,
        "at": clock.now(),
    }
    new = kind.insert(Submission).values(**values).on_conflict_do_nothing().returning(Submission.id)
    submission_id = await session.scalar(new)
    if submission_id is None:
        return await _first(session, str(values["key_hash"]), content_hash, seed)
    issued = await open_ticket(seed)
    (await session.get_one(Submission, submission_id)).ticket_id = issued.ticket.id
    await session.flush()
    return issued


async def _first(session: AsyncSession, key_hash: str, content_hash: str, seed: str) -> Issued:
    submission = (await session.scalars(select(Submission).where(Submission.key_hash == key_hash))).one()
    if submission.content_hash != content_hash or submission.ticket_id is None:
        raise KeyUsedOtherwise
    ticket = await session.get_one(Ticket, submission.ticket_id)
    return Issued(ticket, await codes.reckoned(session, ticket.id, seed))
