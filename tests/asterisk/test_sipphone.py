"""The test phone is proved against a real Asterisk before anything is proved with it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from support import tones
from support.asterisk import (
    PROMPT_HZ,
    AsteriskProcess,
    free_port,
    running_asterisk,
    write_minimal_config,
)
from support.rawsip import garbage, send_raw
from support.rtp import FRAME_S
from support.sipphone import CallRefused, Phone, RegistrationRefused, SipTimeout
from support.siptransport import HostPort


@pytest.fixture(scope="module")
def server() -> HostPort:
    """Where the private Asterisk listens."""
    return "127.0.0.1", free_port()


@pytest.fixture(scope="module")
def asterisk(server: HostPort, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskProcess]:
    """A private Asterisk with the minimal dialplan."""
    folder = tmp_path_factory.mktemp("asterisk")
    with running_asterisk(write_minimal_config(folder, server[1], 22200, 22399)) as process:
        yield process


@pytest_asyncio.fixture
async def caller(asterisk: AsteriskProcess, server: HostPort) -> AsyncIterator[Phone]:
    """A caller from the trunk, without an account."""
    async with await Phone.start("13800138000", server, tone_hz=440) as phone:
        yield phone


@pytest_asyncio.fixture
async def alice(asterisk: AsteriskProcess, server: HostPort) -> AsyncIterator[Phone]:
    """A registered phone that sends 700 Hz."""
    async with await Phone.start("alice", server, password="secret-of-alice", tone_hz=700) as phone:
        await phone.register()
        yield phone


async def test_hears_its_own_echo(caller: Phone) -> None:
    """Audio goes out and comes back at the right frequency, follows a change of it, and falls silent when muted."""
    call = await caller.call("100")
    await call.answered()

    await call.until_hears(440)
    call.set_tone(1000)
    await call.until_hears(1000)
    call.mute()
    await call.until_silent()

    assert not tones.hears(call.heard.samples[-1600:], 1000)
    assert call.heard.packets_lost == 0


async def test_echo_is_clean_and_without_gaps(caller: Phone) -> None:
    """Two seconds of echo hold nothing but the tone: the sender keeps time and the time line has no holes."""
    call = await caller.call("100")
    await call.answered()
    await call.until_hears(440, for_s=2.0)

    piece = call.heard.samples[1600:16000]
    assert tones.tone_level(piece, 440) > 0.99
    assert tones.segments_with(piece, 440) == [(0.0, 1.8)]
    assert call.longest_silence_s() < 0.1


async def test_sends_fifty_packets_a_second(caller: Phone) -> None:
    """The sending clock does not drift, however late single frames are."""
    call = await caller.call("100")
    await call.answered()
    sent, began_at = call.media.packets_sent, time.monotonic()

    await call.until_hears(440, for_s=2.0)

    expected = (time.monotonic() - began_at) / FRAME_S
    assert call.media.packets_sent - sent == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("keys", ["1", "12#", "0123456789*#", "1100"])
async def test_keys_arrive_exactly(caller: Phone, asterisk: AsteriskProcess, keys: str) -> None:
    """Asterisk reads exactly the keys that were pressed, and the phone hears the ones sent back."""
    call = await caller.call("103")
    await call.answered()

    presses = await call.dtmf(keys, gap_ms=60)
    await call.until_key_heard(keys, timeout=10)

    assert call.heard.keys == keys
    assert await asterisk.global_variable("KEYS") == keys
    assert "".join(press.key for press in presses) == keys
    assert all(0.05 < press.ended_at - press.began_at < 0.3 for press in presses)


async def test_keypress_to_next_prompt_is_measured(caller: Phone) -> None:
    """The first packet of the prompt after a key is found, a frame or so after the key's end packet."""
    call = await caller.call("96128")
    await call.answered()
    await call.until_hears(PROMPT_HZ["menu"])

    (key,) = await call.dtmf("1")
    prompt = await call.first_packet_after(key.ended_at, hz=PROMPT_HZ["second"])
    heard_at = await call.until_hears(PROMPT_HZ["second"], since=key.ended_at)

    assert 0 < prompt.at - key.ended_at < 0.2
    assert abs(heard_at - prompt.at) < 0.06


async def test_silence_between_prompts_is_measured(caller: Phone) -> None:
    """Two seconds in which Asterisk sends nothing are two seconds of silence."""
    call = await caller.call("109")
    await call.answered()

    first_at = await call.until_hears(PROMPT_HZ["menu"])
    silent_at = await call.until_silent(since=first_at)
    second_at = await call.until_hears(PROMPT_HZ["second"], timeout=6)

    assert silent_at - first_at == pytest.approx(1.0, abs=0.1)
    assert second_at - silent_at == pytest.approx(2.0, abs=0.1)
    assert call.longest_silence_s() == pytest.approx(2.0, abs=0.1)
    fresh = await call.first_packet_after(silent_at, new_spurt=True)
    assert abs(fresh.at - second_at) < 0.2  # far less than the silence, however busy the machine


async def test_hears_early_media_then_busy(caller: Phone) -> None:
    """A prompt before the answer is heard, and the refusal carries its code."""
    call = await caller.call("101")
    await call.until_hears(PROMPT_HZ["menu"])
    with pytest.raises(CallRefused):
        await call.answered()

    ending = await call.ended()
    assert (ending.by, ending.code, ending.q850) == ("remote", 486, 17)
    assert call.answered_at is None


async def test_busy_and_unknown_numbers_are_refused(caller: Phone) -> None:
    """Each refusal is told with its SIP code."""
    busy, unknown = await caller.call("107"), await caller.call("999")

    assert (await busy.ended()).code == 486
    assert (await unknown.ended()).code == 404


async def test_cancels_before_the_answer(caller: Phone, asterisk: AsteriskProcess) -> None:
    """Hanging up a ringing call cancels it, and Asterisk keeps no channel."""
    call = await caller.call("105")
    await call.ringing()

    await call.hangup()

    ending = await call.ended()
    assert (ending.by, ending.code) == ("local", 487)
    await _until_no_channels(asterisk)


async def test_hangs_up(caller: Phone, asterisk: AsteriskProcess) -> None:
    """A BYE ends the call on both sides."""
    call = await caller.call("102")
    await call.answered()
    await call.until_hears(PROMPT_HZ["music"])

    await call.hangup()

    assert (await call.ended()).by == "local"
    await _until_no_channels(asterisk)


async def test_is_hung_up(caller: Phone) -> None:
    """The far end's BYE ends the call, with its cause."""
    call = await caller.call("106")
    await call.answered()

    ending = await call.ended()

    assert (ending.by, ending.q850) == ("remote", 16)


async def test_sends_headers_of_its_own(caller: Phone, asterisk: AsteriskProcess) -> None:
    """Extra headers reach the dialplan."""
    call = await caller.call("108", headers={"X-Mark": "line-3"})
    await call.answered()

    assert await asterisk.global_variable("MARK") == "line-3"


async def test_registers_with_digest(alice: Phone, asterisk: AsteriskProcess) -> None:
    """The contact is known to Asterisk after the registration and gone after it was taken back."""
    port = str(alice.endpoint.address[1])
    assert port in await asterisk.cli("pjsip show contacts")

    await alice.unregister()

    assert port not in await asterisk.cli("pjsip show contacts")


async def test_wrong_password_is_refused(asterisk: AsteriskProcess, server: HostPort) -> None:
    """A wrong password gives up after one challenge."""
    async with await Phone.start("bob", server, password="wrong") as phone:
        with pytest.raises(RegistrationRefused) as refused:
            await phone.register()

    assert refused.value.code == 401


async def test_calls_with_digest(alice: Phone) -> None:
    """A call of an account is challenged, and answered."""
    call = await alice.call("100")
    await call.answered()
    await call.until_hears(700)


async def test_answers_an_incoming_call(caller: Phone, alice: Phone) -> None:
    """A called phone rings, answers by itself, and both hear the other's tone."""
    alice.ring_s = 0.3
    call = await caller.call("alice")
    taken = await alice.incoming()
    await asyncio.gather(call.answered(), taken.answered())

    await asyncio.gather(call.until_hears(700), taken.until_hears(440))

    assert taken.remote_number == "13800138000"
    assert call.ringing_at is not None
    assert call.answered_at is not None
    assert call.answered_at - call.ringing_at >= 0.25
    await taken.hangup()
    assert (await call.ended()).by == "remote"


@pytest.mark.parametrize(("policy", "code"), [("busy", 486), ("decline", 603)])
async def test_refuses_an_incoming_call(caller: Phone, alice: Phone, policy: str, code: int) -> None:
    """A busy or declining phone ends the caller's attempt."""
    alice.on_invite = policy
    call = await caller.call("alice")
    taken = await alice.incoming()

    refused = await call.ended()

    assert (await taken.ended()).code == code
    assert refused.by == "remote"
    assert refused.code >= 400


async def test_ignores_until_the_caller_gives_up(caller: Phone, alice: Phone) -> None:
    """An ignored call rings until it is cancelled; the test may also answer it by hand."""
    alice.on_invite = "ignore"
    call = await caller.call("alice")
    taken = await alice.incoming()
    await call.ringing()

    await call.hangup()

    ending = await taken.ended()
    assert (ending.by, ending.code) == ("remote", 487)

    again = await caller.call("alice")
    (await alice.incoming()).answer()
    await again.answered()


async def test_holds_and_takes_back(caller: Phone, alice: Phone) -> None:
    """On hold the other side hears music; afterwards both hear each other again."""
    call = await caller.call("alice")
    await call.answered()
    await call.until_hears(700)
    taken = await alice.incoming()

    await taken.hold()
    await call.until_hears(PROMPT_HZ["music"])
    await taken.unhold()

    await asyncio.gather(call.until_hears(700), taken.until_hears(440))


async def test_many_calls_from_one_phone(caller: Phone, asterisk: AsteriskProcess) -> None:
    """Ten calls at once each hear their own echo, without losing a packet."""
    calls = [await caller.call("100") for _ in range(10)]
    await asyncio.gather(*(call.answered() for call in calls))
    for index, call in enumerate(calls):
        call.set_tone(400 + 100 * index)

    await asyncio.gather(*(c.until_hears(400 + 100 * n, timeout=10) for n, c in enumerate(calls)))

    assert [call.heard.packets_lost for call in calls] == [0] * 10


async def test_keys_cut_off_by_a_hangup_are_an_error(caller: Phone) -> None:
    """Whoever is pressing keys when the call ends is told, and does not wait for ever."""
    call = await caller.call("106")
    await call.answered()

    with pytest.raises(ConnectionError):
        await call.dtmf("1234567890" * 3)


async def test_waits_have_an_end(caller: Phone) -> None:
    """A tone that never comes is a SipTimeout that names it."""
    call = await caller.call("100")
    await call.answered()

    with pytest.raises(SipTimeout, match="2000 Hz"):
        await call.until_hears(2000, timeout=0.3)


async def test_nobody_listening_is_a_timeout(server: HostPort) -> None:
    """A call to a dead port ends with 408."""
    async with await Phone.start("13800138000", ("127.0.0.1", free_port())) as phone:
        phone.endpoint.timeout_s = 0.8
        call = await phone.call("96128")
        assert (await call.ended(timeout=8)).code == 408


async def test_garbage_leaves_the_server_alive(
    caller: Phone, asterisk: AsteriskProcess, server: HostPort
) -> None:
    """After hundreds of broken datagrams the next call works."""
    await send_raw(server, garbage(server, random_count=300))

    call = await caller.call("100")
    await call.answered()
    await call.until_hears(440)

    assert asterisk.is_running()


async def test_garbage_leaves_the_phone_alive(caller: Phone) -> None:
    """The phone counts what it cannot read and goes on."""
    await send_raw(caller.endpoint.address, garbage(caller.endpoint.address, random_count=300), listen_s=0.05)

    call = await caller.call("100")
    await call.answered()

    assert caller.endpoint.unparsed_datagrams > 250
    await call.until_hears(440)


async def _until_no_channels(asterisk: AsteriskProcess, timeout: float = 5.0) -> None:
    async with asyncio.timeout(timeout):
        while await asterisk.channel_count():
            await asyncio.sleep(0.02)
