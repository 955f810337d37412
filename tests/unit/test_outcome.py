"""How calls end (M-57): the table of ends, from what the tracker and the menus know."""

from datetime import UTC, datetime

import pytest

from core.lines import Line
from core.units import Region
from ivr.flow.context import Caller
from ivr.tracking.live_call import LiveCall
from ivr.tracking.outcome import call_facts, how_ended
from recordings.models import CallEnd

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "outcome", "end"),
    [
        ({}, "", CallEnd.MENU),
        ({}, "self_service", CallEnd.SELF_SERVICE),
        ({}, "voicemail", CallEnd.VOICEMAIL),
        ({}, "complaint", CallEnd.COMPLAINT),
        ({"queued_at": NOW, "phase_before_end": "queue"}, "", CallEnd.QUEUE),
        ({"queued_at": NOW, "phase_before_end": "ringing"}, "self_service", CallEnd.QUEUE),
        ({"queued_at": NOW, "phase_before_end": "menu"}, "", CallEnd.MENU),
        ({"queued_at": NOW, "phase_before_end": "menu"}, "voicemail", CallEnd.VOICEMAIL),
        ({"answered_at": NOW}, "", CallEnd.OPERATOR),
        ({"answered_at": NOW}, "complaint", CallEnd.OPERATOR),
        ({"answered_at": NOW, "liaison": "2001"}, "", CallEnd.LIAISON),
        ({"liaison": "2001"}, "", CallEnd.LIAISON),
    ],
)
def test_how_ended(known: dict[str, object], outcome: str, end: CallEnd):
    """Whoever served the caller last and best gives the end its name; a queue left for the voicemail is a voicemail."""
    call = LiveCall("n1-1.1", "PJSIP/trunk-00000001", "96128", "13900000001", NOW)
    for name, value in known.items():
        setattr(call, name, value)
    assert how_ended(call, outcome) == end


@pytest.mark.parametrize("answered_at", [None, NOW])
def test_a_call_found_running_keeps_what_is_stored_of_it(answered_at: datetime | None):
    """Of a call whose beginning nothing tells only what was seen is written; without a talk seen, its end is not known."""
    call = LiveCall("n1-1.1", "PJSIP/trunk-00000001", "96128", "13900000001", NOW, is_partly_known=True)
    call.answered_at, call.ended_at = answered_at, NOW
    line = Line(number="96128", region_id=1, region=Region(id=1, code="5399"))
    facts = call_facts(call, Caller(call.linkedid, call, line), NOW, {})
    assert facts["end"] == (CallEnd.OPERATOR if answered_at else CallEnd.UNSEEN)
    assert not {"operator_id", "queued_at", "liaison_id", "node_path"} & facts.keys()
