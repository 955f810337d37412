"""The operators' queue on the real Asterisk (排队, M-06): longest idle first, callers in order, seats added as they come."""

from dataclasses import replace
from time import monotonic

import pytest
from support.calls import CALLER_HZ, OPERATOR_HZ, Exchange
from support.quick import Quick
from support.sipphone import Call, Phone

from core.people import Role, RoleGrant, User
from ivr.queue.seats import NO_ANSWER
from recordings.models import CallEnd

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def hire(on: Exchange, name: str, extension: str) -> None:
    """A new operator with a telephone, while the hotline runs."""
    async with on.db.unit_of_work() as session:
        user = User(username=name, display_name=name, extension=extension, staff_number=extension, sip_password=f"sip-{name}",
                    grants=[RoleGrant(role=Role.OPERATOR)])  # fmt: skip
        session.add(user)
        await session.flush()
        on.city.users[name], on.city.extensions[name] = user.id, extension
    await on.city.hotline.people_changed()


async def asks_for_an_operator(on: Exchange) -> Call:
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    number = on.number(call)
    await on.until(lambda: (live := on.live(number)) is not None and live.queued_at is not None, 10)
    return call


async def takes(phone: Phone, on: Exchange, call: Call) -> Call:
    """This operator's next call is from that caller, and they hear each other."""
    answered = await phone.incoming(15)
    assert answered.remote_number == on.number(call)
    await answered.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(OPERATOR_HZ, timeout=10)
    return answered


async def test_three_operators_five_calls_and_a_fourth_seat(exchange: Exchange, quick: Quick):
    """M-06: three are served by a seat each, two wait in order; a fourth seat, just added, takes the first of them."""
    await hire(exchange, "operator3", "1003")
    operators = [await exchange.operator(name) for name in ("operator1", "operator2", "operator3")]
    callers = []
    while operators:
        callers.append(await asks_for_an_operator(exchange))
        await exchange.until(lambda: any(phone.calls for phone in operators), 15)
        ringing = next(phone for phone in operators if phone.calls)
        await takes(ringing, exchange, callers[-1])
        operators.remove(ringing)
    fourth, fifth = await asks_for_an_operator(exchange), await asks_for_an_operator(exchange)
    assert [view.linkedid for view in exchange.control.board.waiting()] == [
        live.linkedid for call in (fourth, fifth) if (live := exchange.live(exchange.number(call)))
    ]
    await hire(exchange, "operator4", "1004")
    await takes(await exchange.operator("operator4"), exchange, fourth)
    assert [view.linkedid for view in exchange.control.board.waiting()] == [
        live.linkedid for call in (fifth,) if (live := exchange.live(exchange.number(call)))
    ]
    for call in (*callers, fourth, fifth):
        await call.hangup()
        await exchange.record(call)


async def test_the_longest_idle_seat_is_rung_first(exchange: Exchange, quick: Quick):
    """Of two who are ready, the one whose last talk ended earlier has the next caller, and then the other."""
    phones = {name: await exchange.operator(name) for name in ("operator1", "operator2")}
    served: list[str] = []
    for _ in range(4):
        call = await asks_for_an_operator(exchange)
        await exchange.until(lambda: sum(len(phone.calls) for phone in phones.values()) > len(served), 15)
        name = next(name for name, phone in phones.items() if len(phone.calls) > served.count(name))
        served.append(name)
        await takes(phones[name], exchange, call)
        await call.hangup()
        await exchange.record(call)
        await exchange.until(lambda name=name: exchange.seat(name).state == "wrapup")
        await exchange.control.ready(exchange.city.users[name])
    assert served[0] != served[1]
    assert served[:2] == served[2:]


async def test_a_seat_that_does_not_answer_is_paused_with_notice(exchange: Exchange, quick: Quick):
    """It is not rung for ever: the seat is paused and its desk says why; the caller goes on to the next seat."""
    silent = await exchange.operator()
    silent.on_invite = "decline"
    call = await asks_for_an_operator(exchange)
    await exchange.until(lambda: exchange.seat().state == "paused", 25)
    assert exchange.seat().reason == NO_ANSWER
    await takes(await exchange.operator("operator2"), exchange, call)
    await call.hangup()
    await exchange.record(call)


async def test_who_has_waited_long_enough_may_leave_a_message(exchange: Exchange, quick: Quick):
    """Overflow by wait: at the queue's limit the caller is told that nobody is free and comes to the voicemail, M-13."""
    flow = exchange.city.hotline.controller._deps.flow
    exchange.city.hotline.controller._deps.flow = replace(flow, calls=replace(flow.calls, queue_limit_s=2))
    await exchange.operator()
    await exchange.control.pause(exchange.city.users["operator1"], "小休")
    call = await asks_for_an_operator(exchange)
    since = monotonic()
    await exchange.at_node(call, "VM-REC")
    assert "operators-absent" in quick.prompts
    assert call.longest_silence_s(since, monotonic() - 0.3) < 1.5
    await call.hangup()
    assert (await exchange.record(call)).end == CallEnd.MENU
    assert await left_queue(exchange, call) == ["timeout"]


async def left_queue(exchange: Exchange, call: Call) -> list[str]:
    return [data["why"] for kind, data in await exchange.ledger(call) if kind == "left_queue"]


async def test_the_ledger_says_why_a_caller_left_the_queue(exchange: Exchange, quick: Quick):
    """Who gave up, who asked for a message, and who was there when the last seat went: Asterisk says the same of all three."""
    user_id = exchange.city.users["operator1"]
    await exchange.operator()
    await exchange.control.pause(user_id, "小休")
    for why in ("abandoned", "voicemail", "empty"):
        call = await asks_for_an_operator(exchange)
        if why == "voicemail":
            await call.dtmf("2")
            await exchange.at_node(call, "VM-REC")
        elif why == "empty":
            await exchange.control.logout(user_id)
            await exchange.at_node(call, "VM-REC")
        await call.hangup()
        await exchange.record(call)
        assert await left_queue(exchange, call) == [why]
