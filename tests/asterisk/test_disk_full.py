"""A disk that takes nothing more (磁盘写满): the process may write no byte to any file, then may again."""

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from support.calls import CALLER_HZ, OPERATOR_HZ
from support.killable import KillableHotline
from support.quick import tone_prompts
from support.sipphone import Phone

from recordings.models import CallEnd, Recording
from tickets.models import Ticket

TALKED, CAME = "13900008101", "13900008102"
TONES = {"thanks": 1150, "main-menu": 550}
ONCE = ("arrived", "answered", "bridged", "unbridged", "party_left", "ended")


@pytest.fixture
async def hotline(tmp_path: Path) -> AsyncIterator[KillableHotline]:
    async with KillableHotline(tmp_path) as running:
        tone_prompts(running.folders, TONES)
        yield running


def limit_files(hotline: KillableHotline, size: int) -> None:
    """As a full disk does: a write beyond `size` bytes of a file fails, in this process alone."""
    assert hotline.process
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(hotline.process.pid, resource.RLIMIT_FSIZE, (size, hard))


async def ledger_part(hotline: KillableHotline) -> dict[str, object]:
    async with ClientSession() as http, http.get(f"{hotline.city.url}/readyz") as answer:
        return (await answer.json())["parts"]["ledger"]  # type: ignore[no-any-return]


async def until_ledger(hotline: KillableHotline, *, ok: bool) -> dict[str, object]:
    async with asyncio.timeout(30):
        while (part := await ledger_part(hotline))["ok"] is not ok:
            await asyncio.sleep(0.2)
    return part


async def test_calls_go_on_and_everything_is_on_record_afterwards(hotline: KillableHotline):
    """A talk, its end and a new caller in the menu while nothing can be written: each is stored once there is room again."""
    sip = hotline.city.sip
    async with (
        await Phone.start("1001", sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
        await Phone.start(TALKED, sip, tone_hz=CALLER_HZ) as caller,
        await Phone.start(CAME, sip, tone_hz=CALLER_HZ) as late,
    ):
        await operator.register()
        await hotline.seat()
        call = await caller.call("96128")
        await call.answered()
        await hotline.been_at(TALKED, "MAIN")
        limit_files(hotline, 0)
        await call.dtmf("0")
        answered = await operator.incoming(15)
        await call.until_hears(OPERATOR_HZ, timeout=10)
        fault = await until_ledger(hotline, ok=False)
        assert "只在内存中" in str(fault["text"])
        came = await late.call("96128")
        await came.answered()
        await came.until_hears(TONES["main-menu"], timeout=15)
        await came.hangup()
        await answered.until_hears(CALLER_HZ)
        await answered.hangup()
        await call.until_hears(TONES["thanks"], timeout=20)
        assert (await call.ended(10)).by == "remote"
    limit_files(hotline, resource.RLIM_INFINITY)
    await until_ledger(hotline, ok=True)
    talk, menu = await hotline.closed(TALKED), await hotline.closed(CAME)
    assert (talk.end, menu.end) == (CallEnd.OPERATOR, CallEnd.MENU)
    assert talk.operator_id == hotline.city.users["operator1"]
    told = Counter(kind for kind, _ in await hotline.ledger(TALKED))
    assert {kind: told[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
    assert len(await hotline.of_call(Ticket, talk, 1)) == 1
    (recording,) = await hotline.of_call(Recording, talk, 1)
    assert not recording.damaged
