"""Calls through the menus on the real Asterisk, without the web (真实来电): keys, messages, codes, bad input."""

import asyncio
from datetime import date, datetime

import pytest
from sqlalchemy import select
from support.calls import CALLER_HZ, Exchange
from support.listening import LATE_S
from support.quick import PROMPT_HZ, Quick
from support.rawsip import garbage, send_raw
from support.sipphone import Call, CallRefused
from support.tones import hears

from core.accounts import find_user
from core.units import Unit, UnitDuty
from ivr.flow.context import HotAnswer
from ivr.speech import spoken
from recordings.keeping import archive
from recordings.models import CallEnd, RecordingKind
from tickets.finances import way
from tickets.finances.stages import Level
from tickets.finances.way import Draft
from tickets.models import Step

pytestmark = pytest.mark.asyncio(loop_scope="session")
NIGHT = datetime.fromisoformat("2026-06-01T22:00:00+08:00")
SPEAK_S = 4.5
"""A message counts from three seconds on; prompt and beep take half a second."""
DEPARTMENT = (("MAIN", "1"), ("Q", "1"), ("QD", "1"))


async def until_told(exchange: Exchange, call: Call, kind: str, count: int = 1) -> None:
    """Wait until the ledger has so many lines of a kind."""
    async with asyncio.timeout(15):
        while (await exchange.kinds(call)).count(kind) < count:
            await asyncio.sleep(0.05)


async def leave_message(exchange: Exchange, call: Call, node: str) -> None:
    """Speak (a tone) for over three seconds after the record prompt and its beep, end with #."""
    await exchange.at_node(call, node)
    await asyncio.sleep(SPEAK_S)
    await call.dtmf("#")


# --- keys ------------------------------------------------------------------------------------------------------


async def test_key_held_beyond_its_prompt_costs_no_prompt(exchange: Exchange, quick: Quick):
    """A key that is down when its menu's time ends is taken, and the next prompt, which its end cuts off, comes again."""
    quick.set_time("MAIN", first_key_s=0.6)
    call = await exchange.dial()
    await exchange.at_node(call, "MAIN")
    (press,) = await call.dtmf("1", press_ms=1500)
    await exchange.at_node(call, "Q")
    await call.until_hears(PROMPT_HZ, for_s=0.02, since=press.ended_at - LATE_S, timeout=4)
    await call.hangup()
    record = await exchange.record(call)
    assert record.node_path == "WELCOME>MAIN>Q"


async def test_menu_is_heard_and_walked_by_keys(exchange: Exchange):
    """The real prompts are heard; keys walk to a department; the ledger names every node and key, codes hidden."""
    call = await exchange.dial()
    await call.until_sound(timeout=2)
    await exchange.walk(call, *DEPARTMENT, ("QD-CODE", "101"))
    await exchange.at_node(call, "QD-OK")
    await call.until_sound(timeout=3)
    await call.hangup()
    record = await exchange.record(call)
    assert (record.end, record.end_node, record.talk_ms) == (CallEnd.MENU, "QD-OK", 0)
    assert record.node_path == "WELCOME>MAIN>Q>QD>QD-CODE>QD-OK"
    assert [data["key"] for kind, data in await exchange.ledger(call) if kind == "key"] == [
        "1",
        "1",
        "1",
        "•••",
    ]


async def test_key_cuts_the_prompt_and_the_next_follows_at_once(exchange: Exchange):
    """Who knows the menu does not wait: the prompt stops at the key, and there is no hole before the next one."""
    call = await exchange.dial()
    await call.until_sound(timeout=2)
    (key,) = await call.dtmf("1")
    await exchange.at_node(call, "Q", 2)
    assert await call.until_sound(timeout=3, since=key.ended_at) - key.ended_at < 0.5


async def test_unknown_department_code(exchange: Exchange, quick: Quick):
    """A code nobody has is told so and asked again; 0 then reaches a person."""
    call = await exchange.dial()
    await exchange.walk(call, *DEPARTMENT, ("QD-CODE", "999"))
    await until_told(exchange, call, "invalid")
    assert "unknown-unit-code" in quick.prompts
    await call.dtmf("0")
    await exchange.been_at(call, "OP-QUEUE")
    await call.hangup()
    assert (await exchange.record(call)).node_path.startswith("WELCOME>MAIN>Q>QD>QD-CODE>OP>OP-QUEUE")


async def test_forty_digits(exchange: Exchange, quick: Quick):
    """Forty digits in one go end with a person; the call lives, the digits are hidden."""
    call = await exchange.dial()
    await exchange.walk(call, *DEPARTMENT, ("QD-CODE", "9"))
    await call.dtmf("9" * 39, gap_ms=60, press_ms=60)
    await exchange.been_at(call, "OP-QUEUE")
    assert call.ending is None
    await call.hangup()
    await exchange.record(call)
    keys = [data for kind, data in await exchange.ledger(call) if kind == "key" and data["node"] == "QD-CODE"]
    assert [data["key"] for data in keys] == ["•••"] * 3


async def test_no_key_at_all(exchange: Exchange, quick: Quick):
    """A caller who presses nothing is asked three times and then put through to a person (M-22)."""
    quick.set_times(first_key_s=0.3)
    call = await exchange.dial()
    await exchange.been_at(call, "OP-QUEUE")
    await call.hangup()
    await exchange.record(call)
    told = [(kind, data["node"]) for kind, data in await exchange.ledger(call) if kind in ("timeout", "node")]
    main = told.index(("node", "MAIN"))
    assert told[main : main + 5] == [("node", "MAIN"), *[("timeout", "MAIN")] * 3, ("node", "OP")]
    assert (quick.prompts.count("no-input"), quick.prompts.count("too-many-tries")) == (3, 1)


HANG_UPS = {
    "menu": ([("MAIN", "1")], "Q"),
    "entry": ([*DEPARTMENT], "QD-CODE"),
    "list": ([("MAIN", "1"), ("Q", "3")], "QH"),
    "record": ([("MAIN", "2"), ("C", "2")], "C-REC"),
}


@pytest.mark.parametrize("kind", HANG_UPS)
async def test_hang_up_at_every_kind_of_node(exchange: Exchange, quick: Quick, kind: str):
    """Wherever a caller hangs up there is a call record with that node, its last line says the end, nothing after."""
    quick.set_hot_answers(HotAnswer("社保卡丢失", "请带身份证办理。"))
    steps, node = HANG_UPS[kind]
    call = await exchange.dial()
    await exchange.walk(call, *steps)
    await exchange.at_node(call, node)
    await call.hangup()
    record = await exchange.record(call)
    assert (record.end, record.end_node) == (CallEnd.MENU, node)
    told = await exchange.ledger(call)
    assert told[-1] == ("ended", {"cause": told[-1][1]["cause"], "node": node})


async def test_hang_up_in_the_welcome(exchange: Exchange):
    """A caller who changes their mind during the welcome has a record that says so."""
    call = await exchange.dial()
    await call.until_sound(timeout=2)
    await call.hangup()
    record = await exchange.record(call)
    assert (record.end, record.node_path) == (CallEnd.MENU, "WELCOME")
    assert await exchange.kinds(call) == ["arrived", "node", "ended"]


async def test_hang_up_in_the_queue(exchange: Exchange, quick: Quick):
    """A caller who gives up while the operator's phone rings was abandoned in the queue (K: not answered)."""
    operator = await exchange.operator()
    operator.on_invite = "ignore"
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"))
    await (await operator.incoming(10)).ringing()
    await call.hangup()
    record = await exchange.record(call)
    assert (record.end, record.end_node, record.answered_at) == (CallEnd.QUEUE, "OP-QUEUE", None)
    assert record.queued_at is not None


async def test_list_and_answer(exchange: Exchange, quick: Quick):
    """A hot question is chosen from the list and its answer spoken: served by the menus alone (M-18)."""
    quick.set_hot_answers(
        HotAnswer("社保卡丢失", "请带身份证办理。"), HotAnswer("换领身份证", "请到派出所。")
    )
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "1"), ("Q", "3"), ("QH", "2"))
    await exchange.at_node(call, "QH-ANSWER")
    await call.hangup()
    assert (await exchange.record(call)).end == CallEnd.SELF_SERVICE
    assert "press-2" in quick.prompts


# --- messages --------------------------------------------------------------------------------------------------


async def test_voicemail_out_of_hours_gives_a_code_that_works(exchange: Exchange, quick: Quick):
    """At night key 0 leads to the voicemail; it becomes a ticket whose code, typed in another call, tells the state."""
    exchange.city.clock.move_to(NIGHT)
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"))
    await leave_message(exchange, call, "VM-REC")
    await exchange.walk(call, ("VM-REVIEW", "3"), ("VM-NUM", "1"))
    live = await exchange.at_node(call, "CODE")
    code = exchange.city.hotline.controller.callers[live.linkedid].query_code
    await call.hangup()
    record = await exchange.record(call)
    assert record.end == CallEnd.VOICEMAIL
    assert "closed-hours" in quick.prompts
    (ticket,) = await exchange.tickets(call)
    (recording,) = await exchange.recordings(record)
    assert (recording.kind, recording.damaged, ticket.call_id) == (RecordingKind.VOICEMAIL, False, record.id)
    assert recording.duration_ms >= 3000
    samples = archive.samples(recording, exchange.city.hotline.settings.recordings)
    assert hears(samples[8000:24000].reshape(-1), CALLER_HZ)
    await _ask_by_code(exchange, quick, code)


async def _ask_by_code(exchange: Exchange, quick: Quick, code: str) -> None:
    assert all(digit in quick.prompts for digit in spoken.digits(code))
    quick.prompts.clear()
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "3"), ("S", code))
    await exchange.at_node(call, "S-OK")
    await exchange.until(lambda: "status-menu" in quick.prompts)
    assert "handled-now" in quick.prompts
    await call.hangup()
    assert (await exchange.record(call)).node_path == "WELCOME>MAIN>S>S-OK"
    assert {"node": "S", "key": "•" * 12} in [
        data for kind, data in await exchange.ledger(call) if kind == "key"
    ]


async def test_complaint_at_night(exchange: Exchange, quick: Quick):
    """A complaint is taken at 22:00 as at any hour (M-50): a ticket with its recording; a key says what it is about (M-136)."""
    exchange.city.clock.move_to(NIGHT)
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "2"), ("C", "2"))
    await leave_message(exchange, call, "C-REC")
    await exchange.walk(call, ("C-REVIEW", "3"), ("C-CAUSE", "2"))
    await exchange.at_node(call, "THANKS")
    await call.hangup()
    record = await exchange.record(call)
    (ticket,) = await exchange.tickets(call)
    (recording,) = await exchange.recordings(record)
    assert (record.end, ticket.kind, ticket.cause) == (CallEnd.COMPLAINT, "complaint", "dragging")
    assert recording.kind == RecordingKind.COMPLAINT


async def test_complaint_about_published_finances(exchange: Exchange, quick: Quick):
    """M-116: press through to the township; the ticket lands with the body named for it, its subject needs no further key."""
    town, body = await _publisher(exchange)
    exchange.city.clock.move_to(NIGHT)
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "2"), ("C", "3"), ("C-FIN-UNIT", "1"))
    await leave_message(exchange, call, "C-REC")
    await exchange.walk(call, ("C-REVIEW", "3"))
    await exchange.at_node(call, "THANKS")
    await call.hangup()
    record = await exchange.record(call)
    (ticket,) = await exchange.tickets(call)
    async with exchange.city.hotline.db.reading() as session:
        holders = (await session.scalars(select(Step.unit_id).where(Step.ticket_id == ticket.id))).all()
    assert (record.end, ticket.kind, ticket.cause) == (CallEnd.COMPLAINT, "complaint", "finance")
    assert (ticket.subject, holders) == (f"涉及{town}", [body])
    assert "C-CAUSE" not in record.node_path


async def _publisher(exchange: Exchange) -> tuple[str, int]:
    """A township that publishes its finances, by name, and the body that is named for it instead of the region's."""
    async with exchange.city.hotline.db.unit_of_work() as session:
        region_id = (await session.get_one(Unit, exchange.city.units["101"])).region_id
        body = Unit(region_id=region_id, code="004", name="示范县监察局", duty=UnitDuty.INSPECTION)
        session.add(body)
        await session.flush()
        town = Unit(region_id=region_id, code="901", name="清水镇人民政府", inspection_unit_id=body.id)
        session.add(town)
        await session.flush()
        draft = Draft("第一季度财务公开", Level.TOWNSHIP, date(2026, 1, 1), date(2026, 3, 31))
        clerk = await find_user(session, "liaison1")
        clerk.unit_id = town.id
        await way.begin(session, exchange.city.clock, user=clerk, unit_id=town.id, draft=draft)
        clerk.unit_id = exchange.city.units["101"]
    return town.name, body.id


async def test_message_is_kept_when_the_caller_hangs_up_over_it(exchange: Exchange, quick: Quick):
    """Who hangs up instead of pressing # or 3 has left a message all the same: nothing recorded is lost."""
    exchange.city.clock.move_to(NIGHT)
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"))
    await exchange.at_node(call, "VM-REC")
    await asyncio.sleep(SPEAK_S)
    await call.hangup()
    record = await exchange.record(call)
    assert record.end == CallEnd.VOICEMAIL
    assert [row.kind for row in await exchange.recordings(record)] == [RecordingKind.VOICEMAIL]
    assert len(await exchange.tickets(call)) == 1


async def test_too_short_message_is_asked_again(exchange: Exchange, quick: Quick):
    """A message under three seconds is refused with a sentence; the caller may try again or leave."""
    exchange.city.clock.move_to(NIGHT)
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"), ("VM-REC", ""))
    await asyncio.sleep(1.2)
    await call.dtmf("#")
    await until_told(exchange, call, "invalid")
    assert "recording-too-short" in quick.prompts
    await call.hangup()
    record = await exchange.record(call)
    assert (record.end, await exchange.tickets(call)) == (CallEnd.MENU, [])


async def test_nobody_at_work(exchange: Exchange, quick: Quick):
    """In working hours with no operator signed in the caller is told and comes to the voicemail, never to silence."""
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"))
    await exchange.at_node(call, "VM-REC")
    assert "operators-absent" in quick.prompts
    await call.hangup()
    assert (await exchange.record(call)).node_path.endswith(">OP>OP-QUEUE>OP-NONE>VM-REC")


async def test_wrong_query_code(exchange: Exchange, quick: Quick):
    """A code that does not exist is told so; nothing of any ticket is said."""
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "3"), ("S", "123456789012"))
    await until_told(exchange, call, "invalid")
    assert "wrong-query-code" in quick.prompts
    await call.hangup()
    assert (await exchange.record(call)).end_node == "S"


# --- the door --------------------------------------------------------------------------------------------------


async def test_unknown_number_is_refused(exchange: Exchange):
    """A number that is none of ours is refused, not answered."""
    call = await (await exchange.caller()).call("12345")
    with pytest.raises(CallRefused):
        await call.answered()


async def test_garbage_at_the_port_while_a_call_runs(exchange: Exchange, quick: Quick):
    """Broken SIP from the same machine disturbs nobody: the call goes on and a new one is taken."""
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "1"))
    await send_raw(exchange.city.sip, garbage(exchange.city.sip))
    await exchange.walk(call, ("Q", "1"))
    await exchange.at_node(call, "QD")
    other = await exchange.dial()
    await exchange.at_node(other, "MAIN")
    await call.hangup()
    await other.hangup()
    assert (await exchange.record(call)).end_node == "QD"
    await exchange.record(other)


async def test_ten_callers_at_once(exchange: Exchange, quick: Quick):
    """Ten callers walk the menu together; each has a record of its own."""

    async def one() -> Call:
        call = await exchange.dial()
        await exchange.walk(call, ("MAIN", "1"), ("Q", "1"))
        await exchange.at_node(call, "QD")
        await call.hangup()
        return call

    calls = await asyncio.gather(*(one() for _ in range(10)))
    records = [await exchange.record(call) for call in calls]
    assert {record.node_path for record in records} == {"WELCOME>MAIN>Q>QD"}
    assert len({record.linkedid for record in records}) == 10
