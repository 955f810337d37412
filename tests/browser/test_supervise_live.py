"""Live supervision from the browser against the real Asterisk (实时监督): the supervisor's own telephone is in the page.

The page's microphone is a tone; the operator is a desk phone and the caller a telephone of their own, with theirs.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from support.axe import violations
from support.calls import CALLER_HZ, LIAISON_HZ, Exchange
from support.hotline import PASSWORD, City, running_hotline
from support.quick import Quick
from support.sipphone import Call, Phone
from support.tones import segments_with

from core.people import User

SUPERVISOR_HZ, OPERATOR_HZ = 880, 1500
"""The page's microphone is 880 Hz, as in all browser tests."""
HEARD_S = 1.0
PLAIN_MICROPHONE = """
  const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  devices.getUserMedia = (wanted) => ask({ ...wanted, audio: { ...(wanted.audio === true ? {} : wanted.audio), ...plain } });
"""
"""A tone that never changes is noise to the browser, which takes it away after some seconds."""
LISTEN = """
async (hz) => {
  const context = new AudioContext();
  const meter = context.createAnalyser();
  meter.fftSize = 4096;
  context.createMediaStreamSource(document.getElementById("remote-audio").srcObject).connect(meter);
  const bins = new Float32Array(meter.frequencyBinCount);
  const level = (wanted) => bins[Math.round(wanted / context.sampleRate * meter.fftSize)];
  const until = performance.now() + 10000;
  while (performance.now() < until) {
    await new Promise((go) => setTimeout(go, 50));
    meter.getFloatFrequencyData(bins);
    if (hz.every((one) => level(one) > level(3000) + 20 && level(one) > -70)) return true;
  }
  return hz.map((one) => `${one}: ${level(one)}`).join(" ");
}
"""
"""Whether the page hears all of these tones."""


@pytest.fixture
def program() -> str | None:
    """One with sound: the page is asked what it hears."""
    return shutil.which("chromium")


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """A hotline whose supervisor has a telephone; its prompts are short."""
    async with running_hotline(tmp_path) as city:
        async with city.hotline.db.unit_of_work() as session:
            chief = await session.get_one(User, city.users["supervisor1"])
            chief.extension, chief.sip_password = "6001", "sip-supervisor1"
        await city.hotline.people_changed()
        async with Exchange(city) as one, Quick(city):
            yield one


async def live_page(browser: Browser, city: City) -> Page:
    """The supervisor's page, its telephone ready."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = await context.new_page()
    await page.add_init_script(PLAIN_MICROPHONE)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{city.url}/login?next=/supervise/live")
    await page.fill("[name=username]", "supervisor1")
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await expect(page.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    return page


def button(page: Page, name: str) -> Locator:
    return page.get_by_test_id("live-calls").get_by_role("button", name=name)


async def begins(page: Page, mode: str) -> None:
    """Press a mode's button; the board then says that it goes on."""
    await button(page, mode).click()
    await expect(page.locator("#watch-text")).to_contain_text(f"正在{mode}", timeout=20_000)


async def hears(page: Page, *hz: int) -> None:
    assert await page.evaluate(LISTEN, list(hz)) is True


async def is_not_heard(*calls: Call) -> None:
    """The supervisor's tone reaches none of these telephones, not even faintly."""
    since = time.monotonic()
    await asyncio.sleep(HEARD_S)
    for call in calls:
        sound = call.heard.between(since, time.monotonic())
        assert not segments_with(sound, SUPERVISOR_HZ, min_share=0.02)


async def talks(on: Exchange) -> tuple[Phone, Call, Call]:
    """The operator's telephone, the caller's call and the operator's."""
    operator = await on.operator(tone_hz=OPERATOR_HZ)
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    answered = await operator.incoming(15)
    await call.until_hears(OPERATOR_HZ, timeout=15)
    return operator, call, answered


async def test_listen_whisper_barge_and_take_over(browser: Browser, exchange: Exchange):
    """Listening nobody hears the supervisor, whispering the operator alone, barging in all; then the caller is the supervisor's."""
    page = await live_page(browser, exchange.city)
    _, call, answered = await talks(exchange)
    await begins(page, "监听")
    await hears(page, CALLER_HZ, OPERATOR_HZ)
    await is_not_heard(call, answered)
    assert await violations(page) == []

    await begins(page, "耳语")
    await answered.until_hears(SUPERVISOR_HZ, timeout=10)
    await is_not_heard(call)

    await begins(page, "插话")
    await call.until_hears(SUPERVISOR_HZ, timeout=10)
    await answered.until_hears(SUPERVISOR_HZ, timeout=10)
    await hears(page, CALLER_HZ)
    await page.get_by_test_id("watch-stop").click()
    await expect(page.locator("#watch-text")).to_contain_text("没有在监督")
    await call.until_hears(OPERATOR_HZ, timeout=10)

    await begins(page, "接管")
    await call.until_hears(SUPERVISOR_HZ, timeout=10)
    assert (await answered.ended(10)).by == "remote"
    await hears(page, CALLER_HZ)
    await page.get_by_test_id("watch-stop").click()
    await exchange.at_node(call, "CODE", 20)
    await call.hangup()
    record = await exchange.record(call)
    assert record.operator_id == exchange.city.users["supervisor1"]


async def test_listening_through_consult_three_way_and_hand_back(browser: Browser, exchange: Exchange):
    """Each time the caller is sent on the supervisor waits with music, then listens to the next talk, and is never heard."""
    page = await live_page(browser, exchange.city)
    liaison = await exchange.liaison()
    phone, call, answered = await talks(exchange)
    operator = exchange.city.users["operator1"]
    await begins(page, "监听")
    await hears(page, CALLER_HZ, OPERATOR_HZ)

    await exchange.control.consult(operator, exchange.city.units["101"])
    consulted = await liaison.incoming(15)
    await consulted.until_hears(OPERATOR_HZ, timeout=15)
    await is_not_heard(call, answered, consulted)
    await exchange.control.three_way(operator)
    await consulted.until_hears(CALLER_HZ, timeout=15)
    await hears(page, CALLER_HZ, LIAISON_HZ)
    await is_not_heard(call, answered, consulted)

    await exchange.control.hang_up(operator)
    await exchange.until(
        lambda: (live := exchange.live(exchange.number(call))) is not None and live.phase == "liaison", 10
    )
    await exchange.control.ready(operator)
    await exchange.control.hand_back(exchange.city.users["liaison1"])
    again = await phone.incoming(20)
    await again.until_hears(CALLER_HZ, timeout=15)
    await hears(page, CALLER_HZ, OPERATOR_HZ)
    await is_not_heard(call, again)
    await call.hangup()
    await expect(page.locator("#watch-text")).to_contain_text("没有在监督")
    modes = [data["mode"] for kind, data in await exchange.ledger(call) if kind == "supervised"]
    assert set(modes) == {"listen"}
