"""Telephones that behave oddly (异常话机): no audio, somebody else's audio, keys by INFO or as tones, a flood of registrations."""

import asyncio
import time
from functools import partial

import pytest
from support import g711, tones
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import SOUNDS
from support.quick import FOLDER, Quick, write_tone
from support.rtp import FRAME_SAMPLES
from support.sdp import AudioDescription
from support.sipcall import Call
from support.sipphone import CallRefused, Phone, RegistrationRefused

from recordings.models import CallEnd

pytestmark = pytest.mark.asyncio(loop_scope="session")
INTRUDER_HZ = 1500.0
SILENT_S = 7.5
"""How long at most a caller listens to a telephone that sends nothing any more: five seconds, and the way on."""
LOST_HZ = 1900.0
ONE_HZ = (697.0, 1209.0)
"""The two tones of key 1."""
FLOOD = 200


async def test_a_caller_without_audio_is_served(exchange: Exchange, quick: Quick):
    """A telephone that never sends a packet hears the menus, is asked again and is put through; its end is on record."""
    quick.set_times(first_key_s=0.5)
    operator = await exchange.operator()
    phone = await exchange.caller()
    call = await phone.call("96128")
    call.media.paused = True
    await call.answered()
    taken = await operator.incoming(30)
    await call.until_hears(OPERATOR_HZ)
    await taken.hangup()
    await exchange.at_node(call, "CODE")
    await call.hangup()
    assert (await exchange.record(call)).talk_ms > 0


async def test_an_operators_telephone_falls_silent_for_good(exchange: Exchange, quick: Quick):
    """A desk telephone without power says nothing more: after five seconds the caller hears so, and a colleague takes over at once."""
    operator = await exchange.operator()
    call, answered = await exchange.talking(operator)
    colleague = await exchange.operator("operator2", LIAISON_HZ)
    answered.media.paused = True
    silent_at = time.monotonic()
    taken = await colleague.incoming(20)
    taken_at = await call.until_hears(LIAISON_HZ, timeout=10)
    assert call.longest_silence_s(silent_at, taken_at) < SILENT_S
    await taken.hangup()
    await exchange.at_node(call, "CODE")
    await call.hangup()
    assert (await exchange.record(call)).end == CallEnd.OPERATOR
    assert [one.operator_id for one in await exchange.tickets(call)] == [exchange.city.users["operator2"]]


async def test_a_liaisons_telephone_dies_after_the_menu(exchange: Exchange, quick: Quick):
    """The caller, who has talked to no operator yet, is told so and is first in the queue, with the same ticket."""
    write_tone(SOUNDS / FOLDER / "liaison-lost.wav", LOST_HZ, 0.5)
    liaison, operator = await exchange.liaison(), await exchange.operator()
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", "101"), ("QD-OK", "1"))
    leg = await liaison.incoming(15)
    await leg.until_hears(CALLER_HZ, timeout=10)
    leg.media.paused = True
    silent_at = time.monotonic()
    told_at = await call.until_hears(LOST_HZ, timeout=10)
    assert call.longest_silence_s(silent_at, told_at) < SILENT_S
    taken = await operator.incoming(15)
    await taken.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(OPERATOR_HZ, since=told_at)
    await call.hangup()
    record = await exchange.record(call)
    assert record.node_path.endswith(">TRANSFER")
    assert (record.end, record.operator_id) == (CallEnd.LIAISON, exchange.city.users["operator1"])
    told = dict(await exchange.ledger(call))
    assert (told["returned"], "handed_back" in told) == ({"to": "queue"}, False)
    assert (len(await exchange.tickets(call)), len(await exchange.recordings(record))) == (1, 1)


async def test_audio_from_elsewhere_reaches_nobody(exchange: Exchange, quick: Quick):
    """Packets thrown at a talk's port from another address are not heard; the talk goes on."""
    operator = await exchange.operator()
    call, answered = await exchange.talking(operator)
    await answered.until_hears(CALLER_HZ)
    began = time.monotonic()
    await _intrude(call)
    await answered.until_hears(CALLER_HZ, since=time.monotonic())
    assert (
        tones.segments_with(answered.heard.between(began, time.monotonic()), INTRUDER_HZ, min_share=0.1) == []
    )
    await call.hangup()
    await exchange.record(call)


async def test_a_key_by_info_is_taken(exchange: Exchange, quick: Quick):
    """A gateway that sends keys as SIP INFO walks the menu as well."""
    call = await exchange.dial()
    await exchange.at_node(call, "MAIN")
    assert (await call.dtmf_by_info("1")).code == 200
    await exchange.at_node(call, "Q")
    await call.hangup()
    await exchange.record(call)


async def test_a_key_within_the_audio_is_taken(
    exchange: Exchange, quick: Quick, monkeypatch: pytest.MonkeyPatch
):
    """An old line offers no telephone events: its keys are the tones themselves."""
    without = partial(AudioDescription, event_payload_type=None)
    monkeypatch.setattr("support.sipcall.AudioDescription", without)
    call = await exchange.dial()
    call.mute()
    await exchange.at_node(call, "MAIN")
    call.media.press_in_band(*ONE_HZ)
    await exchange.at_node(call, "Q")
    await call.hangup()
    await exchange.record(call)


async def test_a_name_makes_nobody_the_trunk(exchange: Exchange):
    """From any other address than the trunk's a call is refused, also where it says that it is the trunk's, or what asks the trunk."""
    for name in ("trunk", "trunk-watch"):
        async with await Phone.start(name, exchange.city.sip, host="127.0.0.2") as phone:
            with pytest.raises(CallRefused) as refused:
                await (await phone.call("96128")).answered()
        assert refused.value.ending.code == 401


async def test_a_flood_of_registrations_lets_calls_through(exchange: Exchange, quick: Quick):
    """Hundreds of registrations with wrong passwords are refused, and a citizen is answered meanwhile."""

    async def attempt(number: int) -> None:
        phone = await Phone.start(str(1001 + number % 50), exchange.city.sip, f"guess-{number}")
        try:
            with pytest.raises(RegistrationRefused):
                await phone.register()
        finally:
            await phone.close()

    flood = [asyncio.create_task(attempt(number)) for number in range(FLOOD)]
    call = await exchange.dial()
    await exchange.at_node(call, "MAIN")
    await asyncio.gather(*flood)
    await call.hangup()
    await exchange.record(call)


async def _intrude(call: Call) -> None:
    """A second of a tone from a socket of its own, to where the caller's audio goes."""
    loop = asyncio.get_running_loop()
    sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=call.media.target)
    frames = g711.encode(tones.sine(INTRUDER_HZ, 1.0), "alaw")
    for number, at in enumerate(range(0, len(frames), FRAME_SAMPLES)):
        header = bytes((0x80, 8)) + number.to_bytes(2) + at.to_bytes(4) + b"odd!"
        sender.sendto(header + frames[at : at + FRAME_SAMPLES])
        await asyncio.sleep(0.02)
    sender.close()
