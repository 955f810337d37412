"""An administrator edits what the menu says in a real browser, and a real caller hears it (提示音, §5.9)."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import select
from support import tones
from support.hotline import PASSWORD, City, running_hotline, small_city
from support.sipcall import Call
from support.sipphone import Phone

from core.lines import Line
from core.units import Region
from ivr.speech.prompt_audio import read_wav
from ivr.speech.prompt_catalogue import Edit
from ivr.speech.prompts import hear

SENTENCE = "查政务信息请按1，要投诉请按2，用查询码请按3，找话务员请按0。"
TONE_HZ = 1250
FIRST_WORDS = 2 * tones.RATE_HZ


async def one_line(city: City) -> None:
    """With a short welcome, so that the menu comes soon."""
    await small_city(city)
    async with city.hotline.db.unit_of_work() as session:
        region_id = await session.scalar(select(Region.id))
        session.add(Line(number="96128", name="示范州专线", region_id=region_id, greeting="通话将被录音。"))


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    async with running_hotline(tmp_path, people=one_line) as city:
        yield city


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    """How much of `said` is in `heard`, wherever it begins: 1.0 is all of it, two different sentences stay under a half."""
    if len(heard) < len(said):
        return 0.0
    heard, said = heard.astype(np.float64), said.astype(np.float64)
    size, places = len(heard) + len(said), len(heard) - len(said) + 1
    found = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)[:places]
    power = np.concatenate([[0.0], np.cumsum(heard**2)])
    energy = power[len(said) :] - power[:places]
    return float(np.max(found / np.sqrt(np.maximum(energy, 1.0) * (said @ said))))


def spoken(city: City, text: str) -> np.ndarray:
    """How the hotline's voice begins this sentence."""
    shipped = city.hotline.voice.shipped
    wav = hear(shipped.with_edit(Edit("main-menu", "", text)), shipped, city.hotline.settings.prompts)
    return read_wav(io.BytesIO(wav))[:FIRST_WORDS]


async def until_said(call: Call, said: np.ndarray) -> None:
    async with asyncio.timeout(25):
        while likeness(call.heard.samples, said) < 0.8:
            await asyncio.sleep(0.5)


async def test_a_caller_hears_what_was_edited_in_the_browser(browser: Browser, city: City, tmp_path: Path):
    """Found by search, refused while a key is missing, tried, put in force: the next call hears the sentence, then the recording."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = await context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{city.url}/login?next=/admin/prompts")
    await page.fill("[name=username]", "admin1")
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.fill("#q", "凭查询码查询办理情况")
    await page.press("#q", "Enter")
    await page.get_by_role("link", name="政务信息查询请按1").click()
    await page.get_by_role("link", name="示范州专线").click()
    await page.fill("#text", "查政务信息请按1，要投诉请按2。")
    await page.get_by_role("button", name="立即启用").click()
    await expect(page.locator("#refusal")).to_contain_text("有 3 键，但提示音没有说到")
    await page.fill("#text", SENTENCE)
    await page.click("#preview")
    player = page.locator("#preview-result audio")
    await expect(player).to_have_js_property("error", None)
    await page.wait_for_function("() => document.querySelector('#preview-result audio').duration > 4")
    await page.get_by_role("button", name="立即启用").click()
    await expect(page.locator("#text-now")).to_have_text(SENTENCE)

    async with await Phone.start("13800138000", city.sip) as phone:
        call = await phone.call("96128")
        await call.answered()
        await until_said(call, spoken(city, SENTENCE))
        assert (
            likeness(call.heard.samples, spoken(city, city.hotline.voice.shipped.prompts["main-menu"].text))
            < 0.6
        )
        await call.hangup()

        file = tmp_path / "main-menu.wav"
        with wave.open(str(file), "wb") as out:
            out.setparams((1, 2, 16000, 0, "NONE", ""))
            at = np.arange(16000) / 16000
            out.writeframes((12_000 * np.sin(2 * np.pi * TONE_HZ * at)).astype("<i2").tobytes())
        await page.set_input_files("#file", file)
        await page.get_by_role("button", name="立即启用").click()
        await expect(page.locator("#prompt-now")).to_contain_text("录音 main-menu.wav")
        call = await phone.call("96128")
        await call.answered()
        await call.until_hears(TONE_HZ, timeout=20)
        await call.hangup()
