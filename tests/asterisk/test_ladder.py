"""The ladder of a transfer (转接阶梯, M-12): liaison, backup on a mobile, service telephone, the operator again, a ticket.

Unit 103: liaison3 at a desk phone, backup3 on a mobile outside, one service telephone outside.
"""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import MOBILE, SERVICE_PHONE
from support.quick import Quick
from support.sipphone import Call, Phone

from core.units import Liaison, LiaisonLeave
from recordings.models import CallEnd
from tickets import service
from tickets.models import Outcome, State, Step, Ticket, TrailRow

pytestmark = pytest.mark.asyncio(loop_scope="session")
UNIT = "103"
NOTES = "社区养老服务补贴怎样申领？"
TRIED = [
    {"role": "liaison", "why": "timeout"},
    {"role": "backup", "why": "timeout"},
    {"role": "service_phone", "why": "busy"},
]


async def nobody_answers(on: Exchange) -> tuple[Phone, Phone]:
    """Liaison and backup ring in vain, the service telephone is busy: the liaison's phone and those outside."""
    liaison = await on.staff_phone("liaison3", LIAISON_HZ)
    liaison.on_invite = "ignore"
    outside = await on.outside()
    outside.by_number |= {MOBILE: "ignore", SERVICE_PHONE: "busy"}
    return liaison, outside


async def call_to(outside: Phone, number: str) -> Call:
    """The call that reaches this number outside; those to others before it are passed over."""
    while (call := await outside.incoming(10)).called_number != number:
        pass
    return call


async def transfer(on: Exchange) -> None:
    await on.control.blind_transfer(on.city.users["operator1"], on.city.units[UNIT])


async def failure(on: Exchange, call: Call) -> dict[str, Any]:
    (data,) = [data for kind, data in await on.ledger(call) if kind == "transfer_failed"]
    return data


def without_users(tried: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: one[key] for key in ("role", "why")} for one in tried]


async def trail(on: Exchange, ticket: Ticket) -> list[str]:
    async with on.db.reading() as session:
        rows = select(TrailRow.text).where(
            TrailRow.ticket_id == ticket.id, TrailRow.action == "transfer_failed"
        )
        return list(await session.scalars(rows))


async def test_each_rung_is_tried_and_the_operator_has_the_caller_back(exchange: Exchange, quick: Quick):
    """The caller hears who is tried and never silence; ledger and ticket have three attempts with their results."""
    operator = await exchange.operator()
    await nobody_answers(exchange)
    call, _ = await exchange.talking(operator)
    began = asyncio.get_running_loop().time()
    await transfer(exchange)
    again = await operator.incoming(20)
    await again.until_hears(CALLER_HZ, timeout=10)
    heard = await call.until_hears(OPERATOR_HZ, timeout=10)
    assert call.longest_silence_s(began, heard) < 1.5
    announced = [
        prompt for prompt in quick.prompts if prompt in ("transferring-to", "trying-backup", "trying-phone")
    ]
    assert sorted(announced) == ["transferring-to", "trying-backup", "trying-phone"]
    await call.hangup()
    await exchange.record(call)
    failed = await failure(exchange, call)
    assert without_users(failed["tried"]) == TRIED
    assert failed["tried"][1]["user"] == exchange.city.users["backup3"]
    (ticket,) = await exchange.tickets(call)
    assert await trail(exchange, ticket) == [
        "转接民政局未成：联络员无人接听，后备联络员无人接听，服务电话占线。"
    ]
    assert ticket.state == State.NEW  # the operator has it in hand


async def test_a_failed_transfer_becomes_the_units_ticket_by_itself(exchange: Exchange, quick: Quick):
    """The operator is gone too: the message joins the call's ticket, which the unit has with its clock, one code for both."""
    operator = await exchange.operator()
    await nobody_answers(exchange)
    call, _ = await exchange.talking(operator)
    await transfer(exchange)
    await exchange.until(lambda: exchange.seat().state == "wrapup")
    await operator.close()
    await exchange.control.logout(exchange.city.users["operator1"])
    await exchange.at_node(call, "VM-REC", 30)
    await asyncio.sleep(4.5)  # a message counts from three seconds on
    await call.dtmf("#")
    await exchange.walk(call, ("VM-REVIEW", "3"), ("VM-NUM", "1"))
    await exchange.at_node(call, "CODE")
    await call.hangup()
    await exchange.record(call)
    (ticket,) = await exchange.tickets(call)
    assert (ticket.state, ticket.outcome, ticket.unit_id) == (
        State.WORKING, Outcome.ASSIGNED, exchange.city.units[UNIT],
    )  # fmt: skip
    assert ticket.recording_id is not None
    async with exchange.db.reading() as session:
        (step,) = (await session.scalars(select(Step).where(Step.ticket_id == ticket.id))).all()
    assert (step.unit_id, step.clock) == (exchange.city.units[UNIT], "Q5")


async def test_a_mobile_counts_as_answered_only_with_its_key(exchange: Exchange, quick: Quick):
    """A mailbox answers and presses nothing: the next one is tried, and the ledger says so."""
    liaison, outside = await nobody_answers(exchange)
    liaison.on_invite = "decline"
    outside.by_number |= {MOBILE: "answer", SERVICE_PHONE: "answer"}
    call, _ = await exchange.talking(await exchange.operator())
    await transfer(exchange)
    mailbox = await call_to(outside, MOBILE)
    await mailbox.answered()
    began = asyncio.get_running_loop().time()
    office = await call_to(outside, SERVICE_PHONE)
    heard = await call.until_hears(LIAISON_HZ, timeout=10)
    assert call.longest_silence_s(began, heard) < 1.5
    await office.until_hears(CALLER_HZ)
    await office.hangup()
    await exchange.at_node(call, "CODE")
    await call.hangup()
    record = await exchange.record(call)
    whys = [(data["role"], data["why"]) for kind, data in await exchange.ledger(call) if kind == "no_answer"]
    assert whys == [("liaison", "refused"), ("backup", "not_accepted")]
    assert (record.end, record.liaison_id, record.liaison_unit_id) == (
        CallEnd.LIAISON, None, exchange.city.units[UNIT],
    )  # fmt: skip


async def test_a_mobile_takes_the_call_with_key_1(exchange: Exchange, quick: Quick):
    """Press 1 and the caller is there; the call is credited to the backup, not to a telephone number."""
    liaison, outside = await nobody_answers(exchange)
    liaison.on_invite = "busy"
    outside.by_number[MOBILE] = "answer"
    call, _ = await exchange.talking(await exchange.operator())
    await transfer(exchange)
    mobile = await outside.incoming(10)
    await mobile.answered()
    await mobile.until_sound()
    await mobile.dtmf("1")
    await mobile.until_hears(CALLER_HZ)
    await call.until_hears(LIAISON_HZ)
    await mobile.hangup()
    await exchange.walk(call, ("SURVEY", "1"), ("SURVEY-UNIT", "1"))
    await call.ended(30)
    record = await exchange.record(call)
    assert (record.end, record.liaison_id) == (CallEnd.LIAISON, exchange.city.users["backup3"])
    assert await exchange.ratings(record) == [("operator", 1), ("unit", 1)]


async def test_a_mobile_that_hangs_up_instead_is_no_answer(exchange: Exchange, quick: Quick):
    """Hanging up while asked for the key: the ladder goes on."""
    liaison, outside = await nobody_answers(exchange)
    liaison.on_invite = "busy"
    outside.by_number |= {MOBILE: "answer", SERVICE_PHONE: "answer"}
    call, _ = await exchange.talking(await exchange.operator())
    await transfer(exchange)
    mobile = await outside.incoming(10)
    await mobile.answered()
    await mobile.until_sound()
    await mobile.hangup()
    office = await call_to(outside, SERVICE_PHONE)
    await office.until_hears(CALLER_HZ, timeout=10)
    await call.hangup()
    record = await exchange.record(call)
    assert (record.liaison_id, record.end) == (None, CallEnd.LIAISON)


@pytest.mark.parametrize("why", ["leave", "duty_hours"])
async def test_who_is_off_duty_is_not_rung(exchange: Exchange, quick: Quick, why: str):
    """A leave entered now, or duty hours that do not cover now, is respected by the next transfer: the backup is rung at once (M-30)."""
    liaison, outside = await nobody_answers(exchange)
    today = exchange.city.clock.now().date()
    async with exchange.db.unit_of_work() as session:
        row = await liaison_row(session, exchange)
        if why == "leave":
            row.leaves.append(LiaisonLeave(from_on=today, until_on=today))
        else:
            row.duty_hours = "14:30-18:00"
    call, _ = await exchange.talking(await exchange.operator())
    await transfer(exchange)
    assert (await outside.incoming(10)).called_number == MOBILE
    assert liaison.calls == []
    await call.hangup()
    await exchange.record(call)
    async with exchange.db.unit_of_work() as session:
        row = await liaison_row(session, exchange)
        row.leaves, row.duty_hours = [], ""


async def liaison_row(session: AsyncSession, on: Exchange) -> Liaison:
    query = select(Liaison).where(Liaison.user_id == on.city.users["liaison3"])
    return (await session.scalars(query)).one()


async def test_the_operator_is_gone_and_another_has_the_caller(exchange: Exchange, quick: Quick):
    """Nobody of the unit, nor the operator who sent the caller there: the next operator of the queue takes over, same ticket."""
    call = await transferred_by_one_who_leaves(exchange)
    other = await exchange.operator("operator2")
    answered = await other.incoming(20)
    await answered.until_hears(CALLER_HZ, timeout=10)
    heard = await call.until_hears(OPERATOR_HZ, timeout=10)
    assert call.longest_silence_s(heard - 8, heard) < 1.5
    await exchange.until(lambda: exchange.seat("operator2").state == "talking")
    await answered.hangup()
    await exchange.at_node(call, "CODE")
    await call.hangup()
    record = await exchange.record(call)
    assert record.end == CallEnd.OPERATOR
    told = [data for kind, data in await exchange.ledger(call) if kind == "returned"]
    assert told == [{"to": "queue"}]
    (ticket,) = await exchange.tickets(call)
    assert (ticket.state, ticket.operator_id) == (State.NEW, exchange.city.users["operator2"])
    assert [data["ticket_no"] for kind, data in await exchange.ledger(call) if kind == "ticket"] == [
        ticket.ticket_no
    ]


async def test_a_caller_who_gives_up_after_it_has_a_ticket_all_the_same(exchange: Exchange, quick: Quick):
    """Back in the queue the caller hangs up: the unit has the ticket with what was typed, who was tried, and the recording."""
    call = await transferred_by_one_who_leaves(exchange)
    await exchange.operator("operator2")
    await exchange.control.pause(exchange.city.users["operator2"], "小休")
    number = exchange.number(call)
    await exchange.until(lambda: (live := exchange.live(number)) is not None and live.phase == "queue", 20)
    await call.hangup()
    record = await exchange.record(call)
    (ticket,) = await exchange.tickets(call)
    assert (ticket.state, ticket.unit_id) == (State.WORKING, exchange.city.units[UNIT])
    assert ticket.question == NOTES
    assert len(await trail(exchange, ticket)) == 1
    assert len(await exchange.recordings(record)) == 1


async def transferred_by_one_who_leaves(on: Exchange) -> Call:
    """An operator types notes, sends the caller to a unit where nobody answers, and goes; the caller's call."""
    operator = await on.operator()
    await nobody_answers(on)
    call, _ = await on.talking(operator)
    await on.until(lambda: bool((shown := on.seat().call) and shown.ticket_no))
    (ticket,) = await on.tickets(call)
    async with on.db.unit_of_work() as session:
        await service.save_draft(
            session, on.city.clock, ticket_no=ticket.ticket_no, operator_id=on.city.users["operator1"],
            fields={"question": NOTES}, version=1,
        )  # fmt: skip
    await transfer(on)
    await on.until(lambda: on.seat().state == "wrapup")
    await on.control.logout(on.city.users["operator1"])
    await operator.close()
    return call


async def test_a_consultation_climbs_the_ladder_too(exchange: Exchange, quick: Quick):
    """The operator waits with music while liaison and backup are rung, then speaks to whoever answers."""
    liaison, outside = await nobody_answers(exchange)
    liaison.on_invite = "busy"
    outside.by_number |= {MOBILE: "busy", SERVICE_PHONE: "answer"}
    call, answered = await exchange.talking(await exchange.operator())
    await exchange.control.consult(exchange.city.users["operator1"], exchange.city.units[UNIT])
    office = await call_to(outside, SERVICE_PHONE)
    await office.until_hears(OPERATOR_HZ, timeout=10)
    await answered.until_hears(LIAISON_HZ)
    await exchange.control.complete_transfer(exchange.city.users["operator1"])
    await office.until_hears(CALLER_HZ, timeout=10)
    await call.hangup()
    assert (await exchange.record(call)).end == CallEnd.LIAISON
