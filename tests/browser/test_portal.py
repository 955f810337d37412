"""The public pages, the terminal and the window in a real browser: accessible, by touch, without scripts, without network."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select
from support.axe import troubles, violations
from support.portal_site import PortalSite, running_portal
from support.web import PASSWORD

from core.bus import publish
from kb.events import EntriesChanged
from kb.models import Entry, EntryState, SearchLog, Todo
from tickets.models import Channel, State, TicketKind

PUBLIC_PAGES = [
    "/", "/search?q=社保卡", "/ask?question=居住证", "/complain", "/apply", "/cases", "/track", "/directory", "/overdue", "/bulletin",
    "/citations", "/citations/city/month/2026-05-01", "/bulletin?size=a3&month=2026-06", "/screen", "/embed", "/kiosk",
]  # fmt: skip
A_MINUTE_MS = 60_000
WIDTHS = (1280, 360)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[PortalSite]:
    async with running_portal(tmp_path, embed_origins=("http://localhost:*",)) as site:
        yield site


async def test_public_pages_are_accessible_and_fit(page: Page, site: PortalSite):
    """No axe-core violation, no sideways scrolling, no script that fails; an answer is one press away from the search."""
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    for path in PUBLIC_PAGES:
        await page.goto(site.url + path)
        failures += await troubles(page, WIDTHS)
    await page.goto(f"{site.url}/search?q=社保卡")
    await page.locator("ol.list a").first.click()
    await expect(page.locator("article h1")).to_contain_text("社会保障卡")
    assert failures + await troubles(page, WIDTHS) == []


async def test_whole_way_without_scripts(browser: Browser, site: PortalSite):
    """Scripts off: ask, see the code, follow, read the liaison's answer, say 不满意, complain to the inspection."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{site.url}/ask")
    await page.fill("#question", "居住证在哪里办？")
    await page.select_option("#unit", label="a局")
    await page.get_by_role("button", name="提交问题").click()
    code = await page.locator("#query-code").inner_text()
    await site.answer((await site.ticket()).ticket_no, "到居住地派出所办理。")
    await page.goto(f"{site.url}/track")
    await page.fill("#code", code)
    await page.keyboard.press("Enter")
    await expect(page.locator(".reply")).to_have_text("到居住地派出所办理。")
    await page.get_by_role("button", name="不满意", exact=True).click()
    await expect(page.get_by_role("status").last).to_contain_text("不满意")
    await page.fill("#text", "没有说要带什么材料")
    await page.get_by_label("主要是什么问题").select_option("face")
    await page.get_by_role("button", name="提交投诉").click()
    assert await page.locator("#query-code").inner_text() != code
    assert (await site.ticket()).kind == TicketKind.COMPLAINT
    await context.close()


async def test_similar_answers_come_while_typing(page: Page, site: PortalSite):
    """A known question is answered before it is sent; a scanned slip's code goes from the # into the form by itself."""
    await page.goto(f"{site.url}/ask")
    await page.locator("#question").press_sequentially("社会保障卡丢了怎么挂失")
    await expect(page.locator("#similar a").first).to_contain_text("社会保障卡")
    assert await violations(page) == []
    await page.get_by_role("button", name="提交问题").click()
    assert await page.locator("img.bars").evaluate("image => image.complete && image.naturalWidth > 100")
    code = (await page.locator("#query-code").inner_text()).replace(" ", "")
    await page.goto(f"{site.url}/track#{code}")
    await expect(page.locator("#result")).to_have_text("待区分（政府办）")
    assert code not in page.url


async def _touch(page: Page, spelled: str, candidate: str) -> None:
    for letter in spelled:
        await page.locator(f".key:text-is('{letter}')").click()
    await page.locator(f".candidate:text-is('{candidate}')").click()


async def test_terminal_by_touch_forgets_its_visitor(page: Page, site: PortalSite):
    """Pinyin by touch, whole or by first letters, finds the answer; a question gives a code; a minute of idleness wipes everything."""
    await page.clock.install()
    await page.goto(f"{site.url}/kiosk")
    await page.locator("#q").click()
    await _touch(page, "shebaoka", "社保卡")
    await page.get_by_role("button", name="查询", exact=True).first.click()
    await page.locator("#results button").first.click()
    await expect(page.locator("#answer-title")).to_contain_text("社会保障卡")
    await page.get_by_role("button", name="还有疑问，去提问").click()
    await page.locator("#question").click()
    await _touch(page, "jzz", "居住证")
    await page.locator("#ask").get_by_role("button").click()
    await expect(page.locator("#code")).to_have_text(re.compile(r"^(\d{4} ){2}\d{4}$"))
    ticket = await site.ticket()
    assert (ticket.channel, ticket.question, ticket.state) == (Channel.KIOSK, "居住证", State.DISPATCH)
    assert await violations(page) == []
    await page.clock.run_for(A_MINUTE_MS - 10_000)
    await expect(page.locator("#idle")).to_contain_text("秒后清空")
    await page.clock.run_for(12_000)
    await expect(page.locator("#start-title")).to_be_visible()
    assert await page.locator("#code").inner_text() == ""
    assert await page.input_value("#question") == ""


async def test_an_application_for_disclosure_at_the_terminal(page: Page, site: PortalSite):
    """M-110 by touch: a refusal says what is missing, then a code; without a network it is not taken, and said so."""
    await page.goto(f"{site.url}/kiosk")
    await page.get_by_role("button", name="申请公开信息").click()
    await page.locator("#apply-question").click()
    await _touch(page, "jzz", "居住证")
    await page.locator("#apply-name").click()
    await _touch(page, "wang", "王")
    await page.locator("#apply-phone").fill("13800005678")
    await page.locator("#apply").get_by_role("button").click()
    await expect(page.locator("#apply-refusal")).to_contain_text("获取方式")
    assert await violations(page) == []
    await page.locator("#apply-way").select_option("collect")
    await page.context.set_offline(True)
    await page.locator("#apply").get_by_role("button").click()
    await expect(page.locator("#apply-refusal")).to_contain_text("没有提交")
    await page.context.set_offline(False)
    await page.locator("#apply").get_by_role("button").click()
    await expect(page.locator("#code")).to_have_text(re.compile(r"^(\d{4} ){2}\d{4}$"))
    ticket = await site.ticket()
    assert (ticket.kind, ticket.channel, ticket.question, ticket.asker_name) == (
        TicketKind.DISCLOSURE, Channel.KIOSK, "居住证", "王"
    )  # fmt: skip


async def test_terminal_without_a_network_shows_its_last_answers(page: Page, site: PortalSite):
    """Cut off and loaded anew: the last answers are there, dated; a question waits for the network once there is a telephone."""
    await page.goto(f"{site.url}/kiosk")
    await page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    await expect(page.locator("#hot button")).not_to_have_count(0)
    await page.context.set_offline(True)
    await page.reload()
    await expect(page.locator("#hot button")).not_to_have_count(0)
    await expect(page.locator("#offline")).to_contain_text("2026-06-01 10:0")
    await page.fill("#q", "社会保障卡")
    await page.keyboard.press("Enter")
    await page.locator("#results button").first.click()
    await expect(page.locator("#answer-title")).to_contain_text("社会保障卡")
    await expect(page.locator("[data-screen=answer] [data-dated]")).to_contain_text("内容截至")
    await page.get_by_role("button", name="还有疑问，去提问").click()
    await page.fill("#question", "问题")
    await page.locator("#ask").get_by_role("button").click()
    await expect(page.locator("#ask-refusal")).to_contain_text("请留下联系电话")
    await page.fill("#phone", "13800000000")
    await page.locator("#ask").get_by_role("button").click()
    await expect(page.locator("#kept-title")).to_be_visible()
    await page.reload()
    await expect(page.locator("#unsent")).to_contain_text("有 1 条提问")
    await page.context.set_offline(False)
    await expect(page.locator("#unsent")).to_be_hidden()
    ticket = await site.ticket()
    assert (ticket.channel, ticket.question, ticket.callback_number) == (Channel.KIOSK, "问题", "13800000000")


async def test_one_line_puts_the_box_on_another_site(page: Page, site: PortalSite):
    """On a named site the frame asks and a new window shows the code; any other site's frame stays empty."""

    async def article(_: web.Request) -> web.Response:
        text = (
            f'<!doctype html><title>x</title><p>政府网站</p><script src="{site.url}/embed.js" async></script>'
        )
        return web.Response(text=text, content_type="text/html")

    foreign = web.Application()
    foreign.router.add_get("/", article)
    async with TestServer(foreign) as server:
        await page.goto(f"http://localhost:{server.port}/")
        frame = page.frame_locator("iframe")
        await frame.locator("#question").fill("网站上的问题")
        async with page.expect_popup() as opening:
            await frame.get_by_role("button", name="提交问题").click()
        await expect((await opening.value).locator("#query-code")).to_be_visible()
        await page.goto(f"http://127.0.0.1:{server.port}/")
        await expect(page.locator("iframe")).to_be_attached()
        await expect(page.frame_locator("iframe").locator("#question")).to_have_count(0)


async def test_display_turns_and_can_be_held(page: Page, site: PortalSite):
    """One panel at a time, the next after twelve seconds; held by its button."""
    await page.clock.install()
    await page.goto(f"{site.url}/screen")
    shown = page.locator("[data-panel]:visible h2")
    await expect(shown).to_have_text(["今天"])
    await page.clock.run_for(12_500)
    await expect(shown).not_to_have_text(["今天"])
    held = await shown.all_inner_texts()
    await page.get_by_role("button", name="暂停轮播").click()
    await page.clock.run_for(25_000)
    assert await shown.all_inner_texts() == held


@pytest.mark.parametrize("width", [1280, 390])
async def test_window_gives_one_slip_for_several_items(page: Page, site: PortalSite, width: int):
    """A clerk by keyboard: two items and a scan; the slip has two codes; pages accessible and fitting."""
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"{site.url}/login?next=/window")
    await page.fill("#username", "clerk")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.url}/window")
    await page.get_by_label("信函", exact=True).check()
    await page.fill("#received_on", "2026-05-29")
    await page.fill("#text1", "低保怎么申请")
    await page.locator("#more").press("Enter")
    await page.keyboard.type("老年卡在哪里办")
    await page.set_input_files(
        "#papers", files=[{"name": "来信.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 x"}]
    )
    assert await troubles(page) == []
    await page.get_by_role("button", name="登记并出凭条").click()
    await expect(page.locator(".slip .query-code")).to_have_count(2)
    assert await troubles(page) == []
    assert (await site.ticket()).channel == Channel.LETTER


async def test_results_follow_what_is_typed(page: Page, site: PortalSite):
    """Letter by letter, pieces found marked, arrows walk the results; only what nobody types further counts as unanswered (M-84)."""
    await page.clock.install()
    await page.goto(f"{site.url}/")
    first = page.locator("#found .result-title a").first
    for letter in "shbzk":
        await page.locator("#front-search").press_sequentially(letter)
        await expect(first).to_be_visible()
    await page.locator("#front-search").press("Enter")
    await page.locator("#q").fill("")
    await expect(page.locator("#found .list")).to_have_count(0)
    for character in "社会保障卡":
        await page.keyboard.insert_text(character)
        await expect(first.locator("mark")).not_to_have_count(0)
    await expect(first.locator("mark")).to_have_text("社会保障卡")
    assert await violations(page) == []
    for unfinished in ("ωψ", "ωψξ"):
        await page.locator("#q").fill(unfinished)
        await expect(page.locator("#found")).to_contain_text(f"没有找到与“{unfinished}”")
    async with page.expect_response(lambda response: "typed" not in response.url):
        await page.clock.fast_forward(4_000)
    async with site.city.db.reading() as session:
        assert (await session.scalars(select(SearchLog.query))).all() == ["ωψξ"]
    await page.locator("#q").fill("社会保障卡")
    await expect(first.locator("mark")).to_have_text("社会保障卡")
    title = await first.inner_text()
    await page.keyboard.press("ArrowDown")
    await expect(first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await page.get_by_role("link", name="内容纠错").click()
    await page.fill("#text", "电话13812345678打不通")
    await page.get_by_role("button", name="提交").click()
    await expect(page.get_by_role("alert")).to_contain_text("手机号码")
    await page.fill("#text", "地址已经搬了")
    assert await violations(page) == []
    await page.get_by_role("button", name="提交").click()
    await expect(page.get_by_text("已转给维护这条信息的单位")).to_be_visible()
    async with site.city.db.reading() as session:
        line = (await session.scalars(select(Todo))).one()
    assert (line.text, line.raised_by, line.times) == ("地址已经搬了", None, 1)


async def test_a_terminal_shows_what_fits_while_letters_are_touched(page: Page, site: PortalSite):
    """Initials touched one by one find answers; a withdrawn frequent answer leaves the standing page by itself."""
    await page.goto(f"{site.url}/kiosk")
    hot, title = page.locator("#hot button"), page.locator("#hot-title")
    await expect(page.locator("html")).to_have_attribute("data-line", "open")
    withdrawn = await hot.first.inner_text()
    async with site.city.db.unit_of_work() as session:
        entry = (await session.scalars(select(Entry).where(Entry.title == withdrawn))).one()
        entry.state = EntryState.WITHDRAWN
        publish(session, EntriesChanged((entry.id,)))
    await expect(hot.filter(has_text=withdrawn)).to_have_count(0)
    await expect(hot).not_to_have_count(0)
    await page.locator("#q").click()
    for letter in "shbzk":
        await page.locator(f".key:text-is('{letter}')").click()
    await expect(title).to_have_text("有关的信息")
    await expect(hot.first).to_contain_text("社会保障卡")
    await hot.first.click()
    await expect(page.locator("#answer-text")).not_to_be_empty()
