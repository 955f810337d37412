"""What was read on the way to an answer (查阅、播报): by staff for a ticket, by the menu to a caller (M-18, M-22).

Knows a ticket by its number and a call by its linkedid; what was written into an answer is `kb.feedback.chosen`'s.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from kb.figures import used_on
from kb.models import Entry, Reading


class How(StrEnum):
    """What an entry did for a ticket."""

    WRITTEN = "写入答复"
    READ = "查阅"
    SPOKEN = "电话播报"


@dataclass(frozen=True)
class Consulted:
    entry: Entry
    how: How


async def note(
    session: AsyncSession,
    clock: Clock,
    entry_id: int,
    *,
    user_id: int | None = None,
    ticket_no: str | None = None,
    linkedid: str | None = None,
) -> None:
    """Somebody read this entry, for a ticket if there is one; without `user_id` the menu read it out in this call."""
    session.add(
        Reading(entry_id=entry_id, at=clock.now(), user_id=user_id, ticket_no=ticket_no, linkedid=linkedid)
    )
    await session.flush()


async def consulted(
    session: AsyncSession, ticket_no: str, linkedids: Collection[str] = ()
) -> Sequence[Consulted]:
    """Each entry once: what went into the ticket's answer first, then what was read for it or heard in its calls."""
    found = {entry.id: Consulted(entry, How.WRITTEN) for entry in await used_on(session, ticket_no)}
    mine = or_(Reading.ticket_no == ticket_no, Reading.linkedid.in_(linkedids))
    query = select(Reading.user_id, Entry).join(Entry, Entry.id == Reading.entry_id).where(mine)
    for user_id, entry in await session.execute(query.order_by(Reading.id)):
        found.setdefault(entry.id, Consulted(entry, How.READ if user_id else How.SPOKEN))
    return list(found.values())
