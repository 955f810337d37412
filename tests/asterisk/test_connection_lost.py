"""The connection to Asterisk cut and back, and Asterisk itself gone (连接中断): calls go on where they can, none is told twice."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from sqlalchemy import select
from support.calls import CALLER_HZ, OPERATOR_HZ, Exchange
from support.hotline import City, running_hotline
from support.proxy import Cable
from support.quick import Quick
from support.sipphone import Call, Phone

from core.lines import Line
from core.people import User
from ivr.models import OwedCall
from recordings.models import Call as CallRecord
from recordings.models import CallEnd, RecordingKind

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINE = "087296128"
"""A second line, of several languages."""
WELCOME_HZ, ALONE_HZ = 550, 650
TAKEN_OVER_S = 3.0
"""How long at most a caller in the menu hears nothing before there is music, or the dialplan goes on alone."""
ONCE = ("arrived", "answered", "bridged", "unbridged", "ended")
"""Not `party_left`: of an operator whose telephone is released after the caller's, the end of the call tells it."""


@pytest_asyncio.fixture(loop_scope="session")
async def city(tmp_path: Path) -> AsyncIterator[City]:
    async with running_hotline(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def cable(city: City) -> AsyncIterator[Cable]:
    """Between the controller and Asterisk."""
    ami, port = city.hotline.controller.ami, city.hotline.settings.asterisk.ami_port
    async with Cable(port) as cable:
        ami._manager.config["port"] = cable.port
        ami.drop()
        await Exchange.until(lambda: not ami.up)
        await until_back(city)
        yield cable
        ami._manager.config["port"] = port
        ami.drop()
        await Exchange.until(lambda: not ami.up)
        await until_back(city)


async def until_back(city: City) -> None:
    controller = city.hotline.controller
    await Exchange.until(lambda: controller.ami.up and controller.in_step, 20)
    async with asyncio.timeout(5):  # whose talk ends before the first beat is told goodbye by the dialplan
        while time.time() - float((await controller.ami.action("Getvar", Variable="CTL_BEAT"))["Value"]) > 2:
            await asyncio.sleep(0.02)


async def waiting(on: Exchange) -> Call:
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    number = on.number(call)
    await on.until(lambda: (live := on.live(number)) is not None and live.phase == "queue", 10)
    return call


async def parts(city: City) -> dict[str, dict[str, object]]:
    async with ClientSession() as http, http.get(f"{city.url}/readyz") as answer:
        return (await answer.json())["parts"]  # type: ignore[no-any-return]


async def served_once(on: Exchange, call: Call) -> CallRecord:
    record = await on.record(call, 30)
    told = Counter(await on.kinds(call))
    assert {kind: told[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
    assert len(await on.tickets(call)) == 1
    assert [one.kind for one in await on.recordings(record)] == [RecordingKind.TALK]
    assert (record.end, record.operator_id) == (CallEnd.OPERATOR, on.city.users["operator1"])
    return record


async def test_ami_cut_and_back(exchange: Exchange, quick: Quick, cable: Cable):
    """A talk that ends and one that begins while nobody listens are both told afterwards, by Asterisk's own record."""
    operator = await exchange.operator()
    first, answered = await exchange.talking(operator)
    second = await waiting(exchange)
    began = time.monotonic()
    await cable.cut()
    await exchange.until(lambda: not exchange.city.hotline.controller.ami.up)
    assert not (await parts(exchange.city))["asterisk"]["ok"]
    await answered.until_hears(CALLER_HZ)
    await first.until_hears(OPERATOR_HZ)
    await first.hangup()
    unseen = await operator.incoming(15)
    assert unseen.remote_number == exchange.number(second)
    await second.until_hears(OPERATOR_HZ, timeout=10)
    assert second.longest_silence_s(began, time.monotonic() - 0.3) < 1.5

    await cable.mend()
    await until_back(exchange.city)
    ended = await served_once(exchange, first)
    assert ended.talk_ms > 0
    await exchange.until(lambda: exchange.seat().state == "talking")
    await unseen.hangup()
    await exchange.at_node(second, "CODE", 20)
    await second.hangup()
    await served_once(exchange, second)


async def test_ami_cut_under_a_caller_in_the_menu(exchange: Exchange, quick: Quick, cable: Cable):
    """Back at once, the caller hears the welcome again and the keys work; gone for longer, the dialplan says that it goes on
    alone and an operator answers. One record, one ticket, one recording, and the code after the talk.
    """
    quick.set_tone("welcome", WELCOME_HZ)
    quick.set_tone("fallback-operator", ALONE_HZ)
    controller = exchange.city.hotline.controller
    operator = await exchange.operator()
    call = await exchange.dial()
    await exchange.at_node(call, "MAIN")
    cut_at = time.monotonic()
    await cable.cut()
    await exchange.until(lambda: not controller.ami.up)
    await cable.mend()
    heard_at = await call.until_hears(WELCOME_HZ, timeout=10, since=cut_at)
    assert call.longest_silence_s(cut_at, heard_at) < TAKEN_OVER_S
    await exchange.walk(call, ("MAIN", "1"))
    await exchange.at_node(call, "Q")

    cut_at = time.monotonic()
    await cable.cut()
    heard_at = await call.until_hears(ALONE_HZ, timeout=20, since=cut_at)
    assert call.longest_silence_s(cut_at, heard_at) < TAKEN_OVER_S
    unseen = await operator.incoming(15)
    talk_at = await call.until_hears(OPERATOR_HZ, timeout=10)
    assert call.longest_silence_s(heard_at, talk_at) < 1.5
    await unseen.until_hears(CALLER_HZ)
    await cable.mend()
    await until_back(exchange.city)
    await unseen.hangup()
    await exchange.at_node(call, "CODE", 20)
    await call.hangup()
    record = await served_once(exchange, call)
    assert record.node_path.count("WELCOME") == 2


async def test_asterisk_killed_in_mid_call(exchange: Exchange, quick: Quick):
    """Every call ends; who talked and who waited is owed a call, the talk has its ticket and what was recorded of it."""
    operator = await exchange.operator()
    talk, _ = await exchange.talking(operator)
    queued = await waiting(exchange)
    numbers = [exchange.number(talk), exchange.number(queued)]
    asterisk = exchange.city.hotline.asterisk
    assert asterisk
    assert asterisk.process
    asterisk.process.kill()
    await exchange.until(lambda: not exchange.city.hotline.controller.ami.up, 10)
    await until_back(exchange.city)
    record, lost = await exchange.record(talk, 30), await exchange.record(queued, 30)
    assert (record.end, lost.end) == (CallEnd.OPERATOR, CallEnd.QUEUE)
    assert len(await exchange.tickets(talk)) == 1
    assert len(await exchange.recordings(record)) == 1
    for call in (talk, queued):
        told = Counter(await exchange.kinds(call))
        assert (told["arrived"], told["ended"]) == (1, 1)
    async with asyncio.timeout(10):
        while sorted(await owed(exchange, numbers)) != sorted(numbers):
            await asyncio.sleep(0.05)
    await serves_again(exchange, operator)


async def owed(on: Exchange, numbers: list[str]) -> list[str]:
    async with on.db.reading() as session:
        return list(await session.scalars(select(OwedCall.number).where(OwedCall.number.in_(numbers))))


async def serves_again(on: Exchange, operator: Phone) -> None:
    """The seat is still in the queue; its telephone registers again and takes the next caller."""
    await operator.register()
    await on.until(lambda: "1001" in on.control.board.registered, 10)
    await on.control.ready(on.city.users["operator1"])
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    answered = await operator.incoming(15)
    await answered.until_hears(CALLER_HZ, timeout=10)
    await call.hangup()
    await on.record(call)


async def test_a_language_once_chosen_is_kept(exchange: Exchange, quick: Quick, cable: Cable):
    """What the caller asked for before the connection was lost, or the process killed, is known from the channel: back in the
    queue the caller waits for the same seats, and is not asked again.
    """
    city = exchange.city
    async with exchange.db.unit_of_work() as session:
        speaker = await session.get_one(User, city.users["operator1"])
        speaker.languages = ["yi"]
        session.add(Line(number=LINE, name="多语", region_id=speaker.region_id, languages=["yi"]))
    await city.hotline.people_changed()
    await city.hotline.lines_changed()
    await exchange.operator()
    await exchange.control.pause(city.users["operator1"], "小休")
    call = await (await exchange.caller()).call(LINE)
    await call.answered()
    number = exchange.number(call)
    await exchange.walk(call, ("MAIN", "0"), ("OP-LANG", "2"))
    await exchange.until(lambda: (live := exchange.live(number)) is not None and live.phase == "queue", 15)
    await cable.cut()
    await exchange.until(lambda: not city.hotline.controller.ami.up)
    city.hotline.controller.callers.clear()  # as a process that has just begun
    await cable.mend()
    await until_back(city)
    await call.dtmf("3")
    await exchange.walk(call, ("KEEP-NUM", "0"))
    async with asyncio.timeout(15):
        while (await exchange.kinds(call)).count("queued") < 2:
            await asyncio.sleep(0.05)
    queues = [data["queue"] for kind, data in await exchange.ledger(call) if kind == "queued"]
    assert len(queues) == 2
    assert all(queue.endswith("-yi") for queue in queues)
    await call.hangup()
    assert (await exchange.record(call)).node_path.count("OP-LANG") == 1
