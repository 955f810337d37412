"""The wall's figures of the day (当日数字): asked of the database when calls have moved, not by the clock.

A call that was queued, answered or ended is stored within a third of a second; half a second after the news the figures
are asked again, so they are true within one. Without news they are asked twice a minute, for what no call tells: the
24 hours that slide, a mark set, midnight.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from agent_desktop.wallboard.state import sliding, staffing, today
from core.clock import BEIJING, Clock, beijing
from core.db import Database
from ivr.board import LiveCallView
from recordings.figures import QueueFigures
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY
from reports.staffing import Need

STORED_AFTER, AT_LEAST_EVERY = timedelta(seconds=0.5), timedelta(seconds=30)


class DayFigures:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self.queue = QueueFigures()
        self.last_day = Figure(BY_KEY["K-01"])
        self.need = Need()
        self.due_at = clock.now()
        """When they are to be asked again."""
        self._calls: frozenset[tuple[str, datetime | None]] = frozenset()

    def notice(self, calls: Iterable[LiveCallView]) -> None:
        """These calls run now; where that changes a figure it is asked again soon."""
        queued = frozenset((call.linkedid, call.answered_at) for call in calls if call.queued_at)
        if queued != self._calls:
            self._calls = queued
            self.due_at = min(self.due_at, self._clock.now() + STORED_AFTER)

    async def refresh(self) -> None:
        """Ask again if it is time."""
        now = self._clock.now()
        if now < self.due_at:
            return
        midnight = datetime.combine(beijing(now).date() + timedelta(days=1), time(), BEIJING)
        self.due_at = min(now + AT_LEAST_EVERY, midnight)
        self.queue = await today(self._db, self._clock)
        self.last_day = await sliding(self._db, self._clock)
        self.need = await staffing(self._db, self._clock)
