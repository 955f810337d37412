"""Recorded AMI traces in, the story of the call out (录制轨迹): one story per file in `tests/traces`.

`tests/support/record_traces.py` records them with the real Asterisk and our dialplan.
"""

import pytest
from support.traces import feed, names, read, story

from ivr.tracking.live_call import LedgerLine
from ivr.tracking.tracker import Tracker

TALK = ["queued", "offered 1001", "answered 1001", "left_queue answered", "bridged 1001"]
"""From the queue to an operator who answers."""
HANG_UP_1001 = ["unbridged", "party_left 1001"]
STORIES: dict[str, list[str]] = {
    "talk_and_hang_up": [*TALK, *HANG_UP_1001],
    "caller_hangs_up_in_talk": [*TALK, *HANG_UP_1001],
    "hold_and_resume": [*TALK, "held", "resumed", *HANG_UP_1001],
    "blind_answered": [
        *TALK, *HANG_UP_1001, "offered 2001", "answered 2001", "transfer_answered 2001", "bridged 2001",
        "transfer_completed 2001 blind", "unbridged", "party_left 2001",
    ],
    "blind_busy_returned": [
        *TALK, *HANG_UP_1001, "offered 2001", "no_answer 2001 busy", "transfer_failed busy blind", "offered 1001",
        "answered 1001", "returned 1001", "bridged 1001", *HANG_UP_1001,
    ],
    "blind_unanswered_returned": [
        *TALK, *HANG_UP_1001, "offered 2001", "no_answer 2001 timeout", "transfer_failed no_answer blind",
        "offered 1001", "answered 1001", "returned 1001", "bridged 1001", *HANG_UP_1001,
    ],
    "blind_refused_to_queue": [
        *TALK, *HANG_UP_1001, "offered 2001", "no_answer 2001 refused", "transfer_failed refused blind",
        "offered 1001", "no_answer 1001 busy", "returned queue", "queued", "offered 1002", "answered 1002",
        "left_queue answered", "bridged 1002", "unbridged", "party_left 1002",
    ],
    "attended_completed": [
        *TALK, "unbridged", "offered 2001", "answered 2001", "transfer_answered 2001", "bridged 2001",
        "transfer_completed 2001 attended", "party_left 1001", "unbridged", "party_left 2001",
    ],
    "attended_cancelled": [*TALK, "unbridged", "offered 2001", "bridged 1001", *HANG_UP_1001],
    "attended_refused": [
        *TALK, "unbridged", "offered 2001", "no_answer 2001 refused", "transfer_failed refused attended",
        "bridged 1001", *HANG_UP_1001,
    ],
    "leaves_in_consult": [
        *TALK, "unbridged", "offered 2001", "answered 2001", "transfer_answered 2001",
        "transfer_failed abandoned attended",
    ],
    "leaves_in_menu": [],
    "leaves_in_queue": ["queued", "offered 1001", "no_answer 1001 cancelled", "left_queue abandoned"],
    "menu_transfer_answered": [
        "offered 2001", "answered 2001", "transfer_answered 2001", "bridged 2001", "transfer_completed 2001 menu",
        "unbridged", "party_left 2001",
    ],
    "voicemail_at_night": [],
}  # fmt: skip
"""What is told between the arrival and the end, which every story has."""


def told(name: str) -> list[LedgerLine]:
    return feed(read(name), Tracker())


def test_every_trace_has_its_story():
    """No trace lies about unread, no story without its trace."""
    assert names() == sorted(STORIES)


@pytest.mark.parametrize("name", sorted(STORIES))
def test_story(name: str):
    """What Asterisk told becomes exactly these lines, in this order."""
    assert story(told(name)) == ["arrived", *STORIES[name], "ended"]


@pytest.mark.parametrize("name", sorted(STORIES))
def test_nobody_is_left(name: str):
    """When every channel has ended no call is open, and all lines belong to the one call."""
    tracker = Tracker()
    lines = feed(read(name), tracker)
    assert (tracker.calls, tracker._owner) == ({}, {})
    assert len({line.linkedid for line in lines}) == 1


@pytest.mark.parametrize("name", sorted(STORIES))
def test_lines_follow_the_clock(name: str):
    """The lines' instants never run backwards."""
    instants = [line.at for line in told(name)]
    assert instants == sorted(instants)


@pytest.mark.parametrize(
    "name", [name for name, lines in STORIES.items() if "queued" in lines[:1] and len(lines) > 4]
)
def test_waiting_is_measured_from_the_queue(name: str):
    """The first answer tells how long the caller waited for it, counted from the queue."""
    lines = told(name)
    queued = next(line.at for line in lines if line.kind == "queued")
    answered = next(line for line in lines if line.kind == "answered")
    assert abs(answered.data["wait_ms"] - (answered.at - queued).total_seconds() * 1000) <= 1


def test_returned_call_has_waited_since_it_rang():
    """The answer after a failed transfer counts from that ring, not from the first queue."""
    first, again = (line for line in told("blind_unanswered_returned") if line.data.get("role") == "operator")
    assert again.data["wait_ms"] < 1000 < (again.at - first.at).total_seconds() * 1000
