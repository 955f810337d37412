"""Pushing whole states: whatever changes, every open page of the people concerned gets its state anew.

What concerns one person goes out at once; what concerns everybody (a caller more in the queue) is gathered for a
moment, and a state that came out the same is not sent again. A page that does not read is ended by the hub.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from core.tasks import woken
from core.web.keys import BUS, HUB, TASKS
from ivr.events import AgentChanged, BoardChanged
from tickets.events import TicketChanged

GATHER_S = 0.25
StateOf = Callable[[int], Awaitable[Mapping[str, Any]]]


class StatePush:
    """One kind of page: which people's pages are behind, and the loop that brings them up to date."""

    def __init__(self, app: web.Application, name: str, state_of: StateOf) -> None:
        self._app = app
        self._name = name
        self._state_of = state_of
        self._behind: set[int] = set()
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._open_pages: Counter[int] = Counter()
        self._sent: dict[int, dict[str, Any]] = {}
        bus = app[BUS]
        self._ends = [
            bus.subscribe(AgentChanged, lambda event: self.changed(event.user_id)),
            bus.subscribe(BoardChanged, lambda _: self._all_changed()),
            bus.subscribe(TicketChanged, lambda _: self._all_changed()),
        ]
        app[TASKS].loop(f"{name}_push", self._run)

    def changed(self, user_id: int) -> None:
        """What the pages of this person show is no longer so; never waits."""
        self._behind.add(user_id)
        self._hurry.set()
        self._wake.set()

    async def serve(self, request: web.Request, user_id: int) -> web.WebSocketResponse:
        """One page's live line."""
        self._open_pages[user_id] += 1
        self._sent.pop(user_id, None)
        try:
            return await self._app[HUB].serve(
                request, topic=self._topic(user_id), first=lambda: self._message(user_id)
            )
        finally:
            self._open_pages[user_id] -= 1
            self._open_pages += Counter()  # drops those at zero

    def close(self) -> None:
        for end in self._ends:
            end()

    def _all_changed(self) -> None:
        self._behind.update(self._open_pages)
        self._wake.set()

    async def _run(self, beat: Callable[[], None]) -> None:
        while True:
            await woken(self._wake, beat)
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._hurry.wait()
            self._wake.clear()
            self._hurry.clear()
            behind, self._behind = self._behind, set()
            for user_id in behind & set(self._open_pages):
                await self._send(user_id)

    async def _send(self, user_id: int) -> None:
        message = await self._message(user_id)
        shown = {key: value for key, value in message.items() if key != "now"}
        if shown != self._sent.get(user_id):
            self._sent[user_id] = shown
            self._app[HUB].send(self._topic(user_id), message)

    async def _message(self, user_id: int) -> dict[str, Any]:
        return dict(await self._state_of(user_id))

    def _topic(self, user_id: int) -> str:
        return f"{self._name}:{user_id}"
