"""Calls while no controller is there (控制器停止): the dialplan's own short path, heard by its tones."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from support.calls import CALLER_HZ, OPERATOR_HZ, Exchange
from support.hotline import City, running_hotline
from support.quick import tone_prompts
from support.sipphone import Phone
from support.tones import segments_with

from ivr.asterisk.ami import Ami
from ivr.outages.leftovers import Leftovers
from recordings import audio
from tickets.models import Channel, Ticket

TONES = {
    "welcome": 500, "fallback-operator": 600, "fallback-voicemail": 750, "fallback-saved": 950, "goodbye": 1050,
    "thanks": 1150,
}  # fmt: skip


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    """A hotline of its own, whose fallback prompts are tones of half a second."""
    async with running_hotline(tmp_path) as running:
        tone_prompts(running.hotline.folders, TONES)
        yield running


async def stop_controller(city: City) -> None:
    """The controller's process is gone: no connection, no beat, nobody who answers."""
    city.hotline.tasks.loops["controller-beat"].task.cancel()  # type: ignore[union-attr]
    await city.hotline.controller.stop()


async def asterisk(city: City, command: str) -> str:
    assert city.hotline.asterisk is not None
    return await city.hotline.asterisk.command(command)


async def test_stale_beat_sends_new_callers_the_short_path(city: City):
    """Within seconds of the controller's end a caller hears the fallback, leaves a message, and it is kept with a note."""
    await stop_controller(city)
    await asyncio.sleep(6.1)  # the dialplan believes a beat for five seconds
    async with await Phone.start("13900009999", city.sip, tone_hz=CALLER_HZ) as caller:
        call = await caller.call("96128")
        await call.answered()
        began = None
        for name in ("welcome", "fallback-operator", "fallback-voicemail"):
            began = await call.until_hears(TONES[name], since=began)
        await asyncio.sleep(3)
        await call.dtmf("#")
        await call.until_hears(TONES["fallback-saved"], timeout=5)
        assert (await call.ended(10)).by == "remote"
    (file,) = (city.hotline.folders.spool / "message").glob("*.wav")
    samples = audio.read(file).frames.reshape(-1)
    assert sum(end - start for start, end in segments_with(samples, CALLER_HZ)) > 1
    note = await asterisk(city, "database show message")
    assert f"/message/{file.stem.rpartition('-')[0]}" in note
    assert "96128|13900009999" in note
    await left_messages_become_tickets(city)
    assert "/message/" not in await asterisk(city, "database show message")


async def test_caller_in_the_menu_is_taken_over(city: City):
    """Whoever listens to a menu when the controller dies is with the dialplan's short path seconds later, unasked."""
    exchange = Exchange(city)
    call = await exchange.dial()
    await exchange.at_node(call, "MAIN")
    await stop_controller(city)
    began = await call.until_hears(TONES["fallback-operator"], timeout=10)
    await call.until_hears(TONES["fallback-voicemail"], since=began)
    await asyncio.gather(*(phone.close() for phone in exchange.phones))


async def left_messages_become_tickets(city: City) -> None:
    """The next controller makes one ticket of the message, however often it looks."""
    hotline, up = city.hotline, asyncio.Event()
    settings = hotline.settings.asterisk
    ami = Ami(
        host=settings.host, port=settings.ami_port, user=settings.ami_user, secret=settings.ami_secret,
        on_event=lambda _: None, on_up=up.set, on_down=lambda: None,
    )  # fmt: skip
    ami.start()
    await asyncio.wait_for(up.wait(), 5)
    leftovers = Leftovers(hotline.db, hotline.clock, hotline.settings.recordings, hotline.lines)
    await leftovers.take_messages(ami, live=())
    await leftovers.take_messages(ami, live=())
    await ami.close()
    async with hotline.db.reading() as session:
        (ticket,) = (await session.scalars(select(Ticket).where(Ticket.caller_number == "13900009999"))).all()
    assert ticket.channel == Channel.VOICEMAIL
    assert ticket.recording_id is not None


async def test_operators_still_answer(city: City):
    """Members stay in Asterisk's queue: a caller on the short path reaches an operator, and both are recorded."""
    exchange = Exchange(city)
    operator = await exchange.operator()
    await stop_controller(city)
    await asterisk(city, "dialplan set global CTL_BEAT 0")
    async with operator, await Phone.start("13900009998", city.sip, tone_hz=CALLER_HZ) as caller:
        call = await caller.call("96128")
        await call.answered()
        answered = await operator.incoming(10)
        await answered.until_hears(CALLER_HZ, timeout=5)
        await call.until_hears(OPERATOR_HZ)
        await asyncio.sleep(0.5)
        await answered.hangup()
        await call.until_hears(TONES["thanks"], timeout=5)
        assert (await call.ended(10)).by == "remote"
    (file,) = (city.hotline.folders.spool / "talk").glob("*.raw")
    assert file.stat().st_size > 16000


async def test_talk_survives_the_controller(city: City):
    """A talk under way when the controller ends goes on; when the operator hangs up the caller is thanked."""
    exchange = Exchange(city)
    operator = await exchange.operator()
    async with operator:
        call, answered = await _talking(exchange, operator)
        await stop_controller(city)
        await asterisk(city, "dialplan set global CTL_BEAT 0")
        await call.until_hears(OPERATOR_HZ)
        await answered.until_hears(CALLER_HZ)
        await answered.hangup()
        await call.until_hears(TONES["thanks"], timeout=5)
        await asyncio.gather(*(phone.close() for phone in exchange.phones))


async def _talking(exchange: Exchange, operator: Phone):
    call = await exchange.dial()
    await exchange.at_node(call, "WELCOME")
    await call.dtmf("0")
    answered = await operator.incoming(15)
    await call.until_hears(OPERATOR_HZ, timeout=10)
    return call, answered
