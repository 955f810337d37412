"""Seats between the page's orders and Asterisk's word of them, which may come late."""

from datetime import UTC, datetime
from typing import Any

from ivr.board import Board
from ivr.queue.seats import QUEUE, Seats, Staff
from ivr.tracking.tracker import Tracker

DEVICE = "PJSIP/1001"
REMOVED = {"Event": "QueueMemberRemoved", "Queue": QUEUE, "Interface": DEVICE, "MemberName": "1001"}


class Telephone:
    """An Asterisk that does what it is asked."""

    async def action(self, name: str, **fields: object) -> dict[str, str]:
        return {}


class Standing:
    def now(self) -> datetime:
        return datetime(2026, 6, 1, 2, tzinfo=UTC)


async def test_who_signs_in_again_at_once_keeps_the_seat():
    """Asterisk's word of the sign-out comes when the operator sits there again: only a removal by somebody else ends the seat."""
    telephone: Any = Telephone()
    board = Board(Tracker())
    seats = Seats(telephone, board, Standing(), lambda _: None)
    seats.staff = {1: Staff(1, "operator1", "1001", "王话务", "1001", is_operator=True)}
    await seats.sign_in(1, desk_phone=True)
    await seats.sign_out(1)
    await seats.sign_in(1, desk_phone=True)
    seats.removed(REMOVED)
    assert 1 in board.seats
    seats.removed(REMOVED)
    assert 1 not in board.seats
