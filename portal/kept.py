"""What every page shows and hardly changes (常用资料): read once, and again after a change or when it has grown old.

Other processes' changes come over the bus as well (`core.outbox`, `kb.searching.keeper`); whatever is missed, after KEPT_FOR.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.calendar.holidays import CalendarChanged, load_calendar
from core.calendar.workdays import WorkCalendar
from core.clock import Clock, beijing
from core.db import Database
from core.organisation.store import DirectoryChanged
from core.units import Region, Unit
from core.web.keys import CLOCK, DB
from kb.entries import hot, notices
from kb.events import EntriesChanged
from kb.models import Entry
from portal.keys import PORTAL
from portal.region import home_region, open_regions
from tickets.intake.ask import askable_units

KEPT_FOR = timedelta(seconds=30)
Value = TypeVar("Value")
Read = Callable[[AsyncSession], Awaitable[Value]]


class Kept(Generic[Value]):
    """One value of the database in memory; forgotten when one of these events is delivered."""

    def __init__(self, db: Database, clock: Clock, read: Read[Value], changed: Sequence[type]) -> None:
        self._db, self._clock, self._read = db, clock, read
        self._known: tuple[datetime, Value] | None = None
        self._changes = 0
        for event in changed:
            db.bus.subscribe(event, self._forget)

    async def get(self) -> Value:
        """The value as of KEPT_FOR ago or later; raises what reading it raises."""
        now, seen = self._clock.now(), self._changes
        if self._known and now - self._known[0] < KEPT_FOR:
            return self._known[1]
        async with self._db.reading() as session:
            value = await self._read(session)
        if seen == self._changes:  # else it may be from before the change
            self._known = now, value
        return value

    def _forget(self, _event: object) -> None:
        self._changes += 1
        self._known = None


HOME: web.AppKey[Kept[tuple[Region, list[Unit]]]] = web.AppKey("HOME")
"""The line's region and the units that are asked there."""
REGIONS: web.AppKey[Kept[list[Region]]] = web.AppKey("REGIONS")
"""Those that citizens see, by code."""
CALENDAR: web.AppKey[Kept[WorkCalendar]] = web.AppKey("CALENDAR")
HEADLINES: web.AppKey[Kept[tuple[list[Entry], list[Entry]]]] = web.AppKey("HEADLINES")
"""Hot entries, most asked first, and notices, newest first."""


def prepare(app: web.Application) -> None:
    """Set up what the pages keep, of the region in the settings."""
    db, clock, code = app[DB], app[CLOCK], app[PORTAL].region

    async def home(session: AsyncSession) -> tuple[Region, list[Unit]]:
        region = await home_region(session, code)
        return region, await askable_units(session, region.id)

    async def headlines(session: AsyncSession) -> tuple[list[Entry], list[Entry]]:
        today = beijing(clock.now()).date()
        return list(await hot(session, today)), list(await notices(session, today))

    async def regions(session: AsyncSession) -> list[Region]:
        return list(await open_regions(session))

    app[REGIONS] = Kept(db, clock, regions, [DirectoryChanged])
    app[HOME] = Kept(db, clock, home, [DirectoryChanged])
    app[CALENDAR] = Kept(db, clock, load_calendar, [CalendarChanged])
    app[HEADLINES] = Kept(db, clock, headlines, [EntriesChanged])
