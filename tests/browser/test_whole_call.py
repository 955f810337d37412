"""A citizen dials 96128 and is served, end to end, with nothing faked: SIP, RTP, Asterisk, pages, database, archive."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Error, Page, expect
from sqlalchemy import select
from support.hotline import PASSWORD, City, running_hotline
from support.quick import tone_prompts
from support.sipcall import Call as SipCall
from support.sipphone import Phone
from support.tones import segments_with

from core.audit import AuditRow
from ivr.models import OwedCall
from recordings.keeping import archive
from recordings.models import Call, CallEnd, CallEvent, CallMark, Recording, RecordingKind
from tickets.models import SatisfactionRating, State, Ticket

CALLER_HZ, OPERATOR_HZ, LIAISON_HZ = 440, 880, 1200
HEARD_BYTES = 32_000
"""A second of a talk, as Asterisk writes it."""
GONE_S = 4.0
"""How long at most a caller hears nothing when the operator's page has died."""
RECLAIM_HZ, CODE_HZ = 600, 1250


@pytest.fixture
def program() -> str | None:
    """One with sound: the page is asked what it hears."""
    return shutil.which("chromium")


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    async with running_hotline(tmp_path) as city:
        yield city


@pytest.fixture
async def liaison(city: City) -> AsyncIterator[Phone]:
    async with await Phone.start("2001", city.sip, "sip-liaison1", tone_hz=LIAISON_HZ) as phone:
        await phone.register()
        yield phone


@pytest.fixture
async def caller(city: City) -> AsyncIterator[Phone]:
    async with await Phone.start("13800138000", city.sip, tone_hz=CALLER_HZ) as phone:
        yield phone


async def sign_in(browser: Browser, city: City, username: str, path: str) -> Page:
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = await context.new_page()
    page.set_default_timeout(30_000)
    await page.goto(f"{city.url}/login")
    await page.fill("[name=username]", username)
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.wait_for_url(f"{city.url}/**")
    await page.goto(f"{city.url}{path}")
    return page


async def ready_operator(browser: Browser, city: City) -> Page:
    """An operator signed in at the desk, telephone registered, ready for calls."""
    page = await sign_in(browser, city, "operator1", "/desk")
    await page.wait_for_selector("#line-chip:has-text('电话已就绪')")
    await page.get_by_test_id("seat-login").click()
    await page.get_by_test_id("seat-ready").click()
    await page.wait_for_selector("#seat[data-state=ready]")
    return page


async def to_operator(caller: Phone) -> SipCall:
    """Dial, hear the welcome, walk 1 and then 0."""
    call = await caller.call("96128")
    await call.answered()
    await call.until_sound(timeout=5)
    await call.dtmf("10", gap_ms=600)
    return call


async def stored(city: City, model, **where):
    async with city.hotline.db.reading() as session:
        return (await session.scalars(select(model).filter_by(**where).order_by(model.id))).all()


async def until_stored(city: City, model, count: int, **where):
    async with asyncio.timeout(40):
        while len(rows := await stored(city, model, **where)) < count:
            await asyncio.sleep(0.05)
    return rows


async def test_a_citizen_is_served_end_to_end(browser: Browser, city: City, liaison: Phone, caller: Phone):
    """Menu, operator in a real browser, ticket, attended transfer, query code, survey, replay: all of one call."""
    desk = await ready_operator(browser, city)
    call = await to_operator(caller)

    await desk.wait_for_selector("#seat[data-state=ringing]")
    assert await desk.get_by_test_id("call-number").inner_text() == "138****8000"
    await desk.keyboard.press("F2")
    await call.until_hears(OPERATOR_HZ, timeout=15)
    await expect(desk.get_by_test_id("query-code")).to_have_text(re.compile(r"^\d{4} \d{4} \d{4}$"))
    await desk.keyboard.press("Control+k")
    await desk.keyboard.type("社保卡补办")
    await desk.locator("#kb-list [role=option]").first.wait_for()
    await desk.keyboard.press("Enter")
    await expect(desk.locator("#f-answer")).to_have_value(re.compile("身份证"))
    await desk.fill("#f-question", "社保卡丢了怎么补办？")
    await desk.wait_for_selector("#saved:has-text('已保存')")

    await desk.fill("#dir-q", "101")
    await desk.locator("#dir-list [role=option]").first.wait_for()
    await desk.press("#dir-q", "Enter")
    consulted = await liaison.incoming(15)
    await consulted.until_hears(OPERATOR_HZ, timeout=10)
    await desk.wait_for_selector("#seat[data-state=consulting]")
    await desk.keyboard.press("F7")
    await consulted.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(LIAISON_HZ, timeout=10)

    await desk.wait_for_selector("#seat[data-state=wrapup]")
    await desk.get_by_test_id("outcomes").get_by_text("转接", exact=False).first.click()
    await desk.get_by_test_id("finish").click()
    await desk.wait_for_selector("#seat[data-state=ready]")

    await consulted.hangup()
    (record,) = await stored(city, Call)
    await until_stored(city, CallEvent, 1, kind="node", data={"node": "SURVEY"})
    await call.dtmf("1")
    await until_stored(city, CallEvent, 1, kind="node", data={"node": "SURVEY-UNIT"})
    await call.dtmf("2")
    await call.ended(timeout=20)

    (talk,) = await until_stored(city, Recording, 1, kind=RecordingKind.TALK)
    (record,) = await stored(city, Call, id=record.id)
    assert record.end == CallEnd.LIAISON
    assert {rating.about: rating.score for rating in await stored(city, SatisfactionRating)} == {
        "operator": 1,
        "unit": 2,
    }
    (ticket,) = await stored(city, Ticket)
    assert ticket.question == "社保卡丢了怎么补办？"
    assert ticket.call_id == record.id
    await check_audio(city, record, talk)
    await check_supervisor(browser, city, record)


async def check_audio(city: City, record: Call, talk: Recording) -> None:
    """Left: the caller in every part; right: first the operator, then the liaison; no gap against the ledger."""
    stereo = archive.samples(talk, city.hotline.settings.recordings)
    for part in np.array_split(stereo[:, 0], 4):
        assert segments_with(part, CALLER_HZ)
    first, last = np.array_split(stereo[:, 1], 2)
    assert segments_with(first, OPERATOR_HZ)
    assert segments_with(last, LIAISON_HZ)
    assert -1000 < record.talk_ms - talk.duration_ms < 300  # it may run on for a moment, it may lack none


async def check_supervisor(browser: Browser, city: City, record: Call) -> None:
    """The supervisor finds the call, one press plays its recording and leaves one audit row."""
    page = await sign_in(browser, city, "supervisor1", "/supervise")
    await page.locator(f"a[href*='{record.linkedid}']").first.click()
    await page.get_by_role("button", name="播放", exact=True).first.click()
    await page.wait_for_function(
        "() => Number(document.querySelector('[data-player]').dataset.position) > 0.2"
    )
    assert len(await stored(city, AuditRow, action="recording.play")) == 1


async def test_a_reload_in_mid_call_brings_the_operator_back(browser: Browser, city: City, caller: Phone):
    """The desk is reloaded while talking: the same call is back with sound both ways, the typed text is there."""
    desk = await ready_operator(browser, city)
    call = await to_operator(caller)
    await desk.wait_for_selector("#seat[data-state=ringing]")
    await desk.keyboard.press("F2")
    await call.until_hears(OPERATOR_HZ, timeout=15)
    await desk.locator("#f-question").fill("医保卡丢了")
    await desk.wait_for_selector("#saved:has-text('已保存')")
    await desk.reload()
    await desk.wait_for_selector("#seat[data-state=talking]")
    left_at = asyncio.get_running_loop().time()
    await call.until_hears(OPERATOR_HZ, timeout=20, since=left_at)
    await expect(desk.locator("#f-question")).to_have_value("医保卡丢了")
    assert await stored(city, CallEvent, kind="reclaimed")
    await desk.keyboard.press("F9")
    await until_stored(city, CallEvent, 1, kind="node", data={"node": "TALKED"})
    await call.hangup()


@pytest.mark.parametrize("answer", ["busy", "decline"])
async def test_a_failed_transfer_comes_back_to_the_same_operator(
    browser: Browser, city: City, liaison: Phone, caller: Phone, answer: str
):
    """Liaison busy or refusing: the caller hears why and is with the same operator again."""
    liaison.on_invite = answer
    desk = await ready_operator(browser, city)
    call = await to_operator(caller)
    await desk.wait_for_selector("#seat[data-state=ringing]")
    await desk.keyboard.press("F2")
    await call.until_hears(OPERATOR_HZ, timeout=15)
    await desk.fill("#dir-q", "101")
    await desk.locator("#dir-list [role=option]").first.wait_for()
    await desk.press("#dir-q", "Control+Enter")
    (failed,) = await until_stored(city, CallEvent, 1, kind="no_answer")
    assert failed.data["why"] in ("busy", "refused")
    await desk.wait_for_selector("#seat[data-state=ringing]", timeout=20_000)
    await desk.keyboard.press("F2")
    await call.until_hears(OPERATOR_HZ, timeout=15)
    await until_stored(city, CallEvent, 1, kind="returned")
    await call.hangup()


async def test_a_trainee_practises_at_the_real_desk(browser: Browser, city: City):
    """练习 rings the desk; once the trainee is silent the sample caller speaks; what is typed goes nowhere, the seat practises on."""
    desk = await ready_operator(browser, city)
    await desk.get_by_test_id("practice-open").click()
    await desk.get_by_role("button", name="开始：社保卡丢失补办").click()
    await desk.wait_for_selector("#seat[data-state=ringing]")
    await expect(desk.get_by_test_id("practice-mark")).to_be_visible()
    await desk.keyboard.press("F2")
    await desk.wait_for_selector("#seat[data-state=talking]")
    await expect(desk.get_by_test_id("query-code")).to_have_text(re.compile(r"^\d{4} \d{4} \d{4}$"))
    spool = city.hotline.settings.recordings.spool_dir / "talk"
    async with asyncio.timeout(10):
        while not any(file.stat().st_size > HEARD_BYTES for file in spool.glob("*.raw")):
            await asyncio.sleep(0.05)
    await desk.keyboard.press("F4")
    await desk.wait_for_function("() => document.getElementById('level-other').value > 0.05")
    await desk.keyboard.press("F9")
    await desk.wait_for_selector("#seat[data-state=wrapup]")
    await desk.fill("#f-question", "社保卡丢了怎么补办")
    await desk.fill("#f-answer", "带身份证到社保窗口")
    await desk.get_by_test_id("outcomes").get_by_text("当场答复").click()
    await desk.get_by_test_id("finish").click()
    await expect(desk.get_by_test_id("seat-state")).to_have_text("暂停：练习")
    (talk,) = await until_stored(city, Recording, 1, kind=RecordingKind.TALK)
    (record,) = await stored(city, Call)
    (ticket,) = await stored(city, Ticket)
    assert (record.mark, ticket.state, ticket.is_practice) == (CallMark.PRACTICE, State.VOID, True)
    samples = archive.samples(talk, city.hotline.settings.recordings)
    assert np.abs(samples).max(axis=0).min() > 2000, (
        "the sample caller is on the left, the trainee on the right"
    )


async def test_the_operators_machine_is_gone_in_mid_talk(browser: Browser, city: City, caller: Phone):
    """The whole browser dies, without a word: seconds later the caller hears so, then music, and a colleague takes over.

    It is the same ticket, handed on; the first operator's talk is on record, and nobody is asked for a rating twice.
    """
    tone_prompts(city.hotline.folders, {"reclaim": RECLAIM_HZ, "your-query-code-is": CODE_HZ})
    desk = await ready_operator(browser, city)
    call = await to_operator(caller)
    await desk.wait_for_selector("#seat[data-state=ringing]")
    await desk.keyboard.press("F2")
    await call.until_hears(OPERATOR_HZ, timeout=15)
    control, users = city.hotline.control, city.users
    async with await Phone.start("1002", city.sip, "sip-operator2", tone_hz=LIAISON_HZ) as colleague:
        await colleague.register()
        await control.login(users["operator2"], desk_phone=True)
        await control.ready(users["operator2"])
        crashing = await browser.new_browser_cdp_session()
        gone_at = time.monotonic()
        with suppress(Error):
            await crashing.send("Browser.crash")
        await call.until_hears(RECLAIM_HZ, timeout=GONE_S, since=gone_at)
        answered = await colleague.incoming(20)
        taken_at = await call.until_hears(LIAISON_HZ, timeout=10)
        assert call.longest_silence_s(gone_at, taken_at) < GONE_S
        seat = control.board.agent(users["operator1"])
        assert seat
        assert (seat.state, seat.registered) == ("wrapup", False)
        await answered.hangup()
        await call.until_hears(CODE_HZ, timeout=15)
        await call.hangup()
    (record,) = await until_stored(city, Call, 1)
    (talk,) = await until_stored(city, Recording, 1, kind=RecordingKind.TALK)
    assert not talk.damaged
    (record,) = await stored(city, Call, id=record.id)
    assert record.end == CallEnd.OPERATOR
    (ticket,) = await stored(city, Ticket, call_id=record.id)
    assert ticket.operator_id == users["operator2"]
    assert await stored(city, OwedCall) == []
