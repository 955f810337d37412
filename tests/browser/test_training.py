"""Training in a real browser: a course registered and imported, who is told; a practice call begun at the desk by keyboard."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from support.axe import violations
from support.browsing import sign_in
from support.case_site import CaseSite, enter, running_cases
from support.desk_site import DeskSite

from recordings import ledger
from recordings.models import CallEvent, CallMark
from reports.training.settings import TrainingSettings

ROWS = (
    "人员,内容,类别,课程,培训日期,结果,有效期至\nliaison_b,保密,全员,保密法轮训,2026-05-20,合格,2026-06-20\n"
)


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[CaseSite]:
    """The small city; operators and liaisons need 保密."""
    async with running_cases(tmp_path, training=TrainingSettings()) as site:
        yield site


async def _practised(cases: CaseSite) -> None:
    """A practice call of the operator's, a supervisor having played the caller."""
    city = cases.city
    async with city.db.unit_of_work() as session:
        call = await city.call(
            session,
            operator_id=city.users["operator"],
            mark=CallMark.PRACTICE,
            ended_at=city.clock.now(),
            talk_ms=9000,
        )
        session.add(CallEvent(call_id=call.id, at=city.clock.now(), kind=ledger.ARRIVED, data={"sample": ""}))


async def test_courses_are_registered_imported_and_told(
    page: Page, browser: Browser, cases: CaseSite
) -> None:
    """The supervisor ticks two people, imports a third, finds who lacks one; the head is told, the operator sees the own."""
    await _practised(cases)
    await enter(page, cases, "supervisor", "/training/new")
    assert await violations(page) == []
    await page.get_by_label("课程").fill("保密法轮训")
    await page.get_by_label("内容").select_option("保密")
    await page.get_by_label("有效期至").fill("2027-05-31")
    for name in ("operator", "liaison_a"):
        await page.get_by_role("checkbox", name=name, exact=False).first.check()
    await page.get_by_role("button", name="登记", exact=True).click()
    await expect(page.locator(".toast")).to_contain_text("已登记 2 人")
    assert await violations(page) == []
    await page.get_by_role("link", name="2026-06-01").first.click()
    await expect(page.get_by_role("heading", name="注销这条登记")).to_be_visible()
    assert await violations(page) == []
    await page.goto(f"{cases.url}/training/import")
    await page.get_by_label("文件").set_input_files(
        {"name": "培训.csv", "mimeType": "text/csv", "buffer": ROWS.encode()}
    )
    await page.get_by_role("button", name="预览").click()
    await expect(page.get_by_role("heading", name="将登记 1 条")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="确认导入").click()
    await page.goto(f"{cases.url}/training")
    await expect(page.get_by_role("row").filter(has_text="colleague")).to_contain_text("未培训")
    await page.get_by_role("link", name="即将到期").click()
    await expect(page.get_by_role("row").filter(has_text="liaison_b")).to_contain_text("2026-06-20")
    assert await violations(page) == []
    await page.goto(f"{cases.url}/training/practice")
    await page.get_by_role("rowheader").get_by_role("link").click()
    await expect(page.get_by_role("heading", name="operator：主管扮演来电人")).to_be_visible()
    assert await violations(page) == []

    head = await (await browser.new_context(locale="zh-CN")).new_page()
    await enter(head, cases, "head_b", "/notices")
    await expect(head.get_by_test_id("trainings")).to_contain_text("liaison_b")
    assert await violations(head) == []
    operator = await (await browser.new_context(locale="zh-CN")).new_page()
    await enter(operator, cases, "operator", "/training/mine")
    await expect(operator.get_by_role("row").filter(has_text="保密法轮训")).to_contain_text("2027-05-31")
    assert await violations(operator) == []


async def test_a_practice_call_begins_at_the_desk_by_keyboard(page: Page, site: DeskSite) -> None:
    """Offered once on duty; the dialog begins with its first sample; what rings is marked 练习来电."""
    await sign_in(page, site, "operator", "/desk")
    await expect(page.get_by_test_id("practice-open")).to_be_disabled()
    await expect(page.get_by_test_id("seat-state")).to_have_text("未上岗")
    await page.keyboard.press("Alt+r")
    await expect(page.get_by_test_id("practice-open")).to_be_enabled()
    await page.get_by_test_id("practice-open").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="开始：社保卡丢失补办")).to_be_focused()
    assert await violations(page) == []
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("practice-mark")).to_be_visible()
    await expect(page.get_by_test_id("seat-state")).to_have_text("来电振铃")
    await expect(page.get_by_test_id("practice-open")).to_be_disabled()
    assert ("practise", "social-card") in site.control.wishes
