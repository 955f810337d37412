"""Working days (工作日) and statutory working hours: pure calendar arithmetic, rules WD-1…WD-11 of the mission.

A `WorkCalendar` is handed its tables (`core.calendar.holidays` reads them) and never changes; it opens no file and no
database. Dates are Beijing dates. Past the tables it goes on with weekends and expected statutory days and
marks what it says as provisional (暂定, WD-8); it never raises for a date it does not know.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from core.clock import BEIJING
from core.errors import InvalidInput

SATURDAY = 5
WARN_DAYS = 60
"""So long before the tables end people are asked for the next year's."""
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a working day on the Beijing wall clock: from `opens` up to, not including, `closes`."""

    opens: time
    closes: time

    def covers(self, moment: time) -> bool:
        return self.opens <= moment < self.closes


_SEGMENT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def segments_of(text: str) -> tuple[Segment, ...]:
    """`08:30-12:00 14:30-18:00` as segments; raises InvalidInput when they overlap or cannot be read."""
    found = [_SEGMENT.fullmatch(part) for part in text.split()]
    if not found or None in found:
        raise InvalidInput(field="工作时段", reason=f"“{text}”无法识别，请写成“08:30-12:00 14:30-18:00”")
    numbers: list[list[int]] = [[int(n) for n in match.groups()] for match in found if match]
    segments = tuple(Segment(time(a, b), time(c, d)) for a, b, c, d in numbers)
    if any(s.opens >= s.closes for s in segments) or any(a.closes > b.opens for a, b in pairwise(segments)):
        raise InvalidInput(field="工作时段", reason="各时段须先后排列、互不重叠，且开始早于结束")
    return segments


DEFAULT_SEGMENTS = (Segment(time(8, 30), time(12, 0)), Segment(time(14, 30), time(18, 0)))
"""WD-11"""


@dataclass(frozen=True, slots=True)
class DayRow:
    """What a table says of one date: worked or not, and why in Chinese (`国庆节`, `调休上班`)."""

    is_workday: bool
    name: str


@dataclass(frozen=True)
class NationalTable:
    """The published national arrangement; `years` are those it covers whole."""

    version: str
    years: frozenset[int]
    days: Mapping[date, DayRow]
    expected: Mapping[date, str] = field(default_factory=dict)
    """Statutory days of years not yet published, without 调休: good for a provisional answer."""


@dataclass(frozen=True)
class Season:
    """Working segments from `first` to `last` ((month, day), both included; may run over New Year)."""

    first: tuple[int, int]
    last: tuple[int, int]
    segments: tuple[Segment, ...]

    def covers(self, on: date) -> bool:
        day = (on.month, on.day)
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last


@dataclass(frozen=True)
class RegionRules:
    """What one region adds (WD-2a, WD-10); days and seasons not named here are its parent's."""

    parent_code: str | None = None
    days: Mapping[date, DayRow] = field(default_factory=dict)
    seasons: Sequence[Season] = ()


@dataclass(frozen=True, slots=True)
class DayStatus:
    on: date
    is_workday: bool
    why: str
    provisional: bool


@dataclass(frozen=True)
class Due:
    """A due date and how it came about; `counted` and `skipped` are worked out when asked for."""

    received_on: date
    """Day 0"""
    days: int
    on: date
    cut_off_at: datetime
    """Exactly then is on time; a second later is overdue (WD-5)."""
    provisional: bool
    table_version: str
    _region: "_RegionDays" = field(repr=False, compare=False)

    @property
    def counted(self) -> tuple[DayStatus, ...]:
        """The working days counted, the last of them the due day."""
        return tuple(day for day in self._passed() if day.is_workday)

    @property
    def skipped(self) -> tuple[DayStatus, ...]:
        """The days between receipt and due day that do not count, each with its reason."""
        return tuple(day for day in self._passed() if not day.is_workday)

    def _passed(self) -> Iterator[DayStatus]:
        for offset in range(1, (self.on - self.received_on).days + 1):
            yield self._region.status(self.received_on + timedelta(days=offset))


class WorkCalendar:
    """Working days and hours of every region; a region it does not know has the national ones."""

    def __init__(
        self, table: NationalTable, regions: Mapping[str, RegionRules] | None = None, *, revision: int = 0
    ) -> None:
        self.version = f"{table.version}+{revision}" if revision else table.version
        self._table = table
        self._rules = dict(regions or {})
        self._national = _RegionDays(table, ())
        self._regions: dict[str, _RegionDays] = {}

    @property
    def covered_until(self) -> date:
        """The last date that is not provisional."""
        year = max(self._table.years)
        return date(year, 12, 31)

    def days_left(self, today: date) -> int | None:
        """Days until the tables end, once that is near: then the next year must be imported (WD-8)."""
        left = (self.covered_until - today).days
        return max(left, 0) if left <= WARN_DAYS else None

    def day(self, on: date, region_code: str | None = None) -> DayStatus:
        return self._region(region_code).status(on)

    def is_workday(self, on: date, region_code: str | None = None) -> bool:
        return self.day(on, region_code).is_workday

    def segments_on(self, on: date, region_code: str | None = None) -> tuple[Segment, ...]:
        """The working segments of a date in their order; none when it is not worked."""
        region = self._region(region_code)
        return region.segments(on) if region.status(on).is_workday else ()

    def is_open(self, instant: datetime, region_code: str | None = None) -> bool:
        """Whether the instant lies in statutory working time (法定工作时间, M-10)."""
        local = instant.astimezone(BEIJING)
        now = local.time()
        return any(s.covers(now) for s in self.segments_on(local.date(), region_code))

    def cut_off_at(self, on: date, region_code: str | None = None) -> datetime:
        """The end of business of a working day (WD-5), in UTC."""
        return self._region(region_code).cut_off_at(on)

    def due_on(self, received_at: datetime, days: int, region_code: str | None = None) -> Due:
        """Day `days` counted from the first working day after the Beijing date of `received_at` (WD-3, WD-4)."""
        return self.due_from(received_at.astimezone(BEIJING).date(), days, region_code)

    def due_from(self, received_on: date, days: int, region_code: str | None = None) -> Due:
        """As `due_on`, from a Beijing date."""
        if days < 1:
            raise ValueError("a period has at least one working day")
        region = self._region(region_code)
        on = region.nth_after(received_on, days)
        return Due(
            received_on=received_on,
            days=days,
            on=on,
            cut_off_at=region.cut_off_at(on),
            provisional=region.is_provisional(received_on, on),
            table_version=self.version,
            _region=region,
        )

    def days_used(self, received_at: datetime, finished_at: datetime, region_code: str | None = None) -> int:
        """Working days after the Beijing date of receipt up to that of the finish; within one day none."""
        first, last = (instant.astimezone(BEIJING).date() for instant in (received_at, finished_at))
        days = (first + timedelta(days=offset) for offset in range(1, (last - first).days + 1))
        return sum(self.is_workday(day, region_code) for day in days)

    def nth_of_month(self, year: int, month: int, days: int, region_code: str | None = None) -> date:
        """The nth working day of a month, its first day included (due date of reports)."""
        return self._region(region_code).nth_after(date(year, month, 1) - timedelta(days=1), days)

    def _region(self, code: str | None) -> "_RegionDays":
        if code is None or code not in self._rules:
            return self._national
        if code not in self._regions:
            self._regions[code] = _RegionDays(self._table, tuple(self._line_of(code)))
        return self._regions[code]

    def _line_of(self, code: str) -> Iterator[RegionRules]:
        """The region's own rules, then those of what it belongs to."""
        seen: set[str] = set()
        step: str | None = code
        while step is not None and step in self._rules and step not in seen:
            seen.add(step)
            yield self._rules[step]
            step = self._rules[step].parent_code


class _RegionDays:
    """The days of one region; each year's working days and each day's end are reckoned once, when first needed."""

    def __init__(self, table: NationalTable, line: tuple[RegionRules, ...]) -> None:
        self._table = table
        self._line = line
        self._workdays: dict[int, list[date]] = {}
        self._cut_offs: dict[date, datetime] = {}

    def status(self, on: date) -> DayStatus:
        """First match of WD-2: a row of the region, the national table, Monday to Friday."""
        unknown = on.year not in self._table.years
        row = next(
            (rules.days[on] for rules in self._line if on in rules.days), None
        ) or self._table.days.get(on)
        if row is not None:
            return DayStatus(on, row.is_workday, row.name, unknown)
        if on.weekday() >= SATURDAY:
            return DayStatus(on, False, WEEKDAYS[on.weekday()], unknown)
        if unknown and on in self._table.expected:
            return DayStatus(on, False, f"预计{self._table.expected[on]}", unknown)
        return DayStatus(on, True, WEEKDAYS[on.weekday()], unknown)

    def segments(self, on: date) -> tuple[Segment, ...]:
        seasons = (season for rules in self._line for season in rules.seasons if season.covers(on))
        return next((season.segments for season in seasons), DEFAULT_SEGMENTS)

    def cut_off_at(self, on: date) -> datetime:
        if on not in self._cut_offs:
            self._cut_offs[on] = datetime.combine(on, self.segments(on)[-1].closes, BEIJING).astimezone(UTC)
        return self._cut_offs[on]

    def nth_after(self, received_on: date, days: int) -> date:
        year = received_on.year
        workdays = self._of_year(year)
        place = bisect_right(workdays, received_on) + days - 1
        while place >= len(workdays):
            place -= len(workdays)
            year += 1
            workdays = self._of_year(year)
        return workdays[place]

    def is_provisional(self, received_on: date, on: date) -> bool:
        first = received_on + timedelta(days=1)
        return any(year not in self._table.years for year in range(first.year, on.year + 1))

    def _of_year(self, year: int) -> list[date]:
        if year not in self._workdays:
            start = date(year, 1, 1)
            length = (date(year, 12, 31) - start).days + 1
            all_days = (start + timedelta(days=offset) for offset in range(length))
            self._workdays[year] = [day for day in all_days if self.status(day).is_workday]
        return self._workdays[year]
