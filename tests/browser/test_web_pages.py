"""Login, portal and administration in a real browser: accessible, usable by keyboard, and without scripts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect
from support.axe import too_wide, troubles, violations
from support.blank import make_tables
from support.web import PASSWORD, add_person, seed_directory, web_app

from core.db import Database, DatabaseSettings
from core.people import Role

PUBLIC_PAGES = ["/", "/search", "/search?q=居住证", "/track", "/login", "/nothing"]
ADMIN_PAGES = [
    "/admin",
    "/admin/people/new",
    "/admin/people/li",
    "/admin/channels",
    "/admin/roles",
    "/admin/audit",
    "/admin/directory/unit",
    "/admin/directory/unit/edit?key=5399/101",
    "/admin/directory/unit/new",
    "/admin/directory/liaison",
    "/admin/directory/line",
    "/admin/directory/place",
    "/admin/directory/region",
    "/admin/readiness",
    "/admin/import",
    "/admin/history",
    "/admin/calendar",
]


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/hotline.db"))
    app = web_app(db)
    await make_tables(db)
    await seed_directory(db)
    await add_person(db, "zhang", Role.ADMIN, display_name="张明")
    await add_person(db, "li", Role.OPERATOR, display_name="李芳", staff_number="101", extension="1001")
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
    await db.close()


async def _sign_in(page: Page, address: str, username: str = "zhang") -> None:
    """As a person without a mouse does it: the fields have the focus in turn."""
    await page.goto(f"{address}/login")
    await expect(page.locator("[name=username]")).to_be_focused()
    await page.keyboard.type(username)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/admin")


async def test_pages_are_accessible_and_fit(page: Page, address: str):
    """No axe-core violation, and no sideways scrolling at a desk and on a telephone."""
    found: list[str] = []
    for path in [*PUBLIC_PAGES, None, *ADMIN_PAGES, "/account", "/desk"]:
        if path is None:
            await _sign_in(page, address)
            continue
        await page.goto(address + path)
        await page.set_viewport_size({"width": 390, "height": 800})
        found += await too_wide(page)
        await page.set_viewport_size({"width": 1280, "height": 800})
        found += await troubles(page)
    assert found == []


async def test_pages_obey_their_own_content_policy(page: Page, address: str):
    """Nothing on the pages is blocked by the strict policy, and no script fails."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None,
    )
    await page.goto(address)
    await _sign_in(page, address)
    for path in ADMIN_PAGES:
        await page.goto(address + path)
    assert complaints == []


async def test_progress_is_told_without_scripts(browser: Browser, address: str):
    """With scripts switched off the form answers, and the refusal stands beside the field."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{address}/track")
    await page.fill("#code", "1234 5678 9012")
    await page.keyboard.press("Enter")
    await expect(page.locator("#code-error")).to_contain_text("没有查到")
    await expect(page.locator("#code")).to_have_value("1234 5678 9012")
    await context.close()


async def test_account_is_made_by_keyboard_and_its_password_shown_once(page: Page, address: str):
    """A slip keeps what was typed and says what to do; the second try shows the first password."""
    await _sign_in(page, address)
    await page.goto(f"{address}/admin/people/new")
    await page.fill("#display_name", "王芳")
    await page.fill("#username", "Wang Fang")
    await page.get_by_label("话务员", exact=True).check()
    await page.get_by_role("button", name="建立账号").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("小写字母开头")
    await expect(page.locator("#display_name")).to_have_value("王芳")
    assert await violations(page) == []
    await page.fill("#username", "wangfang")
    await page.keyboard.press("Enter")
    secret = await page.locator("#secret").inner_text()
    assert len(secret) == 19
    assert await violations(page) == []
    await page.goto(f"{address}/admin/people/wangfang")
    assert secret not in await page.content()


async def test_saved_account_says_so_once(page: Page, address: str):
    """After saving a toast tells it; the next page is quiet."""
    await _sign_in(page, address)
    await page.goto(f"{address}/admin/people/li")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".toast")).to_contain_text("账号已保存")
    await page.goto(f"{address}/admin/people/li")
    await expect(page.locator(".toast")).to_have_count(0)


async def test_disabling_asks_first(page: Page, address: str):
    """Saying no to the question changes nothing; saying yes disables the account."""
    await _sign_in(page, address)
    await page.goto(f"{address}/admin/people/li")
    page.once("dialog", lambda dialog: dialog.dismiss())
    await page.get_by_role("button", name="停用账号").click()
    await expect(page.get_by_role("button", name="停用账号")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="停用账号").click()
    await expect(page.get_by_role("button", name="启用账号")).to_be_visible()
