"""Calls back to citizens (回拨, M-28): the operator's telephone first, then the number through the trunk."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select
from support.calls import CALLER_HZ, OPERATOR_HZ
from support.hotline import City, free_ports, running_hotline
from support.sipphone import Phone

from core.accounts import find_user
from core.db import Database
from core.units import Region
from ivr.talks.steps import NoTelephone
from recordings.models import Call, CallEnd, Recording
from tickets import callbacks, service
from tickets.callback_models import BackOutcome, CallBack


async def test_a_citizen_is_called_back(tmp_path: Path):
    """Both hear each other, the desk shows the call, the talk is recorded, wrap-up follows."""
    (port,) = free_ports(1)
    contact = f"sip:127.0.0.1:{port}"
    async with (
        running_hotline(tmp_path, HOTLINE__ASTERISK__TRUNK_CONTACT=contact) as city,
        await Phone.start("1001", city.sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
        await Phone.start("13800138000", city.sip, tone_hz=CALLER_HZ, listen_port=port) as citizen,
    ):
        await operator.register()
        control, user_id = city.hotline.control, city.users["operator1"]
        await control.login(user_id, desk_phone=True)
        await control.call_out(user_id, "13800138000", None)
        own = await operator.incoming(10)
        theirs = await citizen.incoming(10)
        await own.until_hears(CALLER_HZ, timeout=10)
        await theirs.until_hears(OPERATOR_HZ, timeout=10)
        agent = control.board.agent(user_id)
        assert agent
        assert agent.state == "talking"
        assert agent.call
        assert agent.call.caller_number == "13800138000"
        await theirs.hangup()
        await own.ended(10)
        call, recording = await finished(city.hotline.db)
        assert (call.direction, call.end) == ("out", CallEnd.OPERATOR)
        assert recording.call_id == call.id
        agent = control.board.agent(user_id)
        assert agent
        assert agent.state == "wrapup"


async def test_a_liaison_calls_back_without_a_seat(tmp_path: Path):
    """M-28: the liaison's own telephone rings, then the citizen's; the recorded call and its end are the ticket's."""
    (port,) = free_ports(1)
    contact = f"sip:127.0.0.1:{port}"
    async with (
        running_hotline(tmp_path, HOTLINE__ASTERISK__TRUNK_CONTACT=contact) as city,
        await Phone.start("2001", city.sip, "sip-liaison1", tone_hz=OPERATOR_HZ) as liaison,
        await Phone.start("13800138000", city.sip, tone_hz=CALLER_HZ, listen_port=port) as citizen,
    ):
        control, hotline, user_id = city.hotline.control, city.hotline, city.users["liaison1"]
        with pytest.raises(NoTelephone):
            await control.call_back(user_id, "13800138000", "x")
        await liaison.register()
        number = await asked(city)
        async with asyncio.timeout(10):
            while "2001" not in control.board.registered:
                await asyncio.sleep(0.05)
        linkedid = await control.call_back(user_id, "13800138000", number)
        async with hotline.db.unit_of_work() as session:
            user = await find_user(session, "liaison1")
            await callbacks.note_try(session, hotline.clock, ticket_no=number, user=user, linkedid=linkedid)
        own = await liaison.incoming(10)
        theirs = await citizen.incoming(10)
        await own.until_hears(CALLER_HZ, timeout=10)
        await theirs.until_hears(OPERATOR_HZ, timeout=10)
        await theirs.hangup()
        await own.ended(10)
        call, recording = await finished(hotline.db)
        assert (call.linkedid, recording.call_id) == (linkedid, call.id)
        async with asyncio.timeout(10):
            while True:
                async with hotline.db.reading() as session:
                    attempt = (await session.scalars(select(CallBack))).one()
                if attempt.outcome:
                    break
                await asyncio.sleep(0.05)
        assert attempt.outcome == BackOutcome.ANSWERED


async def asked(city: City) -> str:
    """A question that the liaison's unit holds; its number."""
    async with city.hotline.db.unit_of_work() as session:
        region_id = (await session.scalars(select(Region.id).order_by(Region.id))).first()
        call = Call(linkedid="asked", line="96128", region_id=region_id, started_at=city.hotline.clock.now())
        session.add(call)
        await session.flush()
        issued = await service.open_for_unit(
            session, city.hotline.clock, call_id=call.id, line="96128", region_id=region_id,
            caller_number="13800138000", unit_id=city.units["101"], liaison_id=city.users["liaison1"],
        )  # fmt: skip
        return issued.ticket.ticket_no


async def finished(db: Database) -> tuple[Call, Recording]:
    """The one call and its recording, as soon as both are stored."""
    async with asyncio.timeout(15):
        while True:
            async with db.reading() as session:
                call = await session.scalar(select(Call).where(Call.direction == "out"))
                recording = await session.scalar(select(Recording))
            if call and call.ended_at and recording:
                return call, recording
            await asyncio.sleep(0.05)
