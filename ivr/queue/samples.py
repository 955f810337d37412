"""One sample of the service each minute (运行采样, M-79): connected or not, seats at work, callers waiting.

Samples wait here while the database is away, so that only the minutes in which no controller ran are missing.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database, is_away
from ivr.board import Board
from ivr.models import ServiceSample

MINUTE = timedelta(minutes=1)
KEPT_MOST = 24 * 60


class Sampler:
    def __init__(self, db: Database, clock: Clock, board: Board, connected: Callable[[], bool]) -> None:
        self._db, self._clock, self._board, self._connected = db, clock, board, connected
        self._waiting: list[dict[str, Any]] = []

    async def run(self, beat: Callable[[], None]) -> None:
        """A sample at once and then at the beginning of every minute."""
        while True:
            await self.sample()
            beat()
            now = self._clock.now()
            await asyncio.sleep((_minute_of(now) + MINUTE - now).total_seconds())

    async def sample(self) -> None:
        """Take a sample and store all that wait; a minute that has one already keeps it."""
        self._waiting = [*self._waiting, self._taken()][-KEPT_MOST:]
        try:
            async with self._db.unit_of_work() as session:
                for one in self._waiting:
                    await _store(session, one)
        except Exception as error:
            if not is_away(error):
                raise
        else:
            self._waiting.clear()

    def _taken(self) -> dict[str, Any]:
        now, waiting = self._clock.now(), self._board.waiting()
        longest = max((now - one.queued_at for one in waiting), default=timedelta())
        return {
            "at": _minute_of(now), "connected": self._connected(), "signed_in": len(self._board.agents()),
            "waiting": len(waiting), "longest_wait_s": round(longest.total_seconds()),
        }  # fmt: skip


async def _store(session: AsyncSession, one: dict[str, Any]) -> None:
    if await session.scalar(select(ServiceSample.at).where(ServiceSample.at == one["at"])) is None:
        session.add(ServiceSample(**one))


def _minute_of(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
