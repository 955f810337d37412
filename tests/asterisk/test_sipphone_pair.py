"""Two test phones call each other without a server: what Asterisk never asks of them, they must do all the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sipmessage import Request
from support.sipphone import Phone
from support.siptransport import HostPort


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[Phone, Phone]]:
    """Two phones that call each other directly, without a server between them."""
    async with (
        await Phone.start("callee", ("127.0.0.1", 9), tone_hz=700) as callee,
        await Phone.start("caller", callee.endpoint.address, tone_hz=440) as caller,
    ):
        yield caller, callee


async def test_is_put_on_hold(pair: tuple[Phone, Phone]) -> None:
    """A phone that is put on hold stops sending, and sends again when it is taken back."""
    caller, callee = pair
    call = await caller.call("callee")
    taken = await callee.incoming()
    await asyncio.gather(call.until_hears(700), taken.until_hears(440))

    await call.hold()
    await asyncio.gather(call.until_silent(), taken.until_silent())
    assert taken.remote_direction == "sendonly"

    await call.unhold()
    await asyncio.gather(call.until_hears(700), taken.until_hears(440))


async def test_lost_messages_are_sent_again(
    pair: tuple[Phone, Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first copy of every message lost, the call is still answered and still ended, once."""
    for phone in pair:
        _lose_first_copies(phone, monkeypatch)
    caller, callee = pair
    call = await caller.call("callee")
    await call.answered()
    taken = await callee.incoming()

    await call.hangup()

    assert (await taken.ended()).by == "remote"
    assert len(callee.calls) == 1


async def test_the_called_side_hangs_up_only_after_the_ack(
    pair: tuple[Phone, Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone that answers and hangs up at once keeps its BYE until the ACK has come (RFC 3261 §15)."""
    caller, callee = pair
    callee.on_invite = "ignore"
    acknowledge, held, is_held = caller.endpoint.acknowledge, [], asyncio.Event()

    def hold_back(ack: Request, to: HostPort) -> None:
        held.append((ack, to))
        is_held.set()

    monkeypatch.setattr(caller.endpoint, "acknowledge", hold_back)
    call = await caller.call("callee")
    taken = await callee.incoming()
    taken.answer()
    hanging_up = asyncio.create_task(taken.hangup())
    await is_held.wait()
    await call.until_hears(700)
    assert (call.ending, taken.ending, hanging_up.done()) == (None, None, False)

    acknowledge(*held[0])

    assert (await call.ended()).by == "remote"
    await hanging_up


def _lose_first_copies(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[bytes] = set()
    send = phone.endpoint._send

    def lossy(data: bytes, to: HostPort) -> None:
        if data in seen:
            send(data, to)
        seen.add(data)

    monkeypatch.setattr(phone.endpoint, "_send", lossy)
