"""A staff page that is gone (页面关闭、停住): a real Chromium, a real Asterisk, and a caller who goes on at once."""

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Page, expect
from support.calls import LIAISON_HZ, Exchange
from support.hotline import MOBILE, PASSWORD, City, free_ports, running_hotline
from support.quick import Quick
from support.sipphone import Call

from ivr.queue.seats import LOST
from recordings.models import CallEnd

SECOND_HZ = 1500
GONE_S = 5.0
"""How long at most until somebody else is rung: a telephone that is on rings for 18 seconds."""
SILENCE_S = 2.5


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    contact = f"sip:127.0.0.1:{free_ports(1)[0]}"
    async with running_hotline(tmp_path, HOTLINE__ASTERISK__TRUNK_CONTACT=contact) as city:
        yield city


@pytest.fixture
async def exchange(city: City) -> AsyncIterator[Exchange]:
    async with Exchange(city) as one:
        yield one


@pytest.fixture
async def quick(exchange: Exchange) -> AsyncIterator[Quick]:
    async with Quick(exchange.city) as one:
        yield one


async def opened(browser: Browser, city: City, username: str, path: str) -> Page:
    """The person's page, its telephone registered."""
    page = await (await browser.new_context(locale="zh-CN")).new_page()
    await page.goto(f"{city.url}/login?next={path}")
    await page.fill("[name=username]", username)
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await expect(page.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    return page


async def test_a_liaisons_page_is_closed_while_it_rings(browser: Browser, exchange: Exchange, quick: Quick):
    """The caller goes on up the ladder, to the backup's mobile, within seconds and never in silence; the talk has both voices,
    the backup is credited, code and survey follow.
    """
    on, users = exchange, exchange.city.users
    page = await opened(browser, on.city, "liaison3", "/liaison")
    outside = await on.outside()
    call, _ = await on.talking(await on.operator())
    since = time.monotonic()
    await on.control.blind_transfer(users["operator1"], on.city.units["103"])
    await expect(page.get_by_test_id("call-number")).to_be_visible()
    closed_at = time.monotonic()
    await page.close()
    mobile = await outside.incoming(15)
    assert time.monotonic() - closed_at < GONE_S
    assert mobile.called_number == MOBILE
    await mobile.until_sound()
    await mobile.dtmf("1")
    await call.until_hears(LIAISON_HZ, timeout=15)
    await mobile.hangup()
    await on.at_node(call, "CODE", 20)
    assert call.longest_silence_s(since, time.monotonic() - 0.5) < SILENCE_S
    record = await rated(on, call, ("SURVEY", "1"), ("SURVEY-UNIT", "2"))
    assert (record.end, record.operator_id, record.liaison_id) == (
        CallEnd.LIAISON, users["operator1"], users["backup3"],
    )  # fmt: skip
    assert await on.ratings(record) == [("operator", 1), ("unit", 2)]
    assert [data["why"] for kind, data in await on.ledger(call) if kind == "no_answer"] == ["gone"]


async def test_an_operators_browser_dies_while_it_rings(browser: Browser, exchange: Exchange, quick: Quick):
    """The next seat is rung within seconds, the caller hears music until then; the dead seat is paused and says why."""
    on = exchange
    desk = await opened(browser, on.city, "operator1", "/desk")
    await desk.get_by_test_id("seat-login").click()
    await desk.get_by_test_id("seat-ready").click()
    await expect(desk.get_by_test_id("seat-state")).to_have_text("就绪")
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    await expect(desk.get_by_test_id("seat-state")).to_contain_text("振铃")
    colleague = await on.operator("operator2", SECOND_HZ)
    crashing = await browser.new_browser_cdp_session()
    gone_at = time.monotonic()
    with suppress(Error):
        await crashing.send("Browser.crash")
    answered = await colleague.incoming(15)
    assert time.monotonic() - gone_at < GONE_S
    await call.until_hears(SECOND_HZ, timeout=15)
    assert call.longest_silence_s(gone_at, time.monotonic()) < SILENCE_S
    seat = on.seat("operator1")
    assert (seat.state, seat.reason, seat.registered) == ("paused", LOST, False)
    await answered.hangup()
    record = await rated(on, call, ("SURVEY", "1"))
    assert (record.end, record.operator_id) == (CallEnd.OPERATOR, on.city.users["operator2"])
    assert await on.ratings(record) == [("operator", 1)]


async def test_a_page_that_hangs_is_not_offered_calls(browser: Browser, exchange: Exchange, quick: Quick):
    """Its line is open and its telephone registered, but answers nothing: the seat is paused, its operator is told once the page
    goes on, and it is ready again by itself. Meanwhile the next caller goes to the colleague.
    """
    on = exchange
    desk = await opened(browser, on.city, "operator1", "/desk")
    await desk.get_by_test_id("seat-login").click()
    await desk.get_by_test_id("seat-ready").click()
    await expect(desk.get_by_test_id("seat-state")).to_have_text("就绪")
    holding = await desk.context.new_cdp_session(desk)
    await holding.send("Debugger.enable")
    await holding.send("Debugger.pause")
    await on.control._ami.action("PJSIPQualify", Endpoint="w1001")
    await on.until(lambda: on.seat().reason == LOST, 15)
    call, answered = await on.talking(await on.operator("operator2"))
    await answered.hangup()
    await call.hangup()
    await holding.send("Debugger.disable")
    await on.control._ami.action("PJSIPQualify", Endpoint="w1001")
    await expect(desk.get_by_text("恢复后自动就绪")).to_be_visible()
    await expect(desk.get_by_test_id("seat-state")).to_have_text("就绪")


async def rated(on: Exchange, call: Call, *keys: tuple[str, str]):
    """The query code is read, the survey is answered, the hotline says goodbye; the closed record."""
    await on.been_at(call, "CODE", 20)
    await on.walk(call, *keys)
    assert (await call.ended(30)).by == "remote"
    return await on.record(call)
