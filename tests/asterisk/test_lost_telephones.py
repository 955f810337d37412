"""Telephones and a trunk that die without a word (话机失联): found by OPTIONS, not by the next caller."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import MOBILE
from support.quick import Quick
from support.sipphone import Phone

from ivr.queue.seats import LOST
from recordings.models import CallEnd

pytestmark = pytest.mark.asyncio(loop_scope="session")
TRUNK = "trunk-watch"
TRUNK_LOST_S = 15.0


async def ask(on: Exchange, *endpoints: str) -> None:
    """As Asterisk does every few seconds by itself."""
    for endpoint in endpoints:
        await on.control._ami.action("PJSIPQualify", Endpoint=endpoint)


async def until_asked(on: Exchange, condition: Callable[[], bool], *endpoints: str) -> None:
    """An OPTIONS that is not answered counts after three seconds."""
    await ask(on, *endpoints)
    await on.until(condition, 10)


async def test_a_telephone_that_died_is_rung_by_nobody(exchange: Exchange, quick: Quick):
    """Its seat is paused with notice, the caller goes to the next one at once; a liaison's is passed over for the number outside;
    both are themselves again when they answer.
    """
    on, reached = exchange, exchange.control.board.registered
    dead, liaison = await on.operator(), await on.staff_phone("liaison3", LIAISON_HZ)
    outside = await on.outside()
    for phone in (dead, liaison):
        phone.endpoint.is_deaf = True
    await until_asked(on, lambda: on.seat().reason == LOST, "1001", "2003")
    await on.until(lambda: "2003" not in reached)
    assert (on.seat().state, on.seat().registered) == ("paused", False)
    colleague = await on.operator("operator2")
    call, answered = await on.talking(colleague)
    assert dead.calls == []
    await on.control.blind_transfer(on.city.users["operator2"], on.city.units["103"])
    assert (await outside.incoming(5)).called_number == MOBILE
    await call.hangup()
    await on.record(call)
    assert (await answered.ended()).by == "remote"
    for phone in (dead, liaison):
        phone.endpoint.is_deaf = False
    await until_asked(on, lambda: on.seat().state == "ready", "1001", "2003")
    await on.until(lambda: {"1001", "2003"} <= reached)


async def test_a_telephone_that_moves_can_be_rung_at_once(exchange: Exchange, quick: Quick):
    """Started again without unregistering, at another address: the next caller rings it there, not where it was."""
    on = exchange
    before = await on.operator()
    before.endpoint.is_deaf = True
    again = await on.staff_phone("operator1", OPERATOR_HZ)
    before.is_registered = False
    call, _ = await on.talking(again)
    await call.hangup()
    await on.record(call)


@pytest_asyncio.fixture(loop_scope="session")
async def outside(exchange: Exchange) -> AsyncIterator[Phone]:
    """The other end of the trunk, once Asterisk knows that it answers."""
    phone, telephones = await exchange.outside(), exchange.city.hotline.controller.telephones
    told: list[bool] = []
    before = telephones.on_trunk

    def on_trunk(answers: bool) -> None:
        before(answers)
        told.append(answers)

    telephones.on_trunk = on_trunk
    async with asyncio.timeout(15):
        while True not in told:  # as after a break: an answer that changes nothing is no news
            await telephones.resync()
            await asyncio.sleep(0.1)
    yield phone
    telephones.on_trunk = before


async def test_a_dead_trunk_is_told_from_a_silent_one(exchange: Exchange, quick: Quick, outside: Phone):
    """A liaison outside says nothing for long, and the trunk sends nothing, but answers: the talk goes on. When it answers no more
    the caller is with the operator again within seconds.
    """
    on = exchange
    operator = await on.operator()
    call, _ = await on.talking(operator)
    await on.control.blind_transfer(on.city.users["operator1"], on.city.units["103"])
    liaison = await outside.incoming(10)
    await liaison.until_sound()
    await liaison.dtmf("1")
    await call.until_hears(LIAISON_HZ, timeout=10)
    liaison.media.paused = True
    asked = outside.options
    await until_asked(on, lambda: outside.options >= asked + 2, TRUNK, TRUNK)
    assert liaison.ending is None
    outside.endpoint.is_deaf = True
    dead_at = time.monotonic()
    again = await operator.incoming(TRUNK_LOST_S)
    assert time.monotonic() - dead_at < TRUNK_LOST_S
    outside.endpoint.is_deaf = False
    await again.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()
    record = await on.record(call)
    assert (record.end, record.liaison_id) == (CallEnd.LIAISON, on.city.users["backup3"])
