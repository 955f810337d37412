"""Pushing the wallboard (大屏推送): any change of the board sends the whole state; nobody looking, nothing computed.

Changes within a quarter second become one message; when the day's figures are asked for is `wallboard.day`'s.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from agent_desktop.keys import EVERYWHERE
from agent_desktop.wallboard.day import DayFigures
from agent_desktop.wallboard.state import wall_state
from core.web.keys import BUS, CLOCK, DB, HUB, TASKS
from ivr.events import AgentChanged, BoardChanged

TOPIC = "wallboard"
TOGETHER_S = 0.25
LONGEST_PAUSE_S = 2.0
"""Between two beats, though nothing happens."""


class WallPush:
    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._wake = asyncio.Event()
        self._day = DayFigures(app[DB], app[CLOCK])
        self._sent = ""
        bus = app[BUS]
        self._ends = [bus.subscribe(BoardChanged, self._changed), bus.subscribe(AgentChanged, self._changed)]

    def _changed(self, _: object) -> None:
        self._wake.set()

    async def state(self) -> dict[str, Any]:
        """The present state."""
        board, now = self._app[EVERYWHERE], self._app[CLOCK].now()
        self._day.notice(board.calls())
        await self._day.refresh()
        return wall_state(
            now,
            board.agents(),
            board.waiting(),
            board.calls(),
            self._day.queue,
            self._day.last_day,
            self._day.need,
        )

    async def run(self, beat: Callable[[], None]) -> None:
        """Send changes for ever; the figures may change without the board."""
        while True:
            beat()
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(TOGETHER_S)
            self._wake.clear()
            if self._app[HUB].watched(TOPIC):
                await self._send()

    def _pause_s(self) -> float:
        """Until the figures are to be asked again."""
        until_due = (self._day.due_at - self._app[CLOCK].now()).total_seconds()
        return min(max(until_due, TOGETHER_S), LONGEST_PAUSE_S)

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
