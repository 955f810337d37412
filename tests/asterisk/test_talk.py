"""Talks on the real Asterisk, without the web (真实通话): operator, transfers, who hangs up first, survey, recording."""

import asyncio

import numpy as np
import pytest
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import SOUNDS
from support.quick import FOLDER, Quick, write_tone
from support.sipphone import Call, Phone, Policy
from support.tones import segments_with

from ivr.speech import spoken
from recordings.keeping import archive
from recordings.models import CallEnd, Recording, RecordingKind

pytestmark = pytest.mark.asyncio(loop_scope="session")
UNIT = "101"
HOLD_HZ = 1900


async def desk(on: Exchange, action: str) -> None:
    """What operator1's desk asks for: `blind_transfer`, `consult`…"""
    target = (on.city.units[UNIT],) if action in ("blind_transfer", "consult") else ()
    await getattr(on.control, action)(on.city.users["operator1"], *target)


async def to_the_end(on: Exchange, call: Call) -> None:
    """The caller listens until the hotline hangs up."""
    assert (await call.ended(30)).by == "remote"
    await on.record(call)


def seconds_of(on: Exchange, recording: Recording, channel: int, hz: float) -> float:
    samples = archive.samples(recording, on.city.hotline.settings.recordings)
    return sum(end - start for start, end in segments_with(np.ascontiguousarray(samples[:, channel]), hz))


# --- the talk --------------------------------------------------------------------------------------------------


async def test_talk_is_recorded_in_both_directions(exchange: Exchange, quick: Quick):
    """Caller and operator hear each other; the recording has the caller on the left and the operator on the right."""
    call, answered = await exchange.talking(await exchange.operator())
    assert exchange.seat().state == "talking"
    await asyncio.sleep(1.5)  # something to record
    await answered.hangup()
    await exchange.at_node(call, "CODE")
    await call.hangup()
    record = await exchange.record(call)
    (recording,) = await exchange.recordings(record)
    assert (recording.kind, recording.channels, recording.damaged) == (RecordingKind.TALK, 2, False)
    assert seconds_of(exchange, recording, 0, CALLER_HZ) > 1
    assert seconds_of(exchange, recording, 1, OPERATOR_HZ) > 1
    assert seconds_of(exchange, recording, 0, OPERATOR_HZ) == 0
    assert (record.end, record.operator_id) == (CallEnd.OPERATOR, exchange.city.users["operator1"])
    assert record.talk_ms > 1500
    assert len(await exchange.tickets(call)) == 1


async def test_operator_hangs_up_first(exchange: Exchange, quick: Quick):
    """The caller hears the code and is asked to rate; the key is the score; the seat is in wrap-up."""
    call, answered = await exchange.talking(await exchange.operator())
    await answered.hangup()
    await exchange.walk(call, ("SURVEY", "2"))
    await to_the_end(exchange, call)
    record = await exchange.record(call)
    assert await exchange.ratings(record) == [("operator", 2)]
    assert {"code_spoken", "surveyed"} <= set(await exchange.kinds(call))
    assert set(spoken.digits("0123456789")) & set(quick.prompts)
    assert exchange.seat().state == "wrapup"


async def test_no_key_is_not_rated(exchange: Exchange, quick: Quick):
    """A caller who presses nothing was asked and has not rated: never satisfied by silence."""
    quick.set_times(first_key_s=0.3, wait_s=0.2)
    call, answered = await exchange.talking(await exchange.operator())
    await answered.hangup()
    await to_the_end(exchange, call)
    assert await exchange.ratings(await exchange.record(call)) == [("operator", None)]


async def test_hang_up_in_the_survey_is_not_rated(exchange: Exchange, quick: Quick):
    """Who hangs up at the question was asked and has not rated."""
    call, answered = await exchange.talking(await exchange.operator())
    await answered.hangup()
    await exchange.at_node(call, "SURVEY")
    await call.hangup()
    record = await exchange.record(call)
    await exchange.until_rated(record)
    assert await exchange.ratings(record) == [("operator", None)]


async def test_hang_up_before_the_survey_was_not_asked(exchange: Exchange, quick: Quick):
    """Who hangs up while the code is spoken has not been asked: no rating row at all, and no code counted as heard."""
    quick.set_times(wait_s=3.0)
    call, answered = await exchange.talking(await exchange.operator())
    await answered.hangup()
    await exchange.at_node(call, "CODE")
    await call.hangup()
    record = await exchange.record(call)
    await exchange.until(lambda: not exchange.city.hotline.controller.dialogues.running)
    assert await exchange.ratings(record) == []
    kinds = await exchange.kinds(call)
    assert not {"code_spoken", "surveyed"} & set(kinds)
    assert record.end_node == "CODE"


async def test_unsatisfied_caller_may_complain_at_once(exchange: Exchange, quick: Quick):
    """Score 3 offers to record a complaint."""
    call, answered = await exchange.talking(await exchange.operator())
    await answered.hangup()
    await exchange.walk(call, ("SURVEY", "3"), ("SURVEY-BAD", "1"))
    await exchange.at_node(call, "C-REC")
    await call.hangup()
    assert await exchange.ratings(await exchange.record(call)) == [("operator", 3)]


async def test_caller_hangs_up_first(exchange: Exchange, quick: Quick):
    """The operator's phone is released and the seat goes to wrap-up; nobody was asked for a rating."""
    call, answered = await exchange.talking(await exchange.operator())
    await call.hangup()
    assert (await answered.ended(5)).by == "remote"
    record = await exchange.record(call)
    assert (record.end, await exchange.ratings(record)) == (CallEnd.OPERATOR, [])
    await exchange.until(lambda: exchange.seat().state == "wrapup")


async def test_very_short_talk_still_has_its_code(exchange: Exchange, quick: Quick):
    """An operator who hangs up at once: the caller hears a code, or, never joined to them, has the next operator."""
    first = await exchange.operator()
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"))
    answered = await first.incoming(10)
    await answered.answered()
    await answered.hangup()
    live = exchange.live(exchange.number(call))
    assert live
    second = await exchange.operator("operator2")
    await exchange.until(lambda: "CODE" in live.nodes or bool(second.calls), 15)
    if second.calls:
        await second.calls[0].until_hears(CALLER_HZ, timeout=10)
    await call.hangup()
    await exchange.record(call)
    joined = [data["extension"] for kind, data in await exchange.ledger(call) if kind == "bridged"]
    assert joined in ([["1002"]] if second.calls else [["1001"], []])
    assert len(await exchange.tickets(call)) == 1


async def test_unanswered_operator_is_passed_over(exchange: Exchange, quick: Quick):
    """An operator who does not take the call is paused and the next one rings."""
    first = await exchange.operator()
    first.on_invite = "busy"
    second = await exchange.operator("operator2")
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"))
    answered = await second.incoming(30)
    await answered.answered()
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()
    record = await exchange.record(call)
    assert record.operator_id == exchange.city.users["operator2"]


async def test_a_caller_who_calls_again_has_the_same_operator(exchange: Exchange, quick: Quick):
    """Of two who are ready the one who knows the matter is rung first, though the other has been idle longer."""
    first = await exchange.operator()
    phone = await exchange.caller()
    call = await exchange.dial(phone)
    await exchange.walk(call, ("MAIN", "0"))
    await (await first.incoming(15)).until_hears(CALLER_HZ, timeout=10)
    await call.hangup()
    await exchange.record(call)
    second = await exchange.operator("operator2")
    await exchange.until(lambda: exchange.seat().state == "wrapup")
    await exchange.control.ready(exchange.city.users["operator1"])
    again = await exchange.dial(phone)
    await exchange.walk(again, ("MAIN", "0"))
    await (await first.incoming(15)).until_hears(CALLER_HZ, timeout=10)
    assert second.calls == []
    await again.hangup()
    await exchange.until(lambda: exchange.live(phone.account.name) is None)


# --- transfers -------------------------------------------------------------------------------------------------


async def test_blind_transfer_answered(exchange: Exchange, quick: Quick):
    """The liaison talks to the caller, the operator is in wrap-up; one recording holds all three voices; both are rated."""
    operator, liaison = await exchange.operator(), await exchange.liaison()
    call, answered = await exchange.talking(operator)
    await desk(exchange, "blind_transfer")
    assert (await answered.ended(5)).by == "remote"
    leg = await liaison.incoming(15)
    await leg.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(LIAISON_HZ)
    await exchange.until(lambda: exchange.seat().state == "wrapup")
    await asyncio.sleep(1)
    await leg.hangup()
    await exchange.walk(call, ("SURVEY", "1"), ("SURVEY-UNIT", "2"))
    await to_the_end(exchange, call)
    record = await exchange.record(call)
    assert (record.end, record.liaison_id) == (CallEnd.LIAISON, exchange.city.users["liaison1"])
    assert record.liaison_unit_id == exchange.city.units[UNIT]
    assert await exchange.ratings(record) == [("operator", 1), ("unit", 2)]
    (recording,) = await exchange.recordings(record)
    assert seconds_of(exchange, recording, 1, OPERATOR_HZ) > 0.2
    assert seconds_of(exchange, recording, 1, LIAISON_HZ) > 0.8


@pytest.mark.parametrize(("policy", "why"), [("busy", "busy"), ("ignore", "no_answer")])
async def test_blind_transfer_comes_back(exchange: Exchange, quick: Quick, policy: Policy, why: str):
    """Busy or unanswered: the caller is back with the same operator, who is talking, not in wrap-up (M-24)."""
    operator, liaison = await exchange.operator(), await exchange.liaison()
    liaison.on_invite = policy
    call, _ = await exchange.talking(operator)
    await desk(exchange, "blind_transfer")
    again = await operator.incoming(25)
    await again.answered()
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await again.until_hears(CALLER_HZ)
    await exchange.until(lambda: exchange.seat().state == "talking")
    assert exchange.control.board.seats[exchange.city.users["operator1"]].wrap_up_call == ""
    await call.hangup()
    assert (await exchange.record(call)).end == CallEnd.OPERATOR
    told = await exchange.ledger(call)
    failed = next(index for index, (kind, _) in enumerate(told) if kind == "transfer_failed")
    returned = next(index for index, (kind, _) in enumerate(told) if kind == "returned")
    assert (told[failed][1]["why"], told[returned][1], failed < returned) == (why, {"to": "1001"}, True)
    assert len(await exchange.tickets(call)) == 1


async def _consult(on: Exchange, policy: Policy = "answer") -> tuple[Phone, Phone, Call, Call]:
    operator, liaison = await on.operator(), await on.liaison()
    liaison.on_invite = policy
    call, answered = await on.talking(operator)
    await desk(on, "consult")
    return operator, liaison, call, answered


async def test_attended_transfer(exchange: Exchange, quick: Quick):
    """The caller hears music, not the consultation; then talks to the liaison; both talks are recorded."""
    _, liaison, call, answered = await _consult(exchange)
    leg = await liaison.incoming(10)
    await leg.until_hears(OPERATOR_HZ, timeout=10)
    await answered.until_hears(LIAISON_HZ)
    await exchange.until(lambda: exchange.seat().state == "consulting")
    await call.until_sound()
    await asyncio.sleep(1)
    await desk(exchange, "complete_transfer")
    await leg.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(LIAISON_HZ)
    assert (await answered.ended(5)).by == "remote"
    await exchange.until(lambda: exchange.seat().state == "wrapup")
    await leg.hangup()
    await exchange.at_node(call, "CODE")
    await call.hangup()
    record = await exchange.record(call)
    talk, consult = sorted(await exchange.recordings(record), key=lambda row: row.kind, reverse=True)
    assert (talk.kind, consult.kind, record.end) == (
        RecordingKind.TALK,
        RecordingKind.CONSULT,
        CallEnd.LIAISON,
    )
    assert seconds_of(exchange, consult, 0, OPERATOR_HZ) > 0.8
    assert seconds_of(exchange, consult, 1, LIAISON_HZ) > 0.8
    assert seconds_of(exchange, consult, 0, CALLER_HZ) == 0
    assert "transfer_completed" in await exchange.kinds(call)


async def test_a_long_consultation_keeps_the_caller(exchange: Exchange, quick: Quick):
    """However long it takes, the caller is asked for patience again and again, stays the operator's, and is fetched back."""
    write_tone(SOUNDS / FOLDER / "hold-please.wav", HOLD_HZ, 0.5)
    ami = exchange.city.hotline.controller.ami
    await ami.action("Setvar", Variable="HOLD_TELL_S", Value=1)
    _, liaison, call, answered = await _consult(exchange)
    await (await liaison.incoming(10)).until_hears(OPERATOR_HZ, timeout=10)
    heard = await call.until_hears(HOLD_HZ, timeout=5)
    await call.until_hears(HOLD_HZ, timeout=5, since=heard + 0.7)
    assert exchange.seat().state == "consulting"
    await desk(exchange, "cancel_consult")
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await answered.until_hears(CALLER_HZ)
    await ami.action("Setvar", Variable="HOLD_TELL_S", Value=exchange.city.hotline.settings.calls.hold_tell_s)
    await call.hangup()
    await exchange.record(call)
    assert "returned" not in await exchange.kinds(call)


async def test_consultation_cancelled(exchange: Exchange, quick: Quick):
    """The operator takes the caller back; the liaison's phone stops ringing."""
    _, liaison, call, answered = await _consult(exchange, "ignore")
    leg = await liaison.incoming(10)
    await desk(exchange, "cancel_consult")
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await answered.until_hears(CALLER_HZ)
    assert (await leg.ended(5)).by == "remote"
    await call.hangup()
    await exchange.record(call)
    failed = [data["why"] for kind, data in await exchange.ledger(call) if kind == "transfer_failed"]
    assert failed == ["cancelled"]


async def test_a_consultation_recording_ends_with_it(exchange: Exchange, quick: Quick):
    """The operator's own recorder stops before the caller is back: what they say then is the talk's alone."""
    _, liaison, call, answered = await _consult(exchange)
    await (await liaison.incoming(10)).until_hears(OPERATOR_HZ, timeout=10)
    await desk(exchange, "cancel_consult")
    await answered.until_hears(CALLER_HZ, timeout=10)
    await answered.until_hears(CALLER_HZ, timeout=5, for_s=2)
    await call.hangup()
    record = await exchange.record(call)
    talk, consult = sorted(await exchange.recordings(record), key=lambda row: row.kind, reverse=True)
    assert seconds_of(exchange, talk, 0, CALLER_HZ) >= 2
    assert seconds_of(exchange, consult, 1, CALLER_HZ) == 0
    assert seconds_of(exchange, consult, 0, OPERATOR_HZ) < 2


@pytest.mark.parametrize(
    ("policy", "why"), [("busy", "busy"), ("decline", "refused"), ("ignore", "no_answer")]
)
async def test_consultation_without_a_liaison(exchange: Exchange, quick: Quick, policy: Policy, why: str):
    """The desk is told why nobody came, and takes the caller back."""
    _, _, call, _ = await _consult(exchange, policy)

    def failed() -> bool:
        shown = exchange.seat().call
        return shown is not None and shown.consult is not None and shown.consult.phase == "failed"

    await exchange.until(failed, 10)
    shown = exchange.seat().call
    assert shown is not None
    assert shown.consult is not None
    assert shown.consult.why == why
    await desk(exchange, "cancel_consult")
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()
    await exchange.record(call)


async def test_caller_leaves_during_the_consultation(exchange: Exchange, quick: Quick):
    """Operator and liaison are released, the seat goes to wrap-up, the consultation is kept."""
    _, liaison, call, answered = await _consult(exchange)
    leg = await liaison.incoming(10)
    await leg.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()
    await answered.ended(5)
    await leg.ended(5)
    await exchange.until(lambda: exchange.seat().state == "wrapup")
    record = await exchange.record(call)
    assert {row.kind for row in await exchange.recordings(record)} == {
        RecordingKind.TALK,
        RecordingKind.CONSULT,
    }
    failed = [data["why"] for kind, data in await exchange.ledger(call) if kind == "transfer_failed"]
    assert failed == ["abandoned"]


async def test_operator_leaves_during_the_consultation(exchange: Exchange, quick: Quick):
    """An operator whose phone hangs up while the caller hears music is rung again with the caller."""
    operator, liaison, call, answered = await _consult(exchange)
    leg = await liaison.incoming(10)
    await leg.until_hears(OPERATOR_HZ, timeout=10)
    await answered.hangup()
    again = await operator.incoming(10)
    await again.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(OPERATOR_HZ)
    await exchange.until(lambda: exchange.seat().state == "talking")
    await call.hangup()
    assert (await exchange.record(call)).end == CallEnd.OPERATOR


async def test_liaison_leaves_during_the_consultation(exchange: Exchange, quick: Quick):
    """The desk sees that the liaison has left; the caller is fetched back."""
    _, liaison, call, _ = await _consult(exchange)
    leg = await liaison.incoming(10)
    await leg.until_hears(OPERATOR_HZ, timeout=10)
    await leg.hangup()
    await exchange.until(lambda: "left" in str(exchange.seat().call), 5)
    await desk(exchange, "cancel_consult")
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()
    await exchange.record(call)


async def test_from_the_menu_to_the_department(exchange: Exchange, quick: Quick):
    """A caller who knows the code is put through without an operator; a ticket is there for the unit (M-33)."""
    liaison = await exchange.liaison()
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", UNIT), ("QD-OK", "1"))
    leg = await liaison.incoming(15)
    await leg.until_hears(CALLER_HZ, timeout=10)
    await leg.hangup()
    await exchange.at_node(call, "CODE")
    await exchange.walk(call, ("SURVEY-UNIT", "1"))
    await to_the_end(exchange, call)
    record = await exchange.record(call)
    assert (record.end, await exchange.ratings(record)) == (CallEnd.LIAISON, [("unit", 1)])
    assert len(await exchange.tickets(call)) == 1


async def test_department_from_the_menu_does_not_answer(exchange: Exchange, quick: Quick):
    """Nobody at the department: an operator takes the caller, and the ledger says why (M-12)."""
    liaison, operator = await exchange.liaison(), await exchange.operator()
    liaison.on_invite = "decline"
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", UNIT), ("QD-OK", "1"))
    await (await operator.incoming(20)).until_hears(CALLER_HZ, timeout=10)
    await call.hangup()
    record = await exchange.record(call)
    assert record.end == CallEnd.OPERATOR
    assert "TRANSFER>TRANSFER-FAILED>OP>OP-QUEUE" in record.node_path
    failed = [data["why"] for kind, data in await exchange.ledger(call) if kind == "transfer_failed"]
    assert failed == ["refused"]


async def test_code_spoken_during_the_talk(exchange: Exchange, quick: Quick):
    """The operator lets the caller hear the code and is then with the caller again (§5.5)."""
    operator = await exchange.operator()
    call, _ = await exchange.talking(operator)
    await exchange.until(lambda: (shown := exchange.seat().call) is not None and bool(shown.query_code))
    await desk(exchange, "play_code")
    again = await operator.incoming(30)
    await again.until_hears(CALLER_HZ, timeout=10)
    await call.hangup()
    record = await exchange.record(call)
    assert (record.end, len(await exchange.tickets(call))) == (CallEnd.OPERATOR, 1)
