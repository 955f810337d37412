"""Figures and quality in a real browser: from a percentage to its calls, a talk graded in place, a list signed and published."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from support.axe import troubles, violations
from support.case_site import CaseSite, enter, running_cases
from support.month import Month
from support.web import ROOT

from core.people import Role, RoleGrant, User
from core.places import Place, PlaceKind
from ivr.models import ServiceSample
from recordings.models import CallEnd, Recording, RecordingKind
from reports.training.settings import TrainingSettings
from tickets.intake.ask import Question, answer_at_once
from tickets.models import Channel


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[CaseSite]:
    """The small city with an invented June, on the 3rd of July."""
    async with running_cases(tmp_path) as site:
        async with site.city.db.unit_of_work() as session:
            await Month(session, site.city, 11).build(calls=60, tickets=60)
            clerk = User(username="clerk", display_name="窗口小李", region_id=site.city.regions["city"])
            clerk.grants = [RoleGrant(role=Role.WINDOW)]
            session.add(clerk)
            call = await site.city.call(
                session, operator_id=site.city.users["operator"], answered_at=site.city.clock.now(),
                ended_at=site.city.clock.now(), end=CallEnd.OPERATOR,
            )  # fmt: skip
            session.add(
                Recording(call_id=call.id, kind=RecordingKind.TALK, path="one", source="one", duration_ms=9000,
                          started_at=call.started_at)
            )  # fmt: skip
            await session.flush()
            for channel in (Channel.WINDOW, Channel.VISIT):
                asked = Question("问", channel, "96128", site.city.regions["city"], operator_id=clerk.id)
                await answer_at_once(session, site.city.clock, asked, "答")
        site.city.db.provide(TrainingSettings(operator=(), liaison=()))
        site.city.clock.move_to(site.city.clock.now().replace(month=7, day=3))
        yield site


async def test_a_supervisors_figures_and_grades(page: Page, browser: Browser, site: CaseSite) -> None:
    """上月, a numerator opens its rows; a sheet, a draw, a grade summed while it is given, seen by the operator; topics."""
    await enter(page, site, "supervisor", "/reports")
    await page.get_by_role("link", name="上月").click()
    await expect(page.get_by_role("heading", name="质检", exact=True)).to_be_visible()
    assert await violations(page) == []
    row = page.get_by_role("row").filter(has_text="K-01 接通率").first
    number = await row.get_by_role("link").last.inner_text()
    await row.get_by_role("link").last.click()
    await expect(page.get_by_text(f"共 {number} 条")).to_be_visible()
    for path in ("topics", "dashboard", "efficiency", "liaisons"):
        await page.goto(f"{site.url}/reports/{path}?from=2026-06-01&to=2026-06-30")
        assert await troubles(page) == []

    await page.goto(f"{site.url}/quality/sheets/new?about=operator")
    await page.get_by_label("名称").fill("话务员评分表")
    assert await violations(page) == []
    await page.get_by_role("button", name="建立评分表").click()
    await page.goto(f"{site.url}/quality/draws")
    assert await violations(page) == []
    await page.get_by_label("起始日期").fill("2026-06-01")
    await page.locator("#d-sheet").select_option(label="话务员：话务员评分表")
    await page.get_by_role("button", name="抽取").click()
    await expect(page.locator(".toast")).to_contain_text("从 1 次通话中抽取 1 次")
    await page.get_by_role("rowheader").get_by_role("link").first.click()
    await expect(page.get_by_role("group", name="通话录音播放器")).to_be_visible()
    for place in range(6):
        await page.locator(f"#points-{place}").fill("10")
    await expect(page.locator("#sum")).to_have_text("66.67")
    assert await violations(page) == []
    await page.get_by_role("button", name="提交评分").click()
    await expect(page.locator(".toast")).to_contain_text("评分已提交：66.67 分")

    operator = await (await browser.new_context(locale="zh-CN")).new_page()
    await enter(operator, site, "operator", "/quality/results")
    await operator.get_by_role("row").filter(has_text="66.67").get_by_role("link").click()
    assert await violations(operator) == []
    await operator.get_by_label("申诉理由").fill("当时线路杂音大，已复述")
    await operator.get_by_role("button", name="提交申诉").click()
    await expect(operator.get_by_text("等待未评过此通话的人复核")).to_be_visible()


async def test_a_list_of_praise_is_drafted_and_signed(page: Page, site: CaseSite) -> None:
    """The office drafts June from the keyboard, sees each class with its rule, and signs."""
    await enter(page, site, "office", "/reports/citations")
    await page.get_by_label("其中任一日").fill("2026-06-01")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="回复效果好")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="签发").click()
    await expect(page.locator(".chip", has_text="已签发")).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 800})
    for path in (
        "/reports",
        "/quality/draws",
        "/reports/topics",
        "/reports/dashboard",
        "/reports/efficiency",
        "/reports/liaisons",
    ):
        await page.goto(site.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def test_an_office_files_returns_and_weighs_its_units(page: Page, site: CaseSite) -> None:
    """A fault is named and nothing lost, the return stands beside what was counted; new weights; the contractor's outage."""
    city = site.city
    async with city.db.unit_of_work() as session:
        session.add(Place(region_id=city.regions["county"], name="河口便民服务中心", kind=PlaceKind.CENTRE))
        began = city.clock.now().replace(month=6, day=8)
        for minute in (*range(30), *range(45, 60)):
            session.add(
                ServiceSample(at=began + timedelta(minutes=minute), connected=True, signed_in=3, waiting=1, longest_wait_s=9)
            )  # fmt: skip
    await enter(page, site, "office", "/reports/returns")
    await expect(page.get_by_role("heading", name="2026-06 未报 1 个")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("link", name="河口便民服务中心").click()
    await page.get_by_label("受理件数").fill("100")
    await page.get_by_label("办结件数", exact=True).fill("101")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("101 多于受理件数 100")
    assert await violations(page) == []
    await page.get_by_label("办结件数", exact=True).fill("90")
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_contain_text("已收下 1 份月报")
    await page.goto(f"{site.url}/reports?from=2026-06-01&to=2026-06-30")
    await expect(page.get_by_role("row").filter(has_text="90.00%（90 ÷ 100）")).to_be_visible()
    assert await violations(page) == []

    await page.goto(f"{site.url}/reports/scores/weights")
    assert await violations(page) == []
    await page.get_by_label("按时办结率").fill("60")
    await page.get_by_role("button", name="保存为新版本").click()
    await expect(page.locator(".toast")).to_contain_text("自本月起使用，以前各期不变")
    await page.goto(f"{site.url}/reports/scores?from=2026-06-01&to=2026-06-30")
    await expect(page.get_by_role("heading", name="待改进")).to_be_visible()
    assert await violations(page) == []

    await page.goto(f"{site.url}/reports/contractor?from=2026-06-01&to=2026-06-30")
    await expect(page.get_by_role("row").filter(has_text="控制程序未运行").first).to_contain_text("15")
    assert await violations(page) == []
    await page.goto(f"{site.url}/reports/received")
    sample = json.loads((ROOT / "docs/samples/reports.json").read_text(encoding="utf-8"))
    sample["items"][0]["region_code"] = "county"
    report = {"name": "reports.json", "mimeType": "application/json", "buffer": json.dumps(sample).encode()}
    await page.get_by_label("报表文件").set_input_files(report)
    await page.get_by_role("button", name="接收").click()
    await expect(page.locator(".toast")).to_contain_text("已收下 1 份报表")
    assert await violations(page) == []
    await page.get_by_role("link", name="2026年6月").click()
    await expect(page.get_by_role("row").filter(has_text="接通率")).to_contain_text("94.93%")
    assert await violations(page) == []

    await page.goto(f"{site.url}/reports/scores/clerks?from=2026-06-01&to=2026-06-30")
    await expect(page.get_by_role("row").filter(has_text="窗口小李")).to_contain_text("缺岗前培训")
    assert await violations(page) == []

    await page.set_viewport_size({"width": 390, "height": 800})
    for path in (
        "/reports/returns",
        "/reports/scores",
        "/reports/scores/clerks",
        "/reports/received",
        "/reports/contractor",
    ):
        await page.goto(site.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
