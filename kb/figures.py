"""How an entry serves (使用情况): how often it was chosen as the answer or read, by how many, and on which tickets.

What became of those tickets is for the room of tickets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from kb.models import Entry, Reading, SearchLog


@dataclass(frozen=True)
class Use:
    """Of one entry: `chosen` as the answer, `people` who chose it, `last_at`, and the `tickets` it went into.

    Besides, how often staff only `read` it and the menu read it out (`spoken`).
    """

    chosen: int
    people: int
    last_at: datetime | None
    tickets: tuple[str, ...]
    read: int
    spoken: int


async def use_of(session: AsyncSession, entry_id: int) -> Use:
    mine = SearchLog.chosen_id == entry_id
    counts = select(func.count(), func.count(func.distinct(SearchLog.user_id)), func.max(SearchLog.at)).where(
        mine
    )
    chosen, people, last_at = (await session.execute(counts)).one()
    numbers = select(SearchLog.ticket_no).where(mine, SearchLog.ticket_no.is_not(None)).distinct()
    tickets = tuple(str(one) for one in (await session.scalars(numbers)).all())
    by_staff = func.count(Reading.user_id)
    readings = select(by_staff, func.count() - by_staff).where(Reading.entry_id == entry_id)
    read, spoken = (await session.execute(readings)).one()
    return Use(chosen, people, last_at, tickets, read, spoken)


async def used_on(session: AsyncSession, ticket_no: str) -> Sequence[Entry]:
    """The entries that went into a ticket's answer, in the order in which they were first chosen."""
    first = (
        select(SearchLog.chosen_id, func.min(SearchLog.id).label("place"))
        .where(SearchLog.ticket_no == ticket_no, SearchLog.chosen_id.is_not(None))
        .group_by(SearchLog.chosen_id)
        .subquery()
    )
    query = select(Entry).join(first, first.c.chosen_id == Entry.id).order_by(first.c.place)
    return (await session.scalars(query)).all()
