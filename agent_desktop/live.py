"""Pushing whole states: whatever changes, every open page of the people concerned gets its state anew.

What concerns one person goes out at once; what concerns everybody (a caller more in the queue) is gathered for a
moment and made for all of them together, and a state that came out the same is not sent again. A page that does not read
is ended by the hub.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from aiohttp import web

from core.tasks import woken
from core.web.keys import BUS, HUB, TASKS
from ivr.events import AgentChanged, BoardChanged
from tickets.events import TicketChanged

GATHER_S = 0.25
State = dict[str, Any]
StatesOf = Callable[[Collection[int]], Awaitable[Mapping[int, State]]]
ShownOf = Callable[[int], object]


class StatePush:
    """One kind of page: which people's pages are behind, and the loop that brings them up to date.

    `states_of` makes the states of any number of people. `shown_of` is what a person's page shows of the board, where that
    is little: while it stays the same, news of the board is none for that page.
    """

    def __init__(
        self,
        app: web.Application,
        name: str,
        states_of: StatesOf,
        shown_of: ShownOf = lambda _: object(),
    ) -> None:
        self._app = app
        self._name = name
        self._states_of = states_of
        self._shown_of = shown_of
        self._shown: dict[int, object] = {}
        self._concerned: set[int] = set()
        self._behind: set[int] = set()
        self._has_board_changed = False
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._open_pages: Counter[int] = Counter()
        self._sent: dict[int, State] = {}
        bus = app[BUS]
        self._ends = [
            bus.subscribe(AgentChanged, lambda event: self.changed(event.user_id)),
            bus.subscribe(BoardChanged, lambda _: self._board_changed()),
            bus.subscribe(TicketChanged, lambda _: self._all_changed()),
        ]
        app[TASKS].loop(f"{name}_push", self._run)

    def changed(self, user_id: int) -> None:
        """What the pages of this person show is no longer so; never waits."""
        self._concerned.add(user_id)
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

    def _board_changed(self) -> None:
        self._has_board_changed = True
        self._wake.set()

    async def _run(self, beat: Callable[[], None]) -> None:
        while True:
            await woken(self._wake, beat)
            gathered_at = monotonic() + GATHER_S
            while (left_s := gathered_at - monotonic()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self._hurry.wait()
                self._hurry.clear()
                concerned, self._concerned = self._concerned, set()
                await self._bring(concerned)
            self._wake.clear()
            await self._bring(self._taken())

    def _taken(self) -> set[int]:
        """Whose pages are behind now; the next ones are gathered anew."""
        behind, self._behind = self._behind, set()
        if self._has_board_changed:
            behind |= {one for one in self._open_pages if self._shown_of(one) != self._shown.get(one)}
        self._has_board_changed = False
        return behind

    async def _bring(self, people: set[int]) -> None:
        """These people's open pages up to date."""
        if not (watching := people & self._open_pages.keys()):
            return
        self._shown.update((user_id, self._shown_of(user_id)) for user_id in watching)
        for user_id, message in (await self._states_of(watching)).items():
            self._send(user_id, message)

    def _send(self, user_id: int, message: State) -> None:
        shown = {key: value for key, value in message.items() if key != "now"}
        if shown != self._sent.get(user_id):
            self._sent[user_id] = shown
            self._app[HUB].send(self._topic(user_id), message)

    async def _message(self, user_id: int) -> State:
        return (await self._states_of([user_id]))[user_id]

    def _topic(self, user_id: int) -> str:
        return f"{self._name}:{user_id}"
