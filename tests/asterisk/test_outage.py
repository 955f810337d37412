"""Database and process gone in the middle of calls (断电断库): what callers hear, and what is on record after the return."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout
from support.calls import CALLER_HZ, OPERATOR_HZ
from support.killable import KillableHotline, until
from support.postgres import PostgresServer
from support.quick import tone_prompts, write_tone
from support.sipphone import Call as PhoneCall
from support.sipphone import Phone

from recordings import ledger
from recordings.models import CallEnd, Recording
from tickets.models import Ticket

TONES = {"fallback-operator": 600, "goodbye": 1050, "thanks": 1150, "survey-operator": 1350}
WELCOME_HZ = 500
SILENCE_S = 2.0
"""The longest pause that anybody hears while the database is away."""
PAGE_S = 8.0
ONCE = (
    ledger.ARRIVED,
    ledger.ANSWERED,
    ledger.BRIDGED,
    ledger.UNBRIDGED,
    ledger.PARTY_LEFT,
    ledger.ENDED,
)
TALKED, ABSENT, ASKS = "13900008001", "13900008002", "13900008003"


@pytest.fixture
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def hotline(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[KillableHotline]:
    """A hotline in a process of its own, on a PostgreSQL of its own; the dialplan's prompts are tones."""
    async with KillableHotline(tmp_path, HOTLINE__DATABASE__URL=postgres.new_database()) as running:
        tone_prompts(running.folders, TONES)
        write_tone(running.folders.sounds / "hotline" / "welcome.wav", WELCOME_HZ, 2)
        yield running


async def test_started_while_the_database_is_away(hotline: KillableHotline, postgres: PostgresServer):
    """It starts, says so, and callers reach an operator without menus; the database back, everything is on record and works."""
    sip = hotline.city.sip
    async with (
        await Phone.start("1001", sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
        await Phone.start(TALKED, sip, tone_hz=CALLER_HZ) as caller,
        await Phone.start(ABSENT, sip, tone_hz=CALLER_HZ) as late,
    ):
        await operator.register()
        await hotline.seat()
        await hotline.kill()
        await hotline.ask_asterisk("Setvar", Variable="CTL_BEAT", Value=0)
        postgres.stop()
        await hotline.start(ready="数据库暂时无法连接")
        async with ClientSession() as http, http.get(f"{hotline.city.url}/readyz") as page:
            assert page.status == 503
            assert "应急流程" in await page.text()
        call = await caller.call("96128")
        await call.answered()
        await call.until_hears(TONES["fallback-operator"], timeout=10)
        answered = await operator.incoming(15)
        await call.until_hears(OPERATOR_HZ, timeout=10)
        postgres.start()
        await until(lambda: hotline.ready in hotline.said(hotline.began), 60)
        await hotline.until_beat_is(lambda age: age <= 1)
        await answered.until_hears(CALLER_HZ)
        fresh = await late.call("96128")
        await fresh.answered()
        await fresh.until_hears(WELCOME_HZ, timeout=10)
        await fresh.hangup()
        await answered.hangup()
        await call.until_hears(TONES["goodbye"], timeout=20)
    talk = await hotline.closed(TALKED)
    assert (talk.end, talk.operator_id) == (CallEnd.OPERATOR, hotline.city.users["operator1"])
    assert len(await hotline.of_call(Ticket, talk)) == 1
    assert (await hotline.closed(ABSENT)).end == CallEnd.MENU


@pytest.mark.parametrize("state", ["stopped", "hanging"])
async def test_database_away_and_back_under_a_running_hotline(
    hotline: KillableHotline, postgres: PostgresServer, state: str
):
    """M-14: it refuses, or answers nothing at all. A talk begins and ends, a caller comes and goes, another asks for what only the
    database knows: nobody is left in silence, pages say what is wrong, and afterwards everything is on record once.
    """
    sip = hotline.city.sip
    async with (
        await Phone.start("1001", sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
        await Phone.start(TALKED, sip, tone_hz=CALLER_HZ) as caller,
        await Phone.start(ABSENT, sip, tone_hz=CALLER_HZ) as late,
        await Phone.start(ASKS, sip, tone_hz=CALLER_HZ) as asking,
    ):
        await operator.register()
        asks = await asking.call("96128")
        await asks.answered()
        await hotline.until_told(ASKS, ledger.ARRIVED, 15)
        await asks.until_hears(WELCOME_HZ, timeout=10)
        away = getattr(postgres, state)()
        call, answered = await talking(hotline, caller, operator, away)
        pressed_at = time.monotonic()
        await asks.dtmf("0")
        came = await late.call("96128")
        await came.answered()
        await came.until_hears(WELCOME_HZ, timeout=10)
        await came.hangup()
        await pages_say_so(hotline)
        left_at = time.monotonic()
        assert asks.longest_silence_s(pressed_at, left_at) < SILENCE_S
        await answered.hangup()
        asked_at = await call.until_hears(TONES["survey-operator"], timeout=15)
        assert call.longest_silence_s(left_at, asked_at) < SILENCE_S
        assert (await call.ended(20)).by == "remote"
        next_talk = await operator.incoming(15)
        assert next_talk.remote_number == ASKS
        await next_talk.hangup()
        await asks.until_hears(TONES["survey-operator"], timeout=15)
        await asks.hangup()
    away.__exit__(None, None, None)
    talks, absent = [await hotline.closed(TALKED), await hotline.closed(ASKS)], await hotline.closed(ABSENT)
    for talk in talks:
        told = await kinds(hotline, talk.caller_number)
        assert {kind: told[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
        assert talk.end == CallEnd.OPERATOR
        assert len(await hotline.of_call(Ticket, talk, 1)) == 1
        assert len(await hotline.of_call(Recording, talk, 1)) == 1
    assert absent.end == CallEnd.MENU
    assert (await kinds(hotline, ABSENT))[ledger.ARRIVED] == 1


async def pages_say_so(hotline: KillableHotline) -> None:
    """In Chinese, and before a person has given up waiting."""
    async with ClientSession(timeout=ClientTimeout(PAGE_S)) as http:
        for path, said in (("/", "数据库暂时无法访问"), ("/readyz", "数据库没有应答")):
            async with http.get(f"{hotline.city.url}{path}") as page:
                assert (page.status, said in await page.text()) == (503, True), path


async def kinds(hotline: KillableHotline, number: str) -> Counter[str]:
    return Counter(kind for kind, _ in await hotline.ledger(number))


async def talking(
    hotline: KillableHotline, caller: Phone, operator: Phone, away: AbstractContextManager[None]
) -> tuple[PhoneCall, PhoneCall]:
    """A talk that began after the database had gone."""
    await hotline.seat()
    call = await caller.call("96128")
    await call.answered()
    await hotline.until_told(TALKED, ledger.ARRIVED, 15)
    away.__enter__()
    pressed_at = time.monotonic()
    await call.dtmf("0")
    answered = await operator.incoming(15)
    talk_at = await call.until_hears(OPERATOR_HZ, timeout=10)
    assert call.longest_silence_s(pressed_at, talk_at) < SILENCE_S
    return call, answered


async def test_database_and_process_lost_in_a_talk(hotline: KillableHotline, postgres: PostgresServer):
    """M-14: the talk goes on and ends with thanks, a caller meanwhile gets the short path; afterwards one of everything."""
    sip = hotline.city.sip
    async with (
        await Phone.start("1001", sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
        await Phone.start(TALKED, sip, tone_hz=CALLER_HZ) as caller,
        await Phone.start(ABSENT, sip, tone_hz=CALLER_HZ) as late,
    ):
        await operator.register()
        call, answered = await talking(hotline, caller, operator, postgres.stopped())
        spool = hotline.city.hotline.settings.data_dir / "ledger"
        await until(lambda: any("answered" in file.read_text() for file in spool.glob("*.jsonl")), 15)
        await hotline.kill()
        await answered.until_hears(CALLER_HZ)
        await hotline.ask_asterisk("Setvar", Variable="CTL_BEAT", Value=0)
        missed = await late.call("96128")
        await missed.until_hears(TONES["fallback-operator"], timeout=10)
        await missed.hangup()
        await answered.hangup()
        await call.until_hears(TONES["thanks"], timeout=5)
        assert (await call.ended(10)).by == "remote"
    postgres.start()
    await hotline.start()
    talk, absent = await hotline.closed(TALKED), await hotline.closed(ABSENT)
    told = await kinds(hotline, TALKED)
    assert {kind: told[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
    assert (talk.end, talk.operator_id) == (CallEnd.OPERATOR, hotline.city.users["operator1"])
    assert len(await hotline.of_call(Ticket, talk)) == 1
    assert len(await hotline.of_call(Recording, talk, 1)) == 1
    assert (await kinds(hotline, ABSENT))[ledger.ARRIVED] == 1
    assert absent.end == CallEnd.MENU
