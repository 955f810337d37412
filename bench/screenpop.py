"""From the ring to the screen: how long until the operator's page shows who calls (弹屏), in a real browser.

Measured from the instant at which Asterisk sends the INVITE to the operator's telephone (DialBegin, Asterisk's clock) to
the instant at which the desk page shows the seat as ringing (the page's clock; both on this machine). Each caller dials,
presses 0 and hangs up once the page has shown the call. Nothing is faked.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.hotline import PASSWORD, City, running_hotline
from support.sipphone import Phone

from ivr.asterisk.ami import Ami
from ivr.asterisk.ami_protocol import Fields

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
WATCH = """() => {
  window.pops = [];
  const seat = document.getElementById('seat');
  new MutationObserver(() => seat.dataset.state === 'ringing' && window.pops.push(performance.timeOrigin + performance.now()))
    .observe(seat, { attributes: true, attributeFilter: ['data-state'] });
}"""


async def measure(calls: int) -> list[float]:
    """Milliseconds from ring to screen, one for each call."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_hotline(Path(folder)) as city, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = await ready_desk(await browser.new_page(), city)
            rings: asyncio.Queue[float] = asyncio.Queue()
            ami = await listener(city, rings)
            found = [await one_call(city, page, rings) for _ in range(calls)]
            await ami.close()
            await browser.close()
            return found


async def ready_desk(page: Page, city: City) -> Page:
    await page.goto(f"{city.url}/login")
    await page.fill("[name=username]", "operator1")
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.wait_for_selector("#line-chip:has-text('电话已就绪')")
    await page.get_by_test_id("seat-login").click()
    await page.get_by_test_id("seat-ready").click()
    await page.wait_for_selector("#seat[data-state=ready]")
    await page.evaluate(WATCH)
    return page


async def listener(city: City, rings: "asyncio.Queue[float]") -> Ami:
    """A second AMI connection that notes when the operator's telephone is rung."""
    settings, up = city.hotline.settings.asterisk, asyncio.Event()

    def heard(event: Fields) -> None:
        if event.get("Event") == "DialBegin" and event.get("DestChannel", "").startswith("PJSIP/w1001"):
            rings.put_nowait(float(event["Timestamp"]) * 1000)

    ami = Ami(
        host=settings.control_host, port=settings.ami_port, user=settings.ami_user, secret=settings.ami_secret,
        on_event=heard, on_up=up.set, on_down=lambda: None,
    )  # fmt: skip
    ami.start()
    await asyncio.wait_for(up.wait(), 5)
    return ami


async def one_call(city: City, page: Page, rings: "asyncio.Queue[float]") -> float:
    shown = await page.evaluate("() => window.pops.length")
    async with await Phone.start("13800138000", city.sip) as caller:
        call = await caller.call("96128")
        await call.answered()
        await call.dtmf("0")
        rung_at = await asyncio.wait_for(rings.get(), 30)
        await page.wait_for_function(f"() => window.pops.length > {shown}")
        await call.hangup()
    await page.wait_for_selector("#seat[data-state=ready]")
    return float(await page.evaluate(f"() => window.pops[{shown}]")) - rung_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    found = sorted(asyncio.run(measure(parser.parse_args().calls)))
    worst = found[min(len(found) - 1, round(0.99 * len(found)))]
    print(f"screen pop, {len(found)} calls: p50 {statistics.median(found):.1f} ms, p99 {worst:.1f} ms")


if __name__ == "__main__":
    main()
