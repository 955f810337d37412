"""The tracker under any stream of events (hypothesis), and its small rules; whole stories are in `tests/replay`."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.traces import START, Row, feed, names, read

from ivr.tracking.live_call import TransferState, extension_of
from ivr.tracking.tracker import Tracker
from recordings import ledger

SOURCES = st.integers(0, 2**32).map(random.Random)
TRACES = {name: read(name) for name in names()}
CALLER, OPERATOR, LIAISON = "n1-1.1", "n1-1.2", "n1-1.3"


@pytest.mark.parametrize(
    ("channel", "extension"),
    [
        ("PJSIP/1001-0000002a", "1001"), ("PJSIP/w1001-0000002a", "1001"), ("PJSIP/trunk-00000001", "trunk"),
        ("PJSIP/guest01-00000001", "guest01"), ("PJSIP/wang-00000001", "wang"), ("Local/speak@whisper-1;2", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_extension_of_a_channel(channel: str, extension: str):
    """Desk and browser telephone of a person are the same extension."""
    assert extension_of(channel) == extension


def hangups(rows: list[Row]) -> list[Row]:
    channels = dict.fromkeys(row["Uniqueid"] for row in rows if row.get("Uniqueid"))
    return [{"Event": "Hangup", "Uniqueid": channel, "Cause": "16"} for channel in channels]


def hold_what_must_hold(rows: list[Row]) -> None:
    """No crash, no open call when all channels have ended, no negative talk, only words of the ledger."""
    tracker = Tracker()
    lines = feed(rows, tracker)
    seen = list(tracker.calls.values())
    lines += feed(hangups(rows), tracker)
    assert tracker.calls == {}
    assert all(call.talk_ms >= 0 for call in seen)
    assert {line.kind for line in lines} <= ledger.KINDS
    kinds = [(line.linkedid, line.kind) for line in lines]
    for linkedid in {line.linkedid for line in lines}:
        assert kinds.count((linkedid, ledger.ARRIVED)) == kinds.count((linkedid, ledger.ENDED)) == 1


@pytest.mark.parametrize("name", sorted(TRACES))
def test_who_is_in_which_call(name: str):
    """After each event: an extension is in the call that has a leg of it, one it has answered before one that rings."""
    tracker = Tracker()
    for row in TRACES[name]:
        feed([row], tracker)
        legs = [(leg, call) for call in tracker.calls.values() for leg in call.legs.values()]
        legs.sort(key=lambda pair: pair[0].answered_at is None)
        for extension in ("1001", "1002", "2001", "nobody"):
            call = next((call for leg, call in legs if leg.extension == extension), None)
            assert tracker.call_by_extension(extension) is call


@pytest.mark.parametrize("name", sorted(TRACES))
def test_every_event_twice(name: str):
    """A doubled trace adds neither calls nor answers."""
    once, twice = Tracker(), Tracker()
    rows = TRACES[name]
    told = [line.kind for line in feed(rows, once)]
    again = [line.kind for line in feed([row for row in rows for _ in range(2)], twice)]
    for kind in (ledger.ARRIVED, ledger.ANSWERED, ledger.BRIDGED, ledger.PARTY_LEFT, ledger.ENDED):
        assert again.count(kind) == told.count(kind)


@given(st.sampled_from(sorted(TRACES)), SOURCES)
@settings(max_examples=100, deadline=None)
def test_any_order(name: str, source: random.Random):
    """Events in any order: no crash, nothing left open."""
    rows = list(TRACES[name])
    source.shuffle(rows)
    hold_what_must_hold(rows)


@given(st.sampled_from(sorted(TRACES)), SOURCES, st.floats(0.05, 0.6))
@settings(max_examples=100, deadline=None)
def test_any_omission_and_duplication(name: str, source: random.Random, share: float):
    """Events lost or repeated, here and there: no crash, nothing left open."""
    rows = [row for row in TRACES[name] if source.random() > share]
    rows += [row for row in rows if source.random() < share]
    hold_what_must_hold(rows)


@given(st.sampled_from(sorted(TRACES)), SOURCES)
@settings(max_examples=100, deadline=None)
def test_missing_fields(name: str, source: random.Random):
    """Any field of any event may be missing or empty: what is incomplete is ignored."""
    rows = []
    for row in TRACES[name]:
        kept = {
            key: value
            for key, value in row.items()
            if "Did" in row or key == "Event" or source.random() > 0.15
        }
        rows.append({key: "" if "Did" not in row and key != "Event" and source.random() < 0.1 else value
                     for key, value in kept.items()})  # fmt: skip
    tracker = Tracker()
    feed(rows, tracker)
    feed(hangups(TRACES[name]), tracker)
    assert tracker.calls == {}


@given(st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=8)), max_size=20))
def test_unknown_events(rows: list[Row]):
    """Events nobody knows add nothing."""
    assert feed([{key: value for key, value in row.items() if key != "Did"} for row in rows], Tracker()) == []


@given(st.lists(st.sampled_from(sorted(TRACES)), min_size=2, max_size=4), SOURCES)
@settings(max_examples=30, deadline=None)
def test_calls_at_once_do_not_mix(chosen: list[str], source: random.Random):
    """Several calls interleaved tell the same lines as each alone."""
    streams = []
    for number, name in enumerate(chosen):
        streams.append([_renamed(row, f"c{number}-") for row in TRACES[name]])
    alone = {stream[0].get("Uniqueid", str(n)): feed(stream, Tracker()) for n, stream in enumerate(streams)}
    mixed = []
    queues = [list(stream) for stream in streams]
    while any(queues):
        mixed.append(source.choice([queue for queue in queues if queue]).pop(0))
    told = feed(mixed, Tracker())
    for lines in alone.values():
        if lines:
            assert [line for line in told if line.linkedid == lines[0].linkedid] == lines


def _renamed(row: Row, prefix: str) -> Row:
    keys = ("Uniqueid", "Linkedid", "linkedid", "DestUniqueid", "DestLinkedid", "BridgeUniqueid")
    return {key: prefix + value if key in keys else value for key, value in row.items()}


# --- small rules -----------------------------------------------------------------------------------------------


def channel(uniqueid: str, name: str, **more: str) -> Row:
    return {"Event": "Newchannel", "Uniqueid": uniqueid, "Linkedid": CALLER, "Channel": name, **more}


def arrived() -> list[Row]:
    return [
        channel(
            CALLER, "PJSIP/trunk-00000001", Context="from-trunk", Exten="96128", CallerIDNum="13900000001"
        )
    ]


def rung(uniqueid: str, device: str, status: str = "") -> list[Row]:
    rows = [channel(uniqueid, f"PJSIP/{device}-0000000a"), {"Event": "DialBegin", "DestUniqueid": uniqueid}]
    return [*rows, {"Event": "DialEnd", "DestUniqueid": uniqueid, "DialStatus": status}] if status else rows


def hung(uniqueid: str, cause: str = "16") -> list[Row]:
    return [{"Event": "Hangup", "Uniqueid": uniqueid, "Cause": cause}]


def consulting(tracker: Tracker) -> TransferState:
    """An operator talks to a liaison's two telephones, which ring."""
    feed([*arrived(), *rung(OPERATOR, "w1001", "ANSWER")], tracker)
    state = TransferState("attended", 7, "人社局", "李", ("2001",), "1001")
    tracker.calls[CALLER].transfer = state
    feed([*rung(LIAISON, "2001"), *rung("n1-1.4", "w2001")], tracker)
    return state


def test_the_other_telephone_stops_ringing():
    """A liaison who answers in the browser has not refused on the desk: the consultation goes on."""
    tracker = Tracker()
    state = consulting(tracker)
    rows = [
        {"Event": "DialEnd", "DestUniqueid": "n1-1.4", "DialStatus": "ANSWER"},
        {"Event": "DialEnd", "DestUniqueid": LIAISON, "DialStatus": "CANCEL"}, *hung(LIAISON, "26"),
    ]  # fmt: skip
    assert [line.kind for line in feed(rows, tracker)] == ["answered", "transfer_answered"]
    assert state.phase == "talking"


def test_consultation_fails_when_the_ladder_has_ended():
    """One telephone busy, the other still rings: nothing is lost yet; the person's last telephone tells why."""
    tracker = Tracker()
    state = consulting(tracker)
    busy = [{"Event": "DialEnd", "DestUniqueid": LIAISON, "DialStatus": "BUSY"}, *hung(LIAISON, "17")]
    assert feed(busy, tracker) == []
    assert state.phase == "ringing"
    declined = [
        {"Event": "DialEnd", "DestUniqueid": "n1-1.4", "DialStatus": "NOANSWER"},
        {"Event": "UserEvent", "UserEvent": "LadderEnd", "Linkedid": CALLER, "Uniqueid": OPERATOR},
        *hung("n1-1.4", "21"),
    ]
    assert [line.kind for line in feed(declined, tracker)] == ["no_answer", "transfer_failed"]
    assert (state.phase, state.why) == ("failed", "refused")


def test_call_that_has_ended_is_not_opened_again():
    """A late or repeated Newchannel of an ended call is no new call."""
    tracker = Tracker()
    assert feed([*arrived(), *hung(CALLER), *arrived()], tracker)[-1].kind == ledger.ENDED
    assert tracker.calls == {}


def test_telephones_of_the_staff_are_no_calls():
    """A channel that did not come from the trunk opens no call."""
    row = channel(CALLER, "PJSIP/1001-00000001", Context="from-staff", Exten="2001")
    assert feed([row], Tracker()) == []


def test_running_call_is_adopted_with_its_legs():
    """After an outage a call found running is taken up: one arrival, its legs answered, events followed."""
    tracker = Tracker()
    row = {"Uniqueid": CALLER, "Linkedid": CALLER, "Channel": "PJSIP/trunk-00000001", "Exten": "96128"}
    leg = {"Uniqueid": OPERATOR, "Linkedid": CALLER, "Channel": "PJSIP/1001-00000002", "ChannelState": "6"}
    assert [line.kind for line in tracker.adopt(row, START)] == ["arrived"]
    assert tracker.adopt(row, START) == tracker.adopt(leg, START) == tracker.adopt(leg, START) == []
    assert [line.kind for line in feed([*hung(OPERATOR), *hung(CALLER)], tracker)] == ["party_left", "ended"]


def test_call_out_begins_with_our_own_channel():
    """A call made from here is known before Asterisk tells of it, and its number is the citizen's."""
    tracker = Tracker()
    lines = tracker.expect_out(CALLER, "1001", "13900000001", "96128", START)
    row = channel(CALLER, "PJSIP/1001-00000001", Context="call-out")
    lines += feed([row, *rung(OPERATOR, "trunk", "ANSWER"), *hung(OPERATOR), *hung(CALLER)], tracker)
    assert [line.kind for line in lines] == [
        "arrived",
        "offered",
        "answered",
        "party_left",
        "party_left",
        "ended",
    ]
    assert [line.data["extension"] for line in lines if line.kind == "party_left"] == ["trunk", "1001"]
    assert lines[0].data == {"line": "96128", "caller": "13900000001", "direction": "out"}


def test_instants_that_run_backwards_give_no_negative_talk():
    """A clock set back during a talk counts as no talk, never as less than none."""
    tracker = Tracker()
    feed([*arrived(), *rung(OPERATOR, "1001", "ANSWER")], tracker)
    call = tracker.calls[CALLER]
    for uniqueid in (CALLER, OPERATOR):
        tracker.handle({"Event": "BridgeEnter", "Uniqueid": uniqueid, "BridgeUniqueid": "b"}, START)
    tracker.handle({"Event": "Hangup", "Uniqueid": CALLER}, START - timedelta(hours=1))
    assert call.talk_ms == 0
