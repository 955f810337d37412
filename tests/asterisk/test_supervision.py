"""Live supervision on the real Asterisk (实时监督): who hears whom in each mode, what a transfer does to it, moving who waits."""

import asyncio
from time import monotonic

import numpy as np
import pytest
import pytest_asyncio
from sqlalchemy import select
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import City
from support.quick import Quick
from support.sipphone import Call, Phone
from support.tones import segments_with

from core.audit import AuditRow
from core.people import Role, RoleGrant, User
from core.units import Unit
from ivr.queue.queue_orders import NotWaiting, SeatNotFree
from ivr.talks.watch import Mode, NoTalk, Supervisor, SupervisorBusy
from recordings.keeping import archive

pytestmark = pytest.mark.asyncio(loop_scope="session")
SUPERVISOR_HZ = 2000
HEARD_S = 0.8
"""How long the others are listened to before it is said that they heard nothing."""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def chief(city: City) -> Supervisor:
    """A supervisor with a telephone."""
    async with city.hotline.db.unit_of_work() as session:
        region = (await session.get_one(Unit, city.units["101"])).region_id
        user = User(username="chief", display_name="段主管", extension="6001", sip_password="sip-chief", region_id=region,
                    grants=[RoleGrant(role=Role.SUPERVISOR)])  # fmt: skip
        session.add(user)
        await session.flush()
        city.users["chief"], city.extensions["chief"] = user.id, "6001"
    await city.hotline.people_changed()
    return Supervisor(city.users["chief"], "chief", "127.0.0.1")


def heard_supervisor(call: Call, since: float) -> bool:
    return bool(segments_with(call.heard.between(since, monotonic()), SUPERVISOR_HZ, min_share=0.02))


async def beginning(on: Exchange, chief: Supervisor, phone: Phone, call: Call, mode: Mode) -> Call:
    """The supervisor's telephone has been rung and the mode is on."""
    live = on.live(on.number(call))
    assert live is not None
    await on.control.supervise(chief, live.linkedid, mode)
    leg = await phone.incoming(10)
    await on.until(lambda: on.control.watches[chief.user_id].since_at is not None, 10)
    return leg


async def switch(on: Exchange, chief: Supervisor, call: Call, mode: Mode) -> None:
    live = on.live(on.number(call))
    assert live is not None
    await on.control.supervise(chief, live.linkedid, mode)


async def told(on: Exchange, call: Call) -> list[tuple[str, bool]]:
    """Each supervision in the call's ledger: its mode, and whether it is the line of its end."""
    return [
        (data["mode"], data["ms"] is not None) for kind, data in await on.ledger(call) if kind == "supervised"
    ]


async def audited(on: Exchange, linkedid: str) -> list[str]:
    async with on.db.reading() as session:
        rows = select(AuditRow).where(AuditRow.target == f"call:{linkedid}").order_by(AuditRow.id)
        return [row.action for row in await session.scalars(rows) if row.actor == "chief"]


async def right_side(on: Exchange, call: Call) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """What the recording holds of the voices that the caller heard."""
    record = await on.record(call)
    (recording,) = await on.recordings(record)
    return np.ascontiguousarray(archive.samples(recording, on.city.hotline.settings.recordings)[:, 1])


async def test_listen_whisper_and_barge(exchange: Exchange, quick: Quick, chief: Supervisor):
    """Listening nobody hears the supervisor, whispering the operator alone does, barging in everybody; each is told and audited."""
    phone = await exchange.staff_phone("chief", SUPERVISOR_HZ)
    call, answered = await exchange.talking(await exchange.operator())
    leg = await beginning(exchange, chief, phone, call, Mode.LISTEN)
    await leg.until_hears(CALLER_HZ, timeout=10)
    await leg.until_hears(OPERATOR_HZ, timeout=10)
    since = monotonic()
    await asyncio.sleep(HEARD_S)
    assert not heard_supervisor(call, since)
    assert not heard_supervisor(answered, since)

    await switch(exchange, chief, call, Mode.WHISPER)
    await answered.until_hears(SUPERVISOR_HZ, timeout=10)
    since = monotonic()
    await leg.until_hears(CALLER_HZ, timeout=10)
    await asyncio.sleep(HEARD_S)
    assert heard_supervisor(answered, since)
    assert not heard_supervisor(call, since)

    linkedid = exchange.live(exchange.number(call)).linkedid
    await switch(exchange, chief, call, Mode.BARGE)
    await call.until_hears(SUPERVISOR_HZ, timeout=10)
    await answered.until_hears(SUPERVISOR_HZ, timeout=10)
    await leg.until_hears(CALLER_HZ, timeout=10)
    await exchange.control.stop_supervising(chief.user_id)
    await leg.ended(5)
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await answered.hangup()
    await exchange.at_node(call, "CODE", 20)
    await call.hangup()
    sound = await right_side(exchange, call)
    assert sum(end - start for start, end in segments_with(sound, SUPERVISOR_HZ)) > 0.3, (
        "barging in is recorded"
    )
    assert await told(exchange, call) == [
        (mode, is_end) for mode in ("listen", "whisper", "barge") for is_end in (False, True)
    ]
    assert await audited(exchange, linkedid) == [
        f"supervise.{name}"
        for name in ("listen", "whisper", "listen.end", "barge", "whisper.end", "barge.end")
    ]


async def test_take_over(exchange: Exchange, quick: Quick, chief: Supervisor):
    """The supervisor talks to the caller in the operator's place and is credited; the operator is in wrap-up; the code follows."""
    phone = await exchange.staff_phone("chief", SUPERVISOR_HZ)
    call, answered = await exchange.talking(await exchange.operator())
    leg = await beginning(exchange, chief, phone, call, Mode.TAKE_OVER)
    await call.until_hears(SUPERVISOR_HZ, timeout=10)
    await leg.until_hears(CALLER_HZ, timeout=10)
    assert (await answered.ended(5)).by == "remote"
    await exchange.until(lambda: exchange.seat().state == "wrapup")
    await leg.hangup()
    await exchange.at_node(call, "CODE", 20)
    await call.hangup()
    assert len(segments_with(await right_side(exchange, call), SUPERVISOR_HZ)) > 0
    assert (await exchange.record(call)).operator_id == chief.user_id
    assert len(await exchange.tickets(call)) == 1
    assert await told(exchange, call) == [("take_over", False), ("take_over", True)]


async def test_a_transfer_ends_the_whisper_and_the_supervisor_listens_on(
    exchange: Exchange, quick: Quick, chief: Supervisor
):
    """Moved to a liaison, the caller is heard again by the supervisor, who is heard by nobody; the recording is whole."""
    phone, liaison = await exchange.staff_phone("chief", SUPERVISOR_HZ), await exchange.liaison()
    call, _ = await exchange.talking(await exchange.operator())
    leg = await beginning(exchange, chief, phone, call, Mode.WHISPER)
    await exchange.control.blind_transfer(exchange.city.users["operator1"], exchange.city.units["101"])
    answered = await liaison.incoming(15)
    await call.until_hears(LIAISON_HZ, timeout=15)
    await leg.until_hears(LIAISON_HZ, timeout=15)
    since = monotonic()
    await asyncio.sleep(HEARD_S)
    assert not heard_supervisor(answered, since)
    assert not heard_supervisor(call, since)
    await answered.hangup()
    assert (await leg.ended(10)).by == "remote"
    await exchange.at_node(call, "CODE", 20)
    await call.hangup()
    sound = await right_side(exchange, call)
    assert segments_with(sound, OPERATOR_HZ)
    assert segments_with(sound, LIAISON_HZ)
    assert await told(exchange, call) == [
        ("whisper", False), ("whisper", True), ("listen", False), ("listen", True)
    ]  # fmt: skip


async def waits(on: Exchange) -> Call:
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    number = on.number(call)
    await on.until(lambda: (live := on.live(number)) is not None and live.phase == "queue", 10)
    return call


async def test_moving_who_waits(exchange: Exchange, quick: Quick, chief: Supervisor):
    """A later caller put first is served first, and is not said to have given up; who talks already cannot be moved."""
    busy = await exchange.operator()
    talk, _ = await exchange.talking(busy)
    early, late = await waits(exchange), await waits(exchange)
    first = exchange.live(exchange.number(late))
    assert first is not None
    with pytest.raises(NoTalk):
        await exchange.control.supervise(chief, first.linkedid, Mode.LISTEN)
    await exchange.control.move_to_front(chief, first.linkedid)
    await exchange.until(lambda: first.phase == "queue" and not first.is_moved, 10)
    second = await exchange.operator("operator2")
    assert (await second.incoming(15)).remote_number == exchange.number(late)
    await late.until_hears(OPERATOR_HZ, timeout=10)
    other = exchange.live(exchange.number(early))
    assert other is not None
    with pytest.raises(SeatNotFree):
        await exchange.control.move_to_operator(chief, other.linkedid, exchange.city.users["operator1"])
    with pytest.raises(NotWaiting):
        await exchange.control.move_to_front(chief, first.linkedid)
    for one in (early, late, talk):
        await one.hangup()
    await exchange.record(late)
    queue = [data.get("why") for kind, data in await exchange.ledger(late) if kind == "left_queue"]
    assert queue == ["moved", "answered"]


async def test_a_paused_seat_says_who_paused_it(exchange: Exchange, chief: Supervisor):
    """A ready seat paused by a supervisor is offered nothing and shows the order; given a caller by name it is rung all the same."""
    await exchange.operator()
    await exchange.control.pause_seat(chief, exchange.city.users["operator1"], "培训")
    assert (exchange.seat().state, exchange.seat().reason) == ("paused", "主管安排培训")
    call = await waits(exchange)
    waiting = exchange.live(exchange.number(call))
    assert waiting is not None
    await exchange.control.move_to_operator(chief, waiting.linkedid, exchange.city.users["operator1"])
    await call.until_hears(OPERATOR_HZ, timeout=15)
    at_a_seat = Supervisor(exchange.city.users["operator1"], "operator1")
    live = exchange.live(exchange.number(call))
    assert live is not None
    with pytest.raises(SupervisorBusy):
        await exchange.control.supervise(at_a_seat, live.linkedid, Mode.LISTEN)
    await call.hangup()
