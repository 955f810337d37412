"""How an entry serves (使用情况): how often it was looked up and chosen, and how it compares.

Counts what the search log knows; what became of the ticket on which an entry was used is for the room of tickets.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from kb.models import SearchLog


@dataclass(frozen=True)
class Use:
    """Of one entry: `chosen` as the answer, `people` who chose it, `last_at`."""

    chosen: int
    people: int
    last_at: datetime | None


async def use_of(session: AsyncSession, entry_id: int) -> Use:
    query = select(func.count(), func.count(func.distinct(SearchLog.user_id)), func.max(SearchLog.at)).where(
        SearchLog.chosen_id == entry_id
    )
    return Use(*(await session.execute(query)).one())
