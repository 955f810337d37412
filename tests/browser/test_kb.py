"""The editors' pages in a real browser: three people, the desk and the public search, by keyboard, accessible."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from support.axe import troubles
from support.kb_site import KbSite, running_kb
from support.web import PASSWORD

TITLE = "高龄津贴怎样申领"
ANSWER = "年满八十周岁，带身份证到户籍所在乡镇办理。"


@pytest.fixture
async def kb(tmp_path: Path) -> AsyncIterator[KbSite]:
    async with running_kb(tmp_path) as site:
        yield site


async def opened(browser: Browser, kb: KbSite, username: str, path: str) -> Page:
    """A window of this person's own, signed in."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = await context.new_page()
    await page.goto(f"{kb.url}/login?next={path}")
    await page.fill("#username", username)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{kb.url}{path}")
    return page


async def found_by_the_public(page: Page) -> bool:
    """On the standing page of results, looked at again: without scripts it follows nothing by itself, but keeps nothing either."""
    await page.reload()
    return await page.get_by_text(TITLE, exact=True).count() > 0


async def test_from_draft_to_published_by_three_people_and_away_again(browser: Browser, kb: KbSite):
    """M-68, M-18: written and checked by keyboard, found on desk and public search (scripts off), withdrawn and gone from both."""
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    await page.goto(f"{kb.url}/search?q={TITLE}")
    liaison = await opened(browser, kb, "lian", "/kb/new")
    await liaison.locator("#title").press_sequentially(TITLE)
    await liaison.locator("#answer").press_sequentially(ANSWER)
    await liaison.keyboard.press("Control+s")
    await liaison.get_by_role("button", name="送单位审核").press("Enter")
    await expect(liaison.locator(".chip", has_text="待单位审核")).to_be_visible()
    assert not await found_by_the_public(page)

    head = await opened(browser, kb, "tou", "/kb/checks")
    await head.get_by_role("region", name="信息").locator("a").last.focus()
    await head.keyboard.press("Home")
    await head.keyboard.press("Enter")
    await head.get_by_role("button", name="审核通过").press("Enter")
    await expect(head.locator(".chip", has_text="待保密审查")).to_be_visible()

    secrecy = await opened(browser, kb, "mimi", "/kb/checks")
    await secrecy.get_by_role("link", name=TITLE).press("Enter")
    await expect(secrecy.locator(".as-public")).to_contain_text(ANSWER)
    await secrecy.get_by_role("button", name="发布").press("Enter")
    await expect(secrecy.locator(".chip", has_text="已发布")).to_be_visible()
    for step in ("送审 — 杨晓岚", "单位审核通过 — 沈伯衡", "发布 — 段守一"):
        await expect(secrecy.locator(".timeline")).to_contain_text(step)

    assert await found_by_the_public(page)
    desk = await opened(browser, kb, "op", "/kb")
    found = await desk.evaluate("q => fetch('/desk/kb?q=' + q).then((answer) => answer.json())", TITLE)
    assert found["items"][0]["title"] == TITLE

    await liaison.reload()
    await liaison.get_by_label("撤下理由").press_sequentially("标准已调整")
    await liaison.keyboard.press("Enter")
    await expect(liaison.locator(".chip", has_text="已撤下")).to_be_visible()
    assert not await found_by_the_public(page)
    found = await desk.evaluate("q => fetch('/desk/kb?q=' + q).then((answer) => answer.json())", TITLE)
    assert TITLE not in [item["title"] for item in found["items"]]


async def test_a_file_is_imported_with_a_bar_and_the_list_follows(
    browser: Browser, kb: KbSite, tmp_path: Path
):
    """M-64: tried, then taken in; the page shows the end by itself; an open list shows the new entries."""
    file = tmp_path / "公开库.csv"
    rows = "".join(f"{n},第{n}号文件,内容{n}\n" for n in range(1, 1501))
    file.write_text("编号,标题,答复\n" + rows + "9999,,没有标题\n", encoding="utf-8")
    office = await opened(browser, kb, "gov", "/kb/exchange")
    await office.locator("#file").set_input_files(file)
    await office.get_by_role("button", name="上传并检查").click()
    await expect(office.locator(".notice")).to_contain_text("将会新增 1500 条")
    await expect(office.get_by_text("第 1502 行：标题")).to_be_visible()
    listing = await opened(browser, kb, "op", "/kb?source=base")
    await expect(listing.get_by_text("没有符合条件的信息")).to_be_visible()
    await office.get_by_role("button", name="确认导入").click()
    await expect(office.locator("#run-head")).to_have_text("导入完成")
    await expect(listing.locator(".listing")).to_contain_text("共 1500 条")


async def test_pages_are_accessible_and_fit(browser: Browser, kb: KbSite):
    """No axe-core violation and no sideways scrolling, on a desk screen and on a telephone."""
    page = await opened(browser, kb, "gov", "/kb")
    await page.goto(f"{kb.url}/kb/new?kind=item")
    await page.fill("#title", "食品经营许可")
    await page.fill("#answer", "咨询请拨13812345678。")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("alert")).to_contain_text("手机号码")
    entry = page.url.removeprefix(kb.url)
    await page.get_by_label("修改建议").fill("缺少网上办理的办法")
    await page.get_by_role("button", name="转给维护单位").click()
    await page.goto(f"{kb.url}/kb/todo")
    await page.get_by_role("link", name="缺少网上办理").click()
    todo = page.url.removeprefix(kb.url)
    found: list[str] = []
    for path in (
        "/kb", "/kb/mine", "/kb/checks", "/kb/new?kind=notice", entry, f"{entry}/edit", f"{entry}/versions",
        "/kb/todo", todo, "/kb/suggest", "/kb/synonyms", "/kb/exchange",
    ):  # fmt: skip
        await page.goto(kb.url + path)
        found += await troubles(page, (1440, 390))
    assert found == []
