"""The directory in a real browser: edited by keyboard, imported from a file, followed by an open page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect
from support.blank import make_tables
from support.web import PASSWORD, add_person, seed_directory, web_app

from core.db import Database, DatabaseSettings
from core.people import Role


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/hotline.db"))
    app = web_app(db)
    await make_tables(db)
    await seed_directory(db)
    await add_person(db, "zhang", Role.ADMIN, display_name="张明")
    await add_person(db, "li", Role.OPERATOR, display_name="李芳")
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
    await db.close()


async def sign_in(page: Page, address: str, to: str, name: str = "zhang") -> None:
    await page.goto(f"{address}/login?next={to}")
    await page.fill("#username", name)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(address + to)


async def test_a_unit_is_renamed_by_keyboard_and_an_open_list_follows(
    browser: Browser, page: Page, address: str
):
    """Find, open, type, Enter: saved at once, seen in a list and on a desk that were open before, taken back by the button."""
    await sign_in(page, address, "/admin/directory/unit?q=101")
    other = await (await browser.new_context()).new_page()
    await sign_in(other, address, "/admin/directory/unit?q=101")
    await expect(other.locator("html[data-line=open]")).to_be_attached()
    desk = await (await browser.new_context()).new_page()
    await sign_in(desk, address, "/desk", "li")
    await expect(desk.locator("html[data-line=open]")).to_be_attached()
    await expect(desk.locator("#dir-list")).to_contain_text("人力资源和社会保障局")
    await page.locator("[data-list] tbody a").first.focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("名称", exact=False).first.wait_for()
    await page.locator("#f-name").fill("人社新局")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="人社新局")).to_be_visible()
    await expect(other.get_by_role("link", name="人社新局")).to_be_visible()
    await expect(desk.locator("#dir-list")).to_contain_text("人社新局")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="撤销").first.click()
    await expect(page.get_by_role("heading", name="人力资源和社会保障局")).to_be_visible()


async def test_a_spreadsheet_is_previewed_and_taken_in(page: Page, address: str, tmp_path: Path):
    """A wrong file is told by row and column; the right one shows its differences and is confirmed."""
    wrong, right = tmp_path / "错.csv", tmp_path / "对.csv"
    wrong.write_text("地区代码,部门代码,名称\n5399,7,短码局\n", encoding="gb18030")
    right.write_text("地区代码,部门代码,名称\n5399,701,新来局\n", encoding="gb18030")
    await sign_in(page, address, "/admin/import")
    await page.set_input_files("#file", wrong)
    await page.get_by_role("button", name="预览").click()
    await expect(page.get_by_role("alert")).to_contain_text("第 2 行“部门代码”（B 列）")
    await page.set_input_files("#file", right)
    await page.get_by_role("button", name="预览").click()
    await page.get_by_role("button", name="确认导入").click()
    await page.wait_for_url("**/admin/directory/unit")
    await page.get_by_label("名称、简称或代码").fill("新来")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="新来局")).to_be_visible()
