"""Stories told from Asterisk's own CEL alone: rows of real calls in, the ledger lines a controller would have written out."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.ledger import cel
from ivr.tracking.live_call import LiveCall, Party, TransferState
from ivr.tracking.outcome import how_ended
from recordings import ledger
from recordings.models import CallEnd

TRACES = Path(__file__).parents[1] / "traces" / "cel"


def rows(name: str) -> list[cel.Row]:
    return cel.rows(cel.read((TRACES / f"{name}.csv").read_text().splitlines()))


def test_talk_is_told_whole():
    """Arrival, queue, ringing, answer, talk and both ends, each once and in order, of a call nobody watched."""
    told = cel.story(rows("talk"))
    assert [line.kind for line in told.lines] == [
        ledger.ARRIVED, ledger.QUEUED, ledger.OFFERED, ledger.ANSWERED, ledger.LEFT_QUEUE, ledger.BRIDGED,
        ledger.UNBRIDGED, ledger.PARTY_LEFT, ledger.ENDED,
    ]  # fmt: skip
    assert told.call is not None
    assert (told.call.line, told.call.caller, told.call.operator) == ("96128", "13900000003", "1001")
    assert told.call.ended_at == datetime(2026, 11, 25, 21, 12, 14, tzinfo=UTC)
    assert how_ended(told.call, "") == CallEnd.OPERATOR


def test_caller_who_gave_up_in_the_queue():
    """Nobody answered: the caller left the queue by hanging up."""
    waited = rows("queue")
    told = cel.story([*waited[:8], *waited[10:]])
    left = [line.data["why"] for line in told.lines if line.kind == ledger.LEFT_QUEUE]
    assert left == ["abandoned"]
    assert told.call is not None
    assert how_ended(told.call, "") == CallEnd.QUEUE


def test_caller_who_left_the_queue_by_key():
    """A key takes the caller out of the queue: nobody gave up."""
    left = [line.data["why"] for line in cel.story(rows("queue")).lines if line.kind == ledger.LEFT_QUEUE]
    assert left == ["other"]


def test_caller_whom_the_full_line_turned_away():
    """M-13: who hung up, or was let go, where the dialplan says that the line is full, is owed a call."""
    begins, *_, hangs_up = [
        row for row in rows("queue") if row.is_caller and row.event in ("CHAN_START", "HANGUP")
    ]
    told = cel.story([begins, replace(hangs_up, exten="full", context="from-trunk")])
    assert [line.kind for line in told.lines] == [ledger.ARRIVED, ledger.TURNED_AWAY, ledger.ENDED]
    assert told.call is not None
    assert told.call.is_turned_away


@pytest.mark.parametrize("known", range(10))
def test_only_what_a_ledger_lacks_is_added(known: int):
    """A ledger that ends anywhere in the story gets exactly the rest of it."""
    lines = cel.story(rows("talk")).lines
    stored = [(line.kind, line.channel) for line in lines[:known]]
    assert cel.missing(lines, stored) == lines[known:]


def test_call_cut_off_by_a_crash_has_no_end():
    """Rows that stop in mid-talk, the last one torn, tell what there is and no end."""
    text = (TRACES / "talk.csv").read_text().splitlines()[:11]
    told = cel.story(cel.rows(cel.read([*text, '"HANGUP","2026-11-25T21'])))
    assert told.call is None
    assert [line.kind for line in told.lines][-1] == ledger.BRIDGED
    assert told.running is not None
    assert (told.running.operator, told.running.phase) == ("1001", "talking")
    assert [leg.extension for leg in told.running.legs.values() if leg.bridge == told.running.bridge] == [
        "1001"
    ]


def test_liaison_is_no_operator():
    """Who is rung on the way to a department answers for a unit, and is not credited as an operator."""
    text = (TRACES / "talk.csv").read_text()
    for before, after in (("Queue", "Dial"), ("AppQueue", "AppDial"), ("operators", "to-department")):
        text = text.replace(f'"{before}"', f'"{after}"')
    told = cel.story(cel.rows(cel.read(text.splitlines())))
    (answered,) = [line for line in told.lines if line.kind == ledger.ANSWERED]
    assert answered.data["role"] == "liaison"
    assert told.call is not None
    assert (told.call.operator, told.call.liaison) == ("", "1001")


def test_a_transfer_that_the_ledger_has_is_told_on():
    """With the transfer handed in as a turn, who answers completes it and is credited by name, as by a controller."""
    text = (TRACES / "talk.csv").read_text()
    for before, after in (("Queue", "Dial"), ("AppQueue", "AppDial"), ("operators", "to-department")):
        text = text.replace(f'"{before}"', f'"{after}"')
    rows = cel.rows(cel.read(text.splitlines()))

    def begins(call: LiveCall) -> None:
        liaison = Party(("1001",), "李联络", 7, "liaison")
        call.transfer = TransferState("blind", 5, "民政局", "李联络", ("1001",), "1002", "1002", (liaison,))

    told = cel.story(rows, [(rows[0].at, begins)])
    (completed,) = [line for line in told.lines if line.kind == ledger.TRANSFER_ANSWERED]
    assert (completed.data["user"], completed.data["unit"]) == (7, 5)
    assert ledger.TRANSFER_COMPLETED in [line.kind for line in told.lines]
    assert told.call is not None
    assert (told.call.operator, told.call.liaison) == ("", "1001")
