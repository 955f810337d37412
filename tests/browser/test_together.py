"""What units do together, in a real browser: a parallel case from its slip to its answer (M-129), the mayor's register (M-122)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from support.axe import too_wide, troubles
from support.case_site import CaseSite, enter, running_cases


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[CaseSite]:
    async with running_cases(tmp_path) as site:
        yield site


async def looked_at(page: Page) -> list[str]:
    """At the desk and on a telephone."""
    found = await troubles(page)
    await page.set_viewport_size({"width": 390, "height": 900})
    found += await too_wide(page)
    await page.set_viewport_size({"width": 1440, "height": 900})
    return found


async def test_a_case_goes_through_several_units_and_is_followed_by_one_code(
    page: Page, browser: Browser, site: CaseSite
) -> None:
    """The lead opens with two units; one answers while the lead's page follows; the citizen reads how far each is."""
    await enter(page, site, "liaison_a", "/parallel")
    await page.get_by_role("link", name="受理并联件").click()
    await page.get_by_label("事项名称").fill("新开饭店")
    await page.get_by_label("申请内容").fill("在人民路开饭店，证照一并办理")
    for number, unit, what in ((1, "102 b局", "消防意见"), (2, "103 above_a局", "规划意见")):
        await page.locator(f"#unit{number}").select_option(label=unit)
        await page.locator(f"#text{number}").fill(what)
        if number == 1:
            await page.get_by_role("button", name="再加一个单位").click()
    found = await looked_at(page)
    await page.get_by_role("button", name="受理并出凭条").click()
    code = await page.get_by_test_id("query-code").inner_text()
    found += await looked_at(page)
    await page.get_by_role("link", name="打开并联件").click()
    await expect(page.get_by_test_id("share")).to_have_count(2)
    await expect(page.get_by_test_id("answering")).to_contain_text("尚未办结：b局、above_a局")
    found += await looked_at(page)

    unit = await (await browser.new_context(locale="zh-CN")).new_page()
    await enter(unit, site, "liaison_b", "/liaison/tickets")
    await unit.get_by_role("row").filter(has_text="并联事项：新开饭店").get_by_role("link").first.click()
    await unit.get_by_label("答复", exact=True).fill("消防合格")
    found += await looked_at(unit)
    await unit.get_by_role("button", name="提交答复").click()
    await page.reload()
    await expect(page.get_by_test_id("share").first).to_contain_text("答复：消防合格")
    await page.get_by_text("退回补充").click()
    await page.get_by_label("退回b局的理由").fill("请补盖章")
    await page.get_by_role("button", name="退回，另起时限").click()
    await expect(page.get_by_test_id("trail")).to_contain_text("请b局并联办理")

    await unit.context.clear_cookies()
    await unit.goto(f"{site.url}/track")
    await unit.locator("#code").fill(code)
    await unit.keyboard.press("Enter")
    await expect(unit.get_by_test_id("shares")).to_contain_text("above_a局办理中")
    found += await looked_at(unit)
    await page.goto(f"{site.url}/parallel")
    await expect(page.locator("[data-list] tbody tr")).to_contain_text("0/2")
    assert found + await looked_at(page) == []


async def test_the_mayors_register_keeps_both_numbers(page: Page, site: CaseSite) -> None:
    """Handed over from the ticket's page, the slip shows both numbers; what comes from there is a ticket and in the list."""
    number = await site.asked()
    await enter(page, site, "office", f"/tickets/{number}")
    await page.get_by_text("移交市长热线、市长信箱").click()
    await page.get_by_label("移交说明").fill("来电人要求直接向市长反映")
    await page.locator("#mayor-no").fill("SZ-42")
    found = await looked_at(page)
    await page.get_by_role("button", name="登记移交").click()
    await page.get_by_role("link", name="移交单").click()
    await expect(page.get_by_test_id("ours")).to_have_text(number)
    await expect(page.get_by_test_id("theirs")).to_have_text("SZ-42")
    found += await looked_at(page)
    await page.goto(f"{site.url}/mayor/new")
    await page.get_by_label("市长信箱").check()
    await page.get_by_label("对方编号").fill("XX-9")
    await page.get_by_label("内容").fill("路灯不亮")
    found += await looked_at(page)
    await page.get_by_role("button", name="登记为工单").click()
    await expect(page.get_by_test_id("query-code")).to_be_visible()
    await page.get_by_role("link", name="返回工单").click()
    await expect(page.get_by_test_id("mayor")).to_contain_text("市长信箱转来")
    await page.goto(f"{site.url}/mayor")
    for text in (number, "SZ-42", "XX-9"):
        await expect(page.locator("[data-list] tbody")).to_contain_text(text)
    assert found + await looked_at(page) == []
