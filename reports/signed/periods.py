"""The periods that reports are about (报告期): month, quarter, half-year, year, and when each is due. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from reports.models import PeriodKind

DUE_WORKDAY = 5
"""[I] the fifth working day of the month that follows (mission §6.4)."""
_MONTHS = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.HALF: 6, PeriodKind.YEAR: 12}


@dataclass(frozen=True)
class Period:
    kind: PeriodKind
    first: date
    last: date

    @property
    def name(self) -> str:
        """2026年6月, 2026年第二季度, 2026年上半年, 2026年度."""
        year, month = self.first.year, self.first.month
        match self.kind:
            case PeriodKind.MONTH:
                return f"{year}年{month}月"
            case PeriodKind.QUARTER:
                return f"{year}年第{'一二三四'[month // 3]}季度"
            case PeriodKind.HALF:
                return f"{year}年{'上' if month == 1 else '下'}半年"
            case PeriodKind.YEAR:
                return f"{year}年度"


def period(kind: PeriodKind, day: date) -> Period:
    """The period of this kind that holds the day."""
    months = _MONTHS[kind]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return Period(kind, first, _months_later(first, months) - timedelta(days=1))


def just_ended(today: date) -> list[Period]:
    """The periods that ended with the last month."""
    yesterday = today.replace(day=1) - timedelta(days=1)
    return [found for kind in PeriodKind if (found := period(kind, yesterday)).last == yesterday]


def _months_later(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)
