"""Pushing the wallboard (大屏推送): any change of the board sends the whole state; nobody looking, nothing computed.

Changes within a quarter second become one message; today's figures are asked of the database at most every 2 s.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from aiohttp import web

from agent_desktop.keys import BOARD
from agent_desktop.wallboard.state import sliding, staffing, today, wall_state
from core.web.keys import BUS, CLOCK, DB, HUB, TASKS
from ivr.events import AgentChanged, BoardChanged
from recordings.figures import QueueFigures
from reports.figures import Figure
from reports.indicators import BY_KEY
from reports.staffing import Need

TOPIC = "wallboard"
FIGURES_LAST = timedelta(seconds=2)
TOGETHER_S = 0.25
AT_LEAST_EVERY_S = 2.0


class WallPush:
    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._wake = asyncio.Event()
        self._figures = QueueFigures()
        self._last_day = Figure(BY_KEY["K-01"])
        self._need = Need()
        self._figures_until = app[CLOCK].now()
        self._sent = ""
        bus = app[BUS]
        self._ends = [bus.subscribe(BoardChanged, self._changed), bus.subscribe(AgentChanged, self._changed)]

    def _changed(self, _: object) -> None:
        self._wake.set()

    async def state(self) -> dict[str, Any]:
        """The present state, figures not older than 2 s."""
        board, now = self._app[BOARD], self._app[CLOCK].now()
        if now >= self._figures_until:
            self._figures_until = now + FIGURES_LAST
            self._figures = await today(self._app[DB], self._app[CLOCK])
            self._last_day = await sliding(self._app[DB], self._app[CLOCK])
            self._need = await staffing(self._app[DB], self._app[CLOCK])
        return wall_state(
            now, board.agents(), board.waiting(), board.calls(), self._figures, self._last_day, self._need
        )

    async def run(self, beat: Callable[[], None]) -> None:
        """Send changes for ever; the figures may change without the board."""
        while True:
            beat()
            try:
                async with asyncio.timeout(AT_LEAST_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(TOGETHER_S)
            self._wake.clear()
            if self._app[HUB].watched(TOPIC):
                await self._send()

    async def _send(self) -> None:
        state = await self.state()
        unchanged = json.dumps({**state, "now": ""})
        if unchanged != self._sent:
            self._sent = unchanged
            self._app[HUB].send(TOPIC, state)

    async def start(self, app: web.Application) -> None:
        app[TASKS].loop("wallboard", self.run)

    async def stop(self, _: web.Application) -> None:
        for end in self._ends:
            end()


PUSH = web.AppKey("PUSH", WallPush)
