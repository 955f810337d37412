"""What a figure is about (统计口径的范围): a period and, within it, a region, unit, line or person.

Periods are whole Beijing days; how they look on a page is not this module's affair.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.clock import BEIJING


@dataclass(frozen=True)
class Slice:
    """The instants in [since, until) and whose they are; None does not narrow."""

    since: datetime
    until: datetime
    now: datetime
    """As seen from then: what is due later is neither in time nor late."""
    region_ids: frozenset[int] | None = None
    unit_ids: frozenset[int] | None = None
    line: str | None = None
    person_id: int | None = None

    @property
    def narrowed(self) -> frozenset[str]:
        """The names of the dimensions that narrow it."""
        given = {
            "region": self.region_ids,
            "unit": self.unit_ids,
            "line": self.line,
            "person": self.person_id,
        }
        return frozenset(name for name, value in given.items() if value is not None)


def days(first: date, last: date) -> tuple[datetime, datetime]:
    """The instants of whole Beijing days, both included."""
    return _midnight(first), _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING).astimezone(UTC)
