"""The calendar's tables (节假日表): the shipped national file, imported years, regional days and hours.

Reads them into a `WorkCalendar` and writes what people change, each change a new revision. What follows from
a change for open clocks is the ticket room's affair: it hears `CalendarChanged`.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Date, ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core import audit
from core.bus import publish
from core.calendar.workdays import DayRow, NationalTable, RegionRules, Season, WorkCalendar, segments_of
from core.clock import Clock
from core.db import Base, PrimaryKey, UtcDateTime, provided
from core.errors import InvalidInput
from core.units import Region


@dataclass(frozen=True)
class CalendarSettings:
    """Given once to the database: `db.provide(CalendarSettings(table=…))`."""

    table: Path
    """The shipped national table, `config/calendar/cn.toml`."""
    _loaded: dict[str, WorkCalendar] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class CalendarChanged:
    """Working days or hours were changed or a year was imported."""


class CalendarDay(Base):
    """A day that differs: in one region (WD-2a), or nationally when it comes from an imported year."""

    __tablename__ = "calendar_days"
    __table_args__ = (UniqueConstraint("region_id", "on"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    on: Mapped[date] = mapped_column(Date)
    is_workday: Mapped[bool]
    name: Mapped[str] = mapped_column(String(40))


class CalendarYear(Base):
    """A year whose national arrangement was imported: no longer provisional, and in place of the file's."""

    __tablename__ = "calendar_years"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(120))


class CalendarHours(Base):
    """Working segments of a region in a season (WD-11), e.g. `08:30-12:00 15:00-18:30` from 05-01 to 09-30."""

    __tablename__ = "calendar_hours"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), index=True)
    first: Mapped[str] = mapped_column(String(5))
    last: Mapped[str] = mapped_column(String(5))
    segments: Mapped[str] = mapped_column(String(80))


class CalendarRevision(Base):
    """One change of the tables; clocks store the version they were reckoned by (WD-9)."""

    __tablename__ = "calendar_revisions"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(60))
    what: Mapped[str] = mapped_column(String(200))


async def load_calendar(session: AsyncSession) -> WorkCalendar:
    """The calendar as it stands; read anew only after a change (one small query otherwise)."""
    settings = provided(session, CalendarSettings)
    last = await session.scalar(select(CalendarRevision).order_by(CalendarRevision.id.desc()).limit(1))
    key = last.token if last else ""
    if key not in settings._loaded:  # noqa: SLF001 - the cache lives with the settings of one database
        settings._loaded.clear()  # noqa: SLF001
        settings._loaded[key] = await _read(session, settings.table, last.id if last else 0)  # noqa: SLF001
    return settings._loaded[key]  # noqa: SLF001


@lru_cache(maxsize=4)
def read_table(path: Path) -> NationalTable:
    """The shipped national table; its format is explained at its head."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    days: dict[date, DayRow] = {}
    for entry in data["year"]:
        days |= _rows(_spans(entry["off"]), [(date.fromisoformat(on), name) for on, name in entry["make_up"]])
    expected = {on: name for entry in data["expected"] for on, name in _spans(entry["off"])}
    return NationalTable(data["version"], frozenset(entry["year"] for entry in data["year"]), days, expected)


async def set_day(
    session: AsyncSession, clock: Clock, *, region_id: int, on: date, is_workday: bool, name: str, actor: str
) -> None:
    """A local holiday or ad-hoc change of one region (WD-10); replaces what was said of that day."""
    await remove_day(session, clock, region_id=region_id, on=on, actor=actor)
    session.add(CalendarDay(region_id=region_id, on=on, is_workday=is_workday, name=name))
    await _revise(
        session, clock, actor, f"region {region_id} {on} {'worked' if is_workday else 'off'} {name}"
    )


async def remove_day(session: AsyncSession, clock: Clock, *, region_id: int, on: date, actor: str) -> None:
    """The day is again what the parent region or the nation says."""
    gone = await session.execute(
        delete(CalendarDay)
        .where(CalendarDay.region_id == region_id, CalendarDay.on == on)
        .returning(CalendarDay.id)
    )
    if gone.all():
        await _revise(session, clock, actor, f"region {region_id} {on} as the table")


async def set_hours(
    session: AsyncSession,
    clock: Clock,
    *,
    region_id: int,
    seasons: Iterable[tuple[str, str, str]],
    actor: str,
) -> None:
    """Replace a region's seasons: (first `MM-DD`, last `MM-DD`, `08:30-12:00 14:30-18:00`) each."""
    rows = [CalendarHours(region_id=region_id, first=a, last=b, segments=text) for a, b, text in seasons]
    for row in rows:
        season(row.first, row.last, row.segments)
    await session.execute(delete(CalendarHours).where(CalendarHours.region_id == region_id))
    session.add_all(rows)
    await _revise(session, clock, actor, f"region {region_id} hours")


async def import_year(
    session: AsyncSession,
    clock: Clock,
    *,
    year: int,
    off: Mapping[date, str],
    make_up: Mapping[date, str],
    source: str,
    actor: str,
) -> None:
    """Take in the published arrangement of a year (M-11); a second import replaces the first.

    Days of a neighbouring year that the notice also settles (a make-up day in the last week of December) come
    along.
    """
    rows = _rows(off.items(), list(make_up.items()))
    if any(abs(on.year - year) > 1 for on in rows):
        raise InvalidInput(field="日期", reason=f"{year} 年的安排里出现了其他年份的日期，请核对文件")
    if known := await session.get(CalendarYear, year):
        known.source = source
    else:
        session.add(CalendarYear(year=year, source=source))
    first, last = date(year, 1, 1), date(year, 12, 31)
    replaced = CalendarDay.on.between(first, last) | CalendarDay.on.in_(list(rows))
    await session.execute(delete(CalendarDay).where(CalendarDay.region_id.is_(None), replaced))
    session.add_all(
        CalendarDay(region_id=None, on=on, is_workday=r.is_workday, name=r.name) for on, r in rows.items()
    )
    await _revise(session, clock, actor, f"year {year}: {source}")


async def _revise(session: AsyncSession, clock: Clock, actor: str, what: str) -> None:
    session.add(CalendarRevision(token=uuid4().hex, at=clock.now(), actor=actor, what=what[:200]))
    await session.flush()
    await audit.record(session, clock, actor=actor, action="calendar.change", target=what[:120])
    publish(session, CalendarChanged())


async def _read(session: AsyncSession, path: Path, revision: int) -> WorkCalendar:
    shipped = read_table(path)
    imported = frozenset((await session.scalars(select(CalendarYear.year))).all())
    days = {on: row for on, row in shipped.days.items() if on.year not in imported}
    local: dict[int, dict[date, DayRow]] = {}
    for day in await session.scalars(select(CalendarDay)):
        rows = days if day.region_id is None else local.setdefault(day.region_id, {})
        rows[day.on] = DayRow(day.is_workday, day.name)
    hours: dict[int, list[Season]] = {}
    for row in await session.scalars(select(CalendarHours).order_by(CalendarHours.id)):
        hours.setdefault(row.region_id, []).append(season(row.first, row.last, row.segments))
    regions = (await session.scalars(select(Region))).all()
    codes = {region.id: region.code for region in regions}
    rules = {
        r.code: RegionRules(codes.get(r.parent_id or 0), local.get(r.id, {}), tuple(hours.get(r.id, ())))
        for r in regions
    }
    table = NationalTable(shipped.version, shipped.years | imported, days, shipped.expected)
    return WorkCalendar(table, rules, revision=revision)


def season(first: str, last: str, segments: str) -> Season:
    """A season as it is written: `05-01`, `09-30`, `08:00-12:00 15:00-18:30`; raises InvalidInput."""
    return Season(_month_day(first), _month_day(last), segments_of(segments))


def _month_day(text: str) -> tuple[int, int]:
    try:
        on = date.fromisoformat(f"2000-{text}")  # a leap year, so that 02-29 is a day
    except ValueError:
        raise InvalidInput(field="起止日期", reason=f"“{text}”不是日期，请写成“05-01”这样的月-日") from None
    return on.month, on.day


def _spans(entries: Iterable[Any]) -> list[tuple[date, str]]:
    """(first, last, name) as the file writes it → every date with its name."""
    found: list[tuple[date, str]] = []
    for first, last, name in entries:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
        found += [(start + timedelta(days=offset), name) for offset in range((end - start).days + 1)]
    return found


def _rows(off: Iterable[tuple[date, str]], make_up: Iterable[tuple[date, str]]) -> dict[date, DayRow]:
    rows = {on: DayRow(False, name) for on, name in off}
    return rows | {on: DayRow(True, f"{name}调休上班") for on, name in make_up}
