"""Pushing states to open pages: one person's news at once, everybody's together, and none where nothing shown has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import pytest
from aiohttp import web
from support.killable import until

from agent_desktop import live
from agent_desktop.live import StatePush
from core.bus import Bus
from core.clock import SystemClock
from core.tasks import Tasks
from core.web.keys import BUS, HUB, TASKS
from ivr.events import AgentChanged, BoardChanged
from tickets.events import TicketChanged

PEOPLE = {1, 2, 3}


class FakeHub:
    def __init__(self) -> None:
        self.sent: list[str] = []

    async def serve(self, _: object, *, topic: str, first: Callable[[], Any]) -> None:
        del topic
        await first()
        await asyncio.Event().wait()

    def send(self, topic: str, _: object) -> None:
        self.sent.append(topic)


class Pages:
    """Open pages of three people, whose states are new whenever they are made."""

    def __init__(self) -> None:
        self.app, self.bus, self.hub = web.Application(), Bus(), FakeHub()
        self.tasks = Tasks(SystemClock())
        self.app[BUS], self.app[HUB], self.app[TASKS] = self.bus, self.hub, self.tasks  # type: ignore[misc]
        self.made: list[set[int]] = []
        self.looked: list[int] = []
        self.on_board = dict.fromkeys(PEOPLE, "")

    async def states_of(self, people: Collection[int]) -> dict[int, dict[str, Any]]:
        self.made.append(set(people))
        return {one: {"number": len(self.made)} for one in people}

    def shown_of(self, one: int) -> str:
        self.looked.append(one)
        return self.on_board[one]

    async def open(self, push: StatePush) -> None:
        for one in PEOPLE:
            self.tasks.job(push.serve(None, one), "page")  # type: ignore[arg-type]
        await until(lambda: len(self.made) == len(PEOPLE))
        self.made.clear()


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    one = Pages()
    yield one
    await one.tasks.close()


async def test_ones_own_news_come_first(pages: Pages, monkeypatch: pytest.MonkeyPatch):
    """Whose telephone rings sees it before what concerns all is made, for all in one go."""
    monkeypatch.setattr(live, "GATHER_S", 0.1)
    await pages.open(StatePush(pages.app, "desk", pages.states_of))
    pages.bus.deliver(BoardChanged())
    pages.bus.deliver(AgentChanged(2))
    pages.bus.deliver(BoardChanged())
    await until(lambda: len(pages.hub.sent) == 1 + len(PEOPLE))
    assert pages.made == [{2}, PEOPLE]
    assert pages.hub.sent[0] == "desk:2"


async def test_the_calls_of_others_are_no_news(pages: Pages, monkeypatch: pytest.MonkeyPatch):
    """A page that shows little of the board is made anew when that has changed, or a ticket, and not for every call."""
    monkeypatch.setattr(live, "GATHER_S", 0.01)
    await pages.open(StatePush(pages.app, "liaison", pages.states_of, pages.shown_of))
    pages.bus.deliver(TicketChanged("1"))
    await until(lambda: pages.made == [PEOPLE])
    pages.looked.clear()
    pages.bus.deliver(BoardChanged())
    await until(lambda: set(pages.looked) == PEOPLE)
    pages.on_board[3] = "rings"
    pages.bus.deliver(BoardChanged())
    await until(lambda: len(pages.made) == 2)
    assert pages.made[1] == {3}
