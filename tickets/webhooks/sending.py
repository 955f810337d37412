"""What is sent and when (发送回调): a message for each change of state, tried until it is taken or a day and a half is over.

Messages are made from the trail, not from passing news: a stop of the process loses none. How bytes travel is the
caller's matter.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import Clock, beijing
from core.db import hit_one
from core.units import Unit
from tickets.intake.models import Submission
from tickets.lifecycle import STATE_NAMES
from tickets.models import Ticket, TrailRow
from tickets.moves import open_step
from tickets.webhooks.keeping import secret_of
from tickets.webhooks.models import Delivery, Webhook

BACK_OFF = tuple(timedelta(seconds=s) for s in (10, 60, 300, 1800, 7200, 21600, 43200, 43200))
"""Pause after each failed try; after the last the message is given up."""
LEASE = timedelta(seconds=60)
"""A message being sent is nobody else's for so long."""
LOOKED_BACK = 500
"""Lines of the trail looked at again: transactions do not end in the order of their lines."""
A_TURN = 20


@dataclass(frozen=True)
class Message:
    """One message ready to go."""

    delivery_id: int
    url: str
    body: bytes
    headers: dict[str, str]


async def collect(session: AsyncSession, clock: Clock) -> None:
    """Make the messages that are not made yet."""
    for hook in await session.scalars(select(Webhook).where(Webhook.ended_at.is_(None))):
        for row, ticket in await _news(session, hook):
            kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            body = json.dumps(await _body(session, row, ticket), ensure_ascii=False)
            new = kind.insert(Delivery).values(
                webhook_id=hook.id, trail_id=row.id, body=body, tries=0, next_at=clock.now(), last_error=""
            )
            await session.execute(new.on_conflict_do_nothing())


async def take_due(session: AsyncSession, clock: Clock) -> Sequence[Message]:
    """The messages whose time has come, leased: a second sender does not get them."""
    now, found = clock.now(), []
    due = select(Delivery).where(Delivery.next_at <= now).options(selectinload(Delivery.webhook))
    for delivery in await session.scalars(due.order_by(Delivery.id).limit(A_TURN)):
        unchanged = (Delivery.id == delivery.id) & (Delivery.next_at == delivery.next_at)
        done = await session.execute(update(Delivery).where(unchanged).values(next_at=now + LEASE))
        if hit_one(done):
            found.append(_message(session, delivery, now))
    return found


async def note(session: AsyncSession, clock: Clock, delivery_id: int, error: str) -> None:
    """How a try ended; an empty `error`: taken."""
    delivery = await session.get_one(Delivery, delivery_id)
    delivery.tries += 1
    delivery.last_error = error[:200]
    if not error:
        delivery.delivered_at, delivery.next_at = clock.now(), None
    elif delivery.tries > len(BACK_OFF):
        delivery.dead_at, delivery.next_at = clock.now(), None
    else:
        delivery.next_at = clock.now() + BACK_OFF[delivery.tries - 1]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hex: what the receiver reckons again."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _message(session: AsyncSession, delivery: Delivery, now: datetime) -> Message:
    body, timestamp = delivery.body.encode(), str(int(now.timestamp()))
    signed = signature(secret_of(session, delivery.webhook), timestamp, body)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-Hotline-Delivery": str(delivery.id),
        "X-Hotline-Timestamp": timestamp,
        "X-Hotline-Signature": f"sha256={signed}",
    }
    return Message(delivery.id, delivery.webhook.url, body, headers)


async def _news(session: AsyncSession, hook: Webhook) -> list[tuple[TrailRow, Ticket]]:
    """Changes of state of the channel's own tickets that have no message yet."""
    told = select(Delivery.trail_id).where(Delivery.webhook_id == hook.id)
    newest = await session.scalar(select(func.max(Delivery.trail_id)).where(Delivery.webhook_id == hook.id))
    since = max(hook.since_trail_id, (newest or 0) - LOOKED_BACK)
    changed = TrailRow.from_state.is_distinct_from(TrailRow.to_state) & TrailRow.to_state.is_not(None)
    query = (
        select(TrailRow, Ticket)
        .join(Ticket, Ticket.id == TrailRow.ticket_id)
        .join(Submission, Submission.ticket_id == Ticket.id)
        .where(Submission.token_id == hook.token_id, TrailRow.id > since, changed, TrailRow.id.not_in(told))
    )
    return [(row, ticket) for row, ticket in await session.execute(query.order_by(TrailRow.id).limit(200))]


async def _body(session: AsyncSession, row: TrailRow, ticket: Ticket) -> dict[str, Any]:
    """Never a name, a number or the code; the channel reads the reply with the code that it has."""
    step = await open_step(session, ticket)
    unit = await session.get(Unit, step.unit_id) if step and step.unit_id else None
    assert row.to_state is not None
    return {
        "event": "ticket.state",
        "ticket_no": ticket.ticket_no,
        "state": row.to_state,
        "state_name": STATE_NAMES[row.to_state],
        "at": beijing(row.at).isoformat(),
        "unit": unit.name if unit else "",
        "due_on": step.due_on.isoformat() if step else None,
        "provisional": bool(step and step.provisional),
    }
