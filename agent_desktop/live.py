"""Pushing whole states: whatever changes, every open page of the people concerned gets its state anew.

Changes within one turn of the loop become one message. A page that does not read is ended by the hub.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from core.web.keys import BUS, HUB, TASKS
from ivr.events import AgentChanged, BoardChanged
from tickets.events import TicketChanged

StateOf = Callable[[int], Awaitable[Mapping[str, Any]]]


class StatePush:
    """One kind of page: which people's pages are behind, and the loop that brings them up to date."""

    def __init__(self, app: web.Application, name: str, state_of: StateOf) -> None:
        self._app = app
        self._name = name
        self._state_of = state_of
        self._behind: set[int] = set()
        self._wake = asyncio.Event()
        self._open_pages: Counter[int] = Counter()
        bus = app[BUS]
        self._ends = [
            bus.subscribe(AgentChanged, lambda event: self.changed(event.user_id)),
            bus.subscribe(BoardChanged, lambda _: self.changed(*self._open_pages)),
            bus.subscribe(TicketChanged, lambda _: self.changed(*self._open_pages)),
        ]
        app[TASKS].loop(f"{name}_push", self._run)

    def changed(self, *user_ids: int) -> None:
        """These people's state is no longer what their pages show; never waits."""
        self._behind.update(user_ids)
        self._wake.set()

    async def serve(self, request: web.Request, user_id: int) -> web.WebSocketResponse:
        """One page's live line."""
        self._open_pages[user_id] += 1
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

    async def _run(self, beat: Callable[[], None]) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            behind, self._behind = self._behind, set()
            for user_id in behind & set(self._open_pages):
                self._app[HUB].send(self._topic(user_id), await self._message(user_id))
            beat()

    async def _message(self, user_id: int) -> dict[str, Any]:
        return dict(await self._state_of(user_id))

    def _topic(self, user_id: int) -> str:
        return f"{self._name}:{user_id}"
