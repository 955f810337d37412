"""Takes docs/screenshots/*.png from a demo hotline that it starts itself, with a real call going through it.

python docs/screenshots.py [first port, 32000 by default]. Data goes to a temporary folder and is removed afterwards.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "screenshots"
CHROMIUM = ROOT / ".tools/bin/chromium"
MONDAY_MORNING = "2026-06-01T09:40:00+08:00"
START_LIMIT_S = 180
OFFICES = (
    ("admin", "/admin", "admin1"), ("live", "/supervise/live", "supervisor1"), ("quality", "/quality", "supervisor1"),
    ("reports", "/reports", "supervisor1"), ("kb", "/kb", "liaison1"), ("office", "/office", "office1"),
    ("inspect", "/inspect", "inspector1"), ("training", "/training", "supervisor1"), ("returns", "/reports/returns", "office1"),
)  # fmt: skip
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--lang=zh-CN",
]  # fmt: skip
SIZE = {"width": 1280, "height": 800}


class Stage:
    """One browser, one hotline, the demo's accounts."""

    def __init__(self, browser: Browser, url: str, passwords: dict[str, str]) -> None:
        self.browser, self.url, self.passwords = browser, url, passwords
        self._signed_in: dict[str, BrowserContext] = {}

    async def page(self, path: str, username: str = "") -> Page:
        """A page of its own; people keep one sign-in each."""
        context = self._signed_in.get(username)
        if context is None:
            context = self._signed_in[username] = await self.browser.new_context(
                viewport=SIZE, locale="zh-CN", timezone_id="Asia/Shanghai"
            )
            if username:
                await self._sign_in(await context.new_page(), username)
        page = await context.new_page()
        page.set_default_timeout(30_000)
        await page.goto(self.url + path)
        return page

    async def _sign_in(self, page: Page, username: str) -> None:
        await page.goto(f"{self.url}/login?next=/account")
        await page.fill("#username", username)
        await page.fill("#password", self.passwords[username])
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{self.url}/account")
        await page.close()


async def keep(page: Page, name: str) -> None:
    """One picture of what fits the window."""
    await page.screenshot(path=TARGET / f"{name}.png", animations="disabled", caret="hide")
    sys.stdout.write(f"  {name}.png\n")


@asynccontextmanager
async def running(folder: Path, port: int) -> AsyncIterator[str]:
    """A demo hotline on ports of its own; its address once it serves."""
    places = {
        "DATA_DIR": folder, "HTTP__PORT": port, "ASTERISK__SIP_PORT": port + 1, "ASTERISK__AMI_PORT": port + 2,
        "ASTERISK__HTTP_PORT": port + 3, "ASTERISK__RTP_START": port + 100, "ASTERISK__RTP_END": port + 299,
    }  # fmt: skip
    environ = os.environ | {f"HOTLINE__{name}": str(value) for name, value in places.items()}
    environ["HOTLINE_TEST_CLOCK"] = MONDAY_MORNING
    command = (ROOT / ".venv/bin/hotline", "run", "--demo")
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(START_LIMIT_S):
            await _until_started(process)
        draining = asyncio.create_task(process.stdout.read())
        yield f"http://127.0.0.1:{port}"
        draining.cancel()
    finally:
        process.terminate()
        await process.communicate()


async def _until_started(process: asyncio.subprocess.Process) -> None:
    while line := await process.stdout.readline():
        if "热线已启动".encode() in line:
            return
    sys.exit("the demo did not start; run `hotline run --demo` to see why")


async def public_pages(stage: Stage) -> None:
    for name, path in (("portal", "/"), ("search", "/search?q=社保卡丢了怎么补办"), ("track", "/track"),
                       ("login", "/login")):  # fmt: skip
        await keep(await stage.page(path), name)


async def one_call(stage: Stage) -> None:
    """From the idle desk through a consultation with a liaison to the end of the talk."""
    desk = await stage.page("/desk", "operator1")
    await desk.wait_for_selector("#line-chip:has-text('电话已就绪')")
    await desk.get_by_test_id("seat-login").click()
    await desk.get_by_test_id("seat-ready").click()
    await desk.wait_for_selector("#seat[data-state=ready]")
    await keep(desk, "desk-idle")
    liaison = await stage.page("/liaison", "liaison1")
    await liaison.wait_for_selector("#line-chip:has-text('电话已就绪')")
    phone = await stage.page("/phone")
    await phone.get_by_test_id("dial").click()
    await phone.wait_for_selector("#display:has-text('通话中')")
    await phone.wait_for_timeout(2500)  # a citizen listens to the welcome first
    await phone.locator("[data-digit='0']").click()
    await desk.wait_for_selector("#seat[data-state=ringing]")
    await desk.keyboard.press("F2")
    await desk.wait_for_selector("#seat[data-state=talking]")
    await desk.fill("#f-question", "社会保障卡丢失后怎样补办？")
    await desk.fill("#kb-q", "社保卡补办")
    await desk.locator("#kb-list [role=option]").first.wait_for()
    await desk.wait_for_selector("#saved:has-text('已保存')")
    await keep(desk, "desk-call")
    await keep(phone, "phone")
    await keep(await stage.page("/wallboard", "supervisor1"), "wallboard")
    await desk.fill("#dir-q", "101")
    await desk.locator("#dir-list [role=option]").first.wait_for()
    await desk.press("#dir-q", "Enter")
    await liaison.get_by_test_id("answer").click()
    await desk.wait_for_selector("#seat[data-state=consulting]")
    await keep(liaison, "liaison")
    await phone.get_by_test_id("end").click()


async def supervision(stage: Stage) -> None:
    calls = await stage.page("/supervise", "supervisor1")
    while not await calls.locator("tbody tr:first-child a[href*='?play=']").count():
        await calls.wait_for_timeout(500)  # until the call's recording has been taken in
        await calls.reload()
    await keep(calls, "supervise")
    await keep(await stage.page("/supervise/scores", "supervisor1"), "scores")
    for name, path, username in OFFICES:
        await keep(await stage.page(path, username), name)
    links = await calls.locator("a[href*='/supervise/calls/']").evaluate_all(
        "all => all.map(a => a.pathname)"
    )
    for path in dict.fromkeys(links):
        page = await stage.page(path, "supervisor1")
        if await page.locator("[data-player]").count():
            await page.wait_for_timeout(800)  # the waveform is drawn when its figures have come
            await keep(page, "call")
            return
        await page.close()


async def main(port: int) -> None:
    TARGET.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="hotline-screenshots-"))
    sounds = ROOT / "var/asterisk/data/sounds/zh"
    if sounds.exists():  # prompts once made need not be made again
        shutil.copytree(sounds, folder / "asterisk/data/sounds/zh")
    try:
        async with running(folder, port) as url, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=FLAGS, env={**os.environ, "LANGUAGE": "zh_CN"}
            )
            accounts = json.loads((folder / "demo.json").read_text(encoding="utf-8"))["accounts"]
            stage = Stage(browser, url, {one["username"]: one["password"] for one in accounts})
            for scene in (public_pages, one_call, supervision):
                await scene(stage)
            await browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 32000))
