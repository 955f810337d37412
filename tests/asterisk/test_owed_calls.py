"""Missed calls and kept places on the real Asterisk (漏接、保留位置): called back from the desk, fairly, result kept."""

import asyncio

import pytest
from sqlalchemy import select
from support.calls import CALLER_HZ, OPERATOR_HZ, Exchange
from support.quick import Quick
from support.sipphone import Call, Phone

from ivr.models import OwedCall, OwedState
from recordings.models import Call as CallRecord
from recordings.models import CallEnd
from tickets.models import Ticket

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def owed(on: Exchange, number: str) -> OwedCall | None:
    async with on.db.reading() as session:
        return await session.scalar(select(OwedCall).where(OwedCall.number == number))


async def until_state(
    on: Exchange, number: str, state: OwedState, tries: int = 0, *, free: bool = False
) -> OwedCall:
    async with asyncio.timeout(15):
        while True:
            row = await owed(on, number)
            if row and row.state == state and row.tries >= tries and not (free and row.owner_id):
                return row
            await asyncio.sleep(0.05)


async def queued(on: Exchange) -> Call:
    """A caller in the queue whom nobody answers yet."""
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    number = on.number(call)
    await on.until(lambda: (live := on.live(number)) is not None and live.phase in ("queue", "ringing"), 10)
    return call


async def busy_operator(on: Exchange) -> Phone:
    """At work but paused: callers queue."""
    phone = await on.operator()
    await on.control.pause(on.city.users["operator1"], "小休")
    return phone


async def test_a_caller_who_gave_up_is_called_back_from_the_desk(exchange: Exchange, quick: Quick):
    """漏接: on the list with owner and due time; one press rings both; the talk has its ticket and its result."""
    operator, outside = await busy_operator(exchange), await exchange.outside(CALLER_HZ)
    call = await queued(exchange)
    number = exchange.number(call)
    await call.hangup()
    assert (await exchange.record(call)).end == CallEnd.QUEUE
    row = await until_state(exchange, number, OwedState.OPEN)
    assert row.due_at > row.asked_at
    await exchange.until(lambda: exchange.control.board.owed[0] >= 1)
    await exchange.control.return_call(exchange.city.users["operator1"], row.id)
    own, theirs = await operator.incoming(10), await outside.incoming(10)
    assert theirs.called_number == number
    await own.until_hears(CALLER_HZ, timeout=10)
    await theirs.until_hears(OPERATOR_HZ, timeout=10)
    await exchange.until(lambda: bool((shown := exchange.seat().call) and shown.ticket_no))
    await theirs.hangup()
    done = await until_state(exchange, number, OwedState.REACHED)
    assert done.owner_id == exchange.city.users["operator1"]
    async with exchange.db.reading() as session:
        out = select(Ticket).join(CallRecord, CallRecord.id == Ticket.call_id)
        (ticket,) = (
            await session.scalars(out.where(CallRecord.direction == "out", Ticket.caller_number == number))
        ).all()
    assert ticket.operator_id == exchange.city.users["operator1"]


async def test_nobody_answers_the_call_back(exchange: Exchange, quick: Quick):
    """A try in vain is counted and the caller stays on the list."""
    operator, outside = await busy_operator(exchange), await exchange.outside(CALLER_HZ)
    outside.on_invite = "busy"
    call = await queued(exchange)
    number = exchange.number(call)
    await call.hangup()
    row = await until_state(exchange, number, OwedState.OPEN)
    await exchange.control.return_call(exchange.city.users["operator1"], row.id)
    own = await operator.incoming(10)
    await outside.incoming(10)
    assert (await own.ended(15)).by == "remote"
    await until_state(exchange, number, OwedState.OPEN, tries=1, free=True)


async def test_a_kept_place_is_honoured_and_overtakes_nobody(exchange: Exchange, quick: Quick):
    """Key 3: whoever waited before is served first, then the kept place is called, then whoever came after it."""
    operator, outside = await busy_operator(exchange), await exchange.outside(CALLER_HZ)
    before = await queued(exchange)
    keeper = await queued(exchange)
    number = exchange.number(keeper)
    await exchange.keep_place(keeper)
    assert (await exchange.record(keeper)).end == CallEnd.CALL_BACK
    after = await queued(exchange)
    user = exchange.city.users["operator1"]

    await exchange.control.ready(user)
    first = await operator.incoming(15)
    assert first.remote_number == exchange.number(before)
    await before.hangup()
    await exchange.until(lambda: exchange.seat().state == "wrapup")

    await exchange.control.ready(user)
    own, theirs = await operator.incoming(10), await outside.incoming(10)
    assert theirs.called_number == number
    await own.until_hears(CALLER_HZ, timeout=10)
    await theirs.hangup()
    await until_state(exchange, number, OwedState.REACHED)
    await exchange.until(lambda: exchange.seat().state == "wrapup")

    await exchange.control.ready(user)
    last = await operator.incoming(15)
    assert last.remote_number == exchange.number(after)
    await after.hangup()
    await exchange.record(after)


async def test_an_idle_seat_calls_the_kept_place(exchange: Exchange, quick: Quick):
    """Nobody waits on the line and a seat is ready: the call-back is made without anybody asking."""
    await busy_operator(exchange)
    outside = await exchange.outside(CALLER_HZ)
    keeper = await queued(exchange)
    number = exchange.number(keeper)
    await exchange.keep_place(keeper)
    await exchange.record(keeper)
    await exchange.city.hotline.controller.seats.ready(exchange.city.users["operator1"])
    theirs = await outside.incoming(15)
    assert theirs.called_number == number
    await theirs.until_hears(OPERATOR_HZ, timeout=10)
    await theirs.hangup()
    await until_state(exchange, number, OwedState.REACHED)
