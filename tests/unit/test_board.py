"""The board: what the desk shows of a seat."""

from datetime import UTC, datetime, timedelta

from ivr.board import Board, Seat
from ivr.tracking.live_call import Leg, LiveCall
from ivr.tracking.tracker import Tracker

START = datetime(2026, 6, 1, 2, tzinfo=UTC)


def board_with_call(answered_at: datetime | None) -> Board:
    tracker = Tracker()
    call = LiveCall("n1-1.0", "PJSIP/trunk-00000000", "96128", "13800138000", START)
    leg = Leg(
        "n1-1.1", "PJSIP/w1001-00000001", "1001", START + timedelta(seconds=10), answered_at=answered_at
    )
    call.legs[leg.uniqueid] = leg
    tracker.calls[call.linkedid] = call
    board = Board(tracker)
    board.seats[7] = Seat(7, "1001", "林", "1001", "PJSIP/w1001", paused=False, reason="", since_at=START)
    return board


def test_a_ringing_seat_counts_from_the_ring():
    """While the telephone rings the clock of the seat runs from the ring."""
    agent = board_with_call(None).agent(7)
    assert agent
    assert (agent.state, agent.since_at) == ("ringing", START + timedelta(seconds=10))


def test_a_talking_seat_counts_from_the_answer():
    """In a talk the clock of the seat runs from the answer."""
    agent = board_with_call(START + timedelta(seconds=15)).agent(7)
    assert agent
    assert (agent.state, agent.since_at) == ("talking", START + timedelta(seconds=15))
