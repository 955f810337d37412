"""Seats between the page's orders and Asterisk's word of them, which may come late."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ivr.board import Board
from ivr.queue.seats import LOST, OFTEN_WITHIN, QUEUE, UNSTEADY, Seats, Staff
from ivr.tracking.tracker import Tracker

DEVICE = "PJSIP/1001"
REMOVED = {"Event": "QueueMemberRemoved", "Queue": QUEUE, "Interface": DEVICE, "MemberName": "1001"}


class Telephone:
    """An Asterisk that does what it is asked."""

    async def action(self, name: str, **fields: object) -> dict[str, str]:
        return {}


class Standing:
    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture
def board() -> Board:
    return Board(Tracker())


@pytest.fixture
def seats(board: Board, clock: Standing) -> Seats:
    telephone: Any = Telephone()
    made = Seats(telephone, board, clock, lambda _: None)
    made.staff = {1: Staff(1, "operator1", "1001", "王话务", "1001", is_operator=True)}
    return made


async def ready(seats: Seats, board: Board) -> None:
    """At a desk telephone that can be reached."""
    await seats.sign_in(1, desk_phone=True)
    board.registered.add("1001")
    await seats.ready(1)


def state(board: Board) -> tuple[bool, str]:
    return board.seats[1].paused, board.seats[1].reason


async def test_a_seat_follows_its_telephone(seats: Seats, board: Board):
    """Paused with notice when it is lost, ready again by itself when it is back; another telephone of the person changes nothing."""
    await ready(seats, board)
    for other in ("w1001", "1002"):
        await seats.telephone_lost(other)
        assert state(board) == (False, "")
    await seats.telephone_lost("1001")
    assert state(board) == (True, LOST)
    await seats.telephone_back("1001")
    assert state(board) == (False, "")


async def test_what_the_operator_wants_is_kept(seats: Seats, board: Board):
    """Who pauses stays paused whatever the telephone does; who is ready without a telephone is as soon as there is one."""
    await ready(seats, board)
    await seats.pause(1, "小休")
    await seats.telephone_lost("1001")
    await seats.telephone_back("1001")
    assert state(board) == (True, "小休")
    board.registered.clear()
    await seats.ready(1)
    assert state(board) == (True, LOST)
    await seats.telephone_back("1001")
    assert state(board) == (False, "")


async def test_a_telephone_that_comes_and_goes_is_not_trusted(seats: Seats, board: Board, clock: Standing):
    """The third loss in ten minutes lasts until the operator is ready again, who begins anew; losses far apart do not count together."""
    await ready(seats, board)
    for reason in (LOST, LOST, UNSTEADY):
        await seats.telephone_lost("1001")
        assert state(board) == (True, reason)
        await seats.telephone_back("1001")
    assert state(board) == (True, UNSTEADY)
    await seats.ready(1)
    for _ in range(4):
        await seats.telephone_lost("1001")
        assert state(board) == (True, LOST)
        await seats.telephone_back("1001")
        clock.at += OFTEN_WITHIN / 2 + timedelta(seconds=1)


async def test_who_signs_in_again_at_once_keeps_the_seat(seats: Seats, board: Board):
    """Asterisk's word of the sign-out comes when the operator sits there again: only a removal by somebody else ends the seat."""
    await seats.sign_in(1, desk_phone=True)
    await seats.sign_out(1)
    await seats.sign_in(1, desk_phone=True)
    seats.removed(REMOVED)
    assert 1 in board.seats
    seats.removed(REMOVED)
    assert 1 not in board.seats
