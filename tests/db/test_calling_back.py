"""Whose turn it is to be called back, on both engines: counted over the callers of all nodes."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from support.fake_control import FakeBoard, live_call
from support.tickets import City, build_city

from core.db import Database
from ivr.board import Board, Seat, WaitingView
from ivr.models import OwedCall, OwedKind
from ivr.queue import owed_calls
from ivr.queue.calling_back import CallingBack
from ivr.tracking.tracker import Tracker

OPERATOR, NUMBER, QUEUE = 7, "13800005678", "operators"
SOONER, LATER = timedelta(seconds=-1), timedelta(seconds=1)


class Calls:
    """Call control and seats, as far as calling back orders anything of them."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int]] = []
        self.on_free: Any = None

    async def return_call(self, user_id: int, owed_call_id: int) -> None:
        self.made.append((user_id, owed_call_id))

    async def hold_back(self, seat: Seat, reason: str) -> None:
        assert (seat.user_id, reason) == (OPERATOR, "回拨")


@pytest.fixture
async def city(db: Database) -> City:
    return await build_city(db)


async def kept(city: City) -> OwedCall:
    async with city.db.unit_of_work() as session:
        call = await city.call(session, NUMBER, queued_at=city.clock.now())
        row = await owed_calls.owe(session, call_id=call.id, kind=OwedKind.KEPT_PLACE)
    assert row is not None
    return row


async def called(city: City, everywhere: FakeBoard) -> list[tuple[int, int]]:
    """What is called back when the only operator of this node becomes free."""
    board, calls = Board(Tracker()), Calls()
    board.seats[OPERATOR] = Seat(
        OPERATOR, "1001", "王话务", "1001", "PJSIP/w1001", paused=True, reason="", since_at=city.clock.now(),
        queues={QUEUE: 0},
    )  # fmt: skip
    controller: Any = SimpleNamespace(board=board, seats=calls)
    control: Any = calls
    back = CallingBack(
        controller, control, everywhere, everywhere.waiting, city.db, city.clock, city.db.bus,
        lambda line, language: QUEUE,
    )  # fmt: skip
    assert await back.take_turn(OPERATOR) == bool(calls.made)
    return calls.made


async def test_nobody_of_any_node_is_overtaken(city: City) -> None:
    """The kept place's turn comes when nobody in the operator's queues, at whichever node, has waited longer."""
    row = await kept(city)

    def waits(since: timedelta, queue: str = QUEUE) -> FakeBoard:
        return FakeBoard(queue=[WaitingView("n2-1.1", "96128", None, row.asked_at + since, queue)])

    assert await called(city, waits(SOONER)) == []
    assert await called(city, waits(SOONER, "")) == [], "on the way into a queue"
    for everywhere in (waits(LATER), waits(SOONER, "operators-bai"), FakeBoard()):
        assert await called(city, everywhere) == [(OPERATOR, row.id)]


async def test_who_is_on_the_line_already_is_not_called(city: City) -> None:
    """Somebody who keeps a place and calls again meanwhile, at another node too, is not rung besides."""
    await kept(city)
    assert await called(city, FakeBoard(live=[live_call("n2-1.1", caller_number=NUMBER)])) == []
