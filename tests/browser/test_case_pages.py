"""The pages on which units work, in a real browser: the list that follows, the ticket's page, approval by the head."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from support.axe import too_wide, troubles, violations
from support.case_site import CaseSite, enter, running_cases
from support.watched import fill

from tickets.models import State


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[CaseSite]:
    async with running_cases(tmp_path) as site:
        yield site


WATCHED = {
    "inspector": (
        "/inspect", "/inspect?view=unexplained", "/inspect?view=ping_pong", "/inspect/complaints",
        "/inspect/accountability", "/inspect/accountability/decided", "/inspect/sealed", "/inspect/audit", "/orders",
        "/orders/tasks?view=overdue", "/orders/tasks/1",
        "unexplained", "ordered", "complaint", "sealed",
    ),
    "office": ("/office", "/office?view=level", "/orders?view=", "queued", "sent back"),
    "head_a": ("complained", "/orders/tasks/1"),
}  # fmt: skip
"""Who looks at which list or ticket of `support.watched`."""


async def test_the_watchers_pages_are_accessible_and_fit(page: Page, cases: CaseSite) -> None:
    """Offices' and inspectors' lists with something in each, and their tickets: no axe violation, none too wide for a phone."""
    numbers = await fill(cases)
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    for name, places in WATCHED.items():
        await page.context.clear_cookies()
        await enter(page, cases, name, "/notices")
        for place in ("/notices", *places):
            await page.goto(cases.url + (place if place.startswith("/") else f"/tickets/{numbers[place]}"))
            if place == "complained":
                await expect(page.get_by_role("button", name="重新办理")).to_be_visible()
            elif place.startswith("/") and place not in ("/notices", "/orders/tasks/1"):
                await expect(page.locator("[data-list] tbody tr").first).to_be_visible()
            await page.set_viewport_size({"width": 1440, "height": 900})
            found += await troubles(page)
            await page.set_viewport_size({"width": 390, "height": 900})
            found += await too_wide(page)
    assert found == []


async def test_a_unit_works_on_its_tickets(page: Page, browser: Browser, cases: CaseSite) -> None:
    """M-32, M-38: the list follows by itself and obeys the arrows; a forward is asked for, and the head approves it."""
    first = await cases.asked(question="社保卡多久能领")
    await enter(page, cases, "liaison_a", "/liaison/tickets")
    await expect(page.locator("html[data-line=open]")).to_be_attached()
    second = await cases.asked(question="退休年龄怎么算")
    line = page.get_by_role("link", name=second)
    await expect(line).to_be_visible()
    await page.get_by_role("link", name=first).focus()
    await page.keyboard.press("ArrowDown")
    await expect(line).to_be_focused()
    assert await violations(page) == []
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{cases.url}/tickets/{second}")
    await expect(page.get_by_test_id("question")).to_have_text("退休年龄怎么算")
    await page.get_by_text("为什么是这一天").click()
    await expect(page.get_by_test_id("date")).to_contain_text("当日不计，自下一个工作日起算")
    await page.get_by_role("button", name="查看完整号码").click()
    await expect(page.locator("#caller-number")).to_have_text("13800005678")
    await page.get_by_text("转发", exact=True).click()
    await page.get_by_label("转发理由").fill("应由社保中心以外的单位答复")
    await page.reload()
    await expect(page.get_by_label("转发理由")).to_have_value("应由社保中心以外的单位答复")
    assert await violations(page) == []
    await page.get_by_role("button", name="申请转发").click()
    await expect(page.get_by_test_id("decisions")).to_contain_text("应由社保中心以外的单位答复")

    head = await (await browser.new_context(locale="zh-CN")).new_page()
    await enter(head, cases, "head_a", "/liaison/approvals")
    await head.get_by_role("link", name=second).click()
    assert await violations(head) == []
    await head.get_by_role("button", name="同意", exact=True).click()
    await expect(head.locator(".toast")).to_contain_text("已同意")
    await expect(page.get_by_test_id("trail")).to_contain_text(
        "同意转发至office局"
    )  # the liaison's page follows
    await expect(page.get_by_test_id("state")).to_have_text("待区分（政府办）")
    assert (await cases.ticket(second)).state == State.DISPATCH
