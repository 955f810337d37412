"""Calls back to citizens (回拨, M-28): the operator's telephone first, then the number through the trunk."""

import asyncio
from pathlib import Path

from sqlalchemy import select
from support.calls import CALLER_HZ, OPERATOR_HZ
from support.hotline import free_ports, running_hotline
from support.sipphone import Phone

from core.db import Database
from recordings.models import Call, CallEnd, Recording


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


async def finished(db: Database) -> tuple[Call, Recording]:
    """The one call and its recording, as soon as both are stored."""
    async with asyncio.timeout(15):
        while True:
            async with db.reading() as session:
                call = await session.scalar(select(Call))
                recording = await session.scalar(select(Recording))
            if call and call.ended_at and recording:
                return call, recording
            await asyncio.sleep(0.05)
