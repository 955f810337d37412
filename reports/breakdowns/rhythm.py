"""When people call (话务分布): calls by Beijing day and by hour, with those that asked for an operator and were answered (K-01).

The sums of either table are the indicators' own numbers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import beijing
from core.sql import beijing_day, beijing_hour
from recordings.models import Call
from reports.counting.indicators import BY_KEY, EVERY
from reports.counting.passes import rows
from reports.counting.slices import Slice
from reports.counting.sources import CALLS, Condition, Source

Counted = list[tuple[str, int, int]]
"""Day, hour, how many."""


@dataclass(frozen=True)
class Load:
    """The calls that began on one day, or in one hour of any day."""

    name: str
    calls: int
    asked: int
    """K-01's denominator."""
    answered: int
    """K-01's numerator."""

    @property
    def lost(self) -> int:
        return self.asked - self.answered


@dataclass(frozen=True)
class Rhythm:
    days: list[Load]
    """Every day of the slice, up to now."""
    hours: list[Load]
    """0 to 23."""


async def rhythm(session: AsyncSession, of: Slice) -> Rhythm:
    """Of a slice that no unit narrows: a call asks for an operator, not for a unit."""
    answering = BY_KEY["K-01"]
    counted = (
        await _counted(session, CALLS, of, EVERY),
        await _counted(session, answering.source, of, EVERY),
        await _counted(session, answering.source, of, answering.counted),
    )
    hours = range(24)
    return Rhythm(
        _loads(counted, lambda day, _: day, {day: f"{int(day[5:7])}-{int(day[8:])}" for day in _days(of)}),
        _loads(counted, lambda _, hour: hour, {hour: f"{hour} 时" for hour in hours}),
    )


async def _counted(session: AsyncSession, source: Source, of: Slice, counted: Condition) -> Counted:
    day, hour = beijing_day(Call.started_at).label("day"), beijing_hour(Call.started_at).label("hour")
    query = rows(source, of).where(counted).with_only_columns(day, hour, func.count()).group_by(day, hour)
    return [(*row,) for row in await session.execute(query)]


def _loads(
    counted: Iterable[Counted], key: Callable[[str, int], Any], names: Mapping[Any, str]
) -> list[Load]:
    sums: list[Counter[Any]] = []
    for rows_of in counted:
        sums.append(Counter())
        for day, hour, number in rows_of:
            sums[-1][key(day, hour)] += number
    return [Load(name, *(one[at] for one in sums)) for at, name in names.items()]


def _days(of: Slice) -> list[str]:
    first, last = beijing(of.since).date(), beijing(min(of.until - timedelta(seconds=1), of.now)).date()
    return [f"{first + timedelta(days=n)}" for n in range((last - first).days + 1)]
