"""axe-core in a page: what keeps people with disabilities out (WCAG 2.2 AA)."""

from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Page

_SOURCE = (Path(__file__).parent / "vendor/axe-4.14.1.min.js").read_text()
_RUN = (
    """() => axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})"""
)


async def troubles(page: Page, widths: Sequence[int] = ()) -> list[str]:
    """What keeps people out of the page, or makes it scroll sideways: as its window is, or at each of these widths."""
    if not widths:
        return await violations(page) + await too_wide(page)
    found: list[str] = []
    for width in widths:
        await page.set_viewport_size({"width": width, "height": 900})
        found += [f"{one} at {width}" for one in await troubles(page)]
    return found


async def too_wide(page: Page) -> list[str]:
    """A line when the page is wider than its window."""
    wide = await page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    return [f"{page.url} scrolls sideways"] if wide else []


async def violations(page: Page) -> list[str]:
    """One line per rule broken, with the places; empty for a good page. Works under the strict content policy."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_SOURCE + ";0")
    found = await page.evaluate(_RUN)
    return [
        f"{page.url} {broken['id']}: {[node['target'] for node in broken['nodes']]}"
        for broken in found["violations"]
    ]
