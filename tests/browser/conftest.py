"""A real browser (Debian's Chromium) with a tone for a microphone, and the staff's pages to open in it."""

import os
import shutil
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from support.desk_site import DeskSite, running_desk

MICROPHONE_HZ = 880
WIDTH, HEIGHT = 1440, 900
expect.set_options(timeout=15_000)  # other tests keep the machine busy meanwhile


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 kHz mono, five seconds of a tone that a test can find on the other side."""
    file = tmp_path_factory.mktemp("microphone") / "tone.wav"
    moments = np.arange(5 * 48_000) / 48_000
    samples = (12_000 * np.sin(2 * np.pi * MICROPHONE_HZ * moments)).astype("<i2")
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes(samples.tobytes())
    return file


@pytest.fixture
def program() -> str | None:
    """The quick one: Debian's Chromium without windows, which takes half the time and says nothing aloud."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")


@pytest.fixture
async def browser(microphone: Path, program: str | None) -> AsyncIterator[Browser]:
    flags = [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]  # fmt: skip
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, headless=True, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[DeskSite]:
    async with running_desk(tmp_path) as site:
        yield site


@pytest.fixture
async def page(browser: Browser) -> Page:
    context = await browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="zh-CN")
    page = await context.new_page()
    page.set_default_timeout(30_000)
    return page
