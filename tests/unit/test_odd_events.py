"""The controller under any stream of AMI events (hypothesis): unknown, incomplete, doubled, in any order.

What the tracker makes of them is `test_tracker`'s; here every kind that anybody listens to goes the whole way, to seats,
dialogues, supervisors and what follows from a call's story.
"""

import random
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.traces import Row, names, read

from ivr.controller import SUPERVISORS_EVENTS, Controller
from ivr.queue.seats import Staff
from ivr.tracking.live_call import LedgerLine

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
SOURCES = st.integers(0, 2**32).map(random.Random)
IDS = ("Event", "Uniqueid", "Linkedid")
ODD = ["", "0", "-1", "nan", "1e999", "\N{SNOWMAN}", "PJSIP/1001-", "x" * 2000]
SUPERVISOR = {"Event": "OriginateResponse", "Uniqueid": "n1-sup-1", "Channel": "PJSIP/1001-00000001",
              "Response": "Failure"}  # fmt: skip


class Nobody:
    """The rest of the hotline: takes everything, does nothing."""

    up = False

    def __init__(self) -> None:
        self.lines: list[LedgerLine] = []

    def now(self) -> datetime:
        return NOW

    def add(self, *lines: LedgerLine) -> None:
        self.lines += lines

    def set_facts(self, *_: object, **__: object) -> None: ...
    def deliver(self, _: object) -> None: ...
    def post(self, *_: object, **__: object) -> None: ...

    async def action(self, *_: object, **__: object) -> dict[str, str]:
        return {}

    async def followed(self, *_: object) -> None: ...

    def job(self, work: Any, _: str) -> Any:
        work.close()
        return SimpleNamespace(done=lambda: True)


def controller() -> tuple[Controller, Nobody]:
    nobody: Any = Nobody()
    line = SimpleNamespace(number="96128", region_id=1)
    deps: Any = SimpleNamespace(
        clock=nobody, bus=nobody, tasks=nobody, flow=SimpleNamespace(journal=nobody), menus=None, sound=str,
        lines={"96128": line}, on_answered=nobody.followed, on_liaison=nobody.followed,
        on_transfer_failed=nobody.followed, on_ended=nobody.followed,
    )  # fmt: skip
    found = Controller(deps, lambda **_: nobody)
    found.seats.staff = {1: Staff(1, "a", "1001", "甲", "1001", is_operator=True)}
    return found, nobody


def rows(name: str) -> list[Row]:
    """A recorded call, with the kinds of events that no trace has."""
    recorded = [row for row in read(name) if "Did" not in row]
    begun = [{**row, "Event": "DTMFBegin"} for row in recorded if row["Event"] == "DTMFEnd"]
    return [*recorded, *begun, SUPERVISOR]


TRACES = {name: rows(name) for name in names()}


def all_is_over(events: list[Row]) -> None:
    """Inside a loop, where dialogues set their timers: nothing raises; when every channel has ended no call is open, and each has one beginning and one end."""
    found, nobody = controller()
    channels = dict.fromkeys(row["Uniqueid"] for row in events if row.get("Uniqueid"))
    ends = [{"Event": "Hangup", "Uniqueid": channel, "Cause": "16"} for channel in channels]
    for event in (*events, *ends):
        found._on_event(event)
    assert found.tracker.calls == {}
    told = [(line.linkedid, line.kind) for line in nobody.lines]
    for linkedid in {line.linkedid for line in nobody.lines}:
        assert told.count((linkedid, "arrived")) == told.count((linkedid, "ended")) == 1


def test_every_kind_that_is_listened_to_is_among_them():
    """A kind of event that is taken up from now on comes into these tests, or this one fails."""
    found, _ = controller()
    listened = {*found._handlers, *found.tracker._handlers, *SUPERVISORS_EVENTS}
    assert listened <= {row["Event"] for trace in TRACES.values() for row in trace}


@pytest.mark.parametrize("name", sorted(TRACES))
async def test_every_event_twice(name: str):
    """A doubled call begins once and ends once."""
    all_is_over([event for event in TRACES[name] for _ in range(2)])


@given(st.sampled_from(sorted(TRACES)), SOURCES, st.floats(0, 0.6))
@settings(max_examples=100, deadline=None)
async def test_any_order_omission_and_duplication(name: str, source: random.Random, share: float):
    """Events lost, repeated and out of order, from arrival to hang-up: nothing raises, nothing stays open."""
    events = [event for event in TRACES[name] if source.random() > share]
    events += [event for event in events if source.random() < share]
    source.shuffle(events)
    all_is_over(events)


@given(st.sampled_from(sorted(TRACES)), SOURCES)
@settings(max_examples=100, deadline=None)
async def test_fields_missing_or_odd(name: str, source: random.Random):
    """Any field but the event's name and ids may lack or hold anything: what is incomplete is ignored."""

    def odd(event: Row) -> Row:
        kept = {key: value for key, value in event.items() if key == "Event" or source.random() > 0.15}
        return {
            key: source.choice(ODD) if source.random() < 0.1 and key not in IDS else value
            for key, value in kept.items()
        }

    all_is_over([odd(event) for event in TRACES[name]])


@given(st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=8)), max_size=20))
def test_unknown_events(events: list[dict[str, str]]):
    """Events nobody knows, with fields of any name, add nothing."""
    found, nobody = controller()
    for event in events:
        found._on_event({**event, "Event": "Nobody" + event.get("Event", "")})
    assert nobody.lines == []
