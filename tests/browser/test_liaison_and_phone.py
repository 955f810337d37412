"""The liaison's page and the caller's telephone in a real browser."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Page, expect
from support.browsing import sign_in
from support.desk_site import DeskSite
from support.fake_control import live_call

from tickets import service
from tickets.models import Outcome, State

AXE = Path(__file__).parents[1] / "support/vendor/axe-4.14.1.min.js"


async def assigned(site: DeskSite, question: str = "社保卡多久能领") -> str:
    """A question that the liaison's unit holds; its number."""
    issued = await site.ticket_for_call("operator", "n1-9.1")
    number = issued.ticket.ticket_no
    async with site.db.unit_of_work() as session:
        fields = {"question": question, "unit_id": site.units["social"]}
        await service.save_draft(
            session,
            site.clock,
            ticket_no=number,
            operator_id=site.users["operator"],
            fields=fields,
            version=1,
        )
        await service.finish(
            session,
            site.clock,
            ticket_no=number,
            operator_id=site.users["operator"],
            outcome=Outcome.ASSIGNED,
        )
    return number


async def test_a_liaison_answers_what_the_unit_holds(page: Page, site: DeskSite) -> None:
    """M-33: the unit's ticket appears by itself, the answer survives a reload before it is sent, then it is replied."""
    await sign_in(page, site, "liaison", "/liaison")
    await expect(page.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    await expect(page.locator("#inbox-none")).to_be_visible()
    number = await assigned(site)
    line = page.get_by_test_id("inbox").get_by_role("button")
    await expect(line).to_contain_text("社保卡多久能领")
    await line.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.type("二十个工作日内领取")
    await page.reload()
    await page.get_by_test_id("inbox").get_by_role("button").click()
    await expect(page.get_by_test_id("a-answer")).to_have_value("二十个工作日内领取")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#inbox-none")).to_be_visible()
    ticket = await site.ticket(number)
    assert (ticket.state, ticket.answer) == (State.REPLIED, "二十个工作日内领取")


async def test_the_liaison_searches_as_the_desk_does(page: Page, site: DeskSite) -> None:
    """M-22: the same list by keyboard; what has expired is not written into the answer, what is chosen counts."""
    number = await assigned(site)
    await sign_in(page, site, "liaison", "/liaison")
    await page.get_by_test_id("inbox").get_by_role("button").click()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("社会保障卡")
    await expect(page.get_by_test_id("kb-list").get_by_role("option")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_contain_text("没有写入答复")
    await expect(page.get_by_test_id("a-answer")).to_have_value("")
    await page.keyboard.press("ArrowUp")
    async with page.expect_request("**/desk/kb/chosen") as asked:
        await page.keyboard.press("Enter")
    assert (await asked.value).post_data_json == {"query": "社会保障卡", "entry_id": 1, "ticket_no": number}
    await expect(page.get_by_test_id("a-answer")).to_be_focused()
    await expect(page.get_by_test_id("a-answer")).to_have_value(re.compile("参保地社保经办机构"))


async def test_another_units_ticket_is_not_in_the_inbox(page: Page, site: DeskSite) -> None:
    """A liaison sees what their own unit holds and nothing of others."""
    site.units["social"], site.units["police"] = site.units["police"], site.units["social"]
    number = await assigned(site)
    await sign_in(page, site, "liaison", "/liaison")
    await expect(page.locator("#inbox-none")).to_be_visible()
    answer = f"/liaison/tickets/{number}/answer"
    status = await page.evaluate(
        """async (url) => (await fetch(url, {method: "POST", body: JSON.stringify({answer: "x"}),
        headers: {"X-CSRF-Token": document.querySelector('meta[name="csrf"]').content}})).status""",
        answer,
    )
    assert status == 404


async def test_the_liaisons_pop_names_operator_and_region(page: Page, site: DeskSite) -> None:
    """A call put through shows who sends it, from where, and never the whole number."""
    await sign_in(page, site, "liaison", "/liaison")
    await expect(page.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    site.board.live = [live_call(region_id=site.region_id, phase="liaison", liaison="2001")]
    site.control.board_changed()
    await expect(page.get_by_test_id("call-number")).to_have_text("138****5678")
    await expect(page.locator("#call-operator")).to_contain_text("王话务")
    await expect(page.locator("#call-region")).to_have_text("大理州")
    assert await violations(page) == []


async def test_a_liaison_gives_the_caller_back_or_on(page: Page, site: DeskSite) -> None:
    """M-24, §5.3-2: while the caller talks to the unit, F6 gives them back and F7 passes them on, by keyboard alone."""
    await sign_in(page, site, "liaison", "/liaison")
    await expect(page.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    site.board.live = [live_call(region_id=site.region_id, phase="ringing", liaison="2001")]
    site.control.board_changed()
    await expect(page.get_by_test_id("call-number")).to_be_visible()
    await expect(page.get_by_test_id("hand-back")).to_be_hidden()
    site.board.live = [live_call(region_id=site.region_id, phase="liaison", liaison="2001")]
    site.control.board_changed()
    await expect(page.get_by_test_id("hand-back")).to_be_visible()
    await page.keyboard.press("F7")
    await page.get_by_test_id("pass-on-to").select_option(
        json.dumps({"unit_id": site.units["police"], "liaison_id": None}, separators=(",", ":"))
    )
    assert await violations(page) == []
    await page.get_by_test_id("pass-on-send").press("Enter")
    await expect(page.get_by_test_id("pass-on-to")).to_be_hidden()
    await page.keyboard.press("F6")
    user = site.users["liaison"]
    await until(lambda: ("hand_back", user) in site.control.wishes)
    assert ("pass_on", user, site.units["police"], None) in site.control.wishes


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.02)


async def test_the_callers_telephone_tells_when_nobody_can_be_reached(page: Page, site: DeskSite) -> None:
    """Dialling with no hotline behind it ends in a Chinese sentence and a telephone that can dial again."""
    for socket in list(site.sip.sockets):
        await socket.close()
    await page.goto(f"{site.url}/phone")
    await page.get_by_test_id("dial").click()
    await expect(page.get_by_test_id("end")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_test_id("end").click()
    await expect(page.get_by_test_id("dial")).to_be_enabled()
    await expect(page.get_by_test_id("display")).to_have_text("通话结束")


async def violations(page: Page) -> list[str]:
    await page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    found = await page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{one['id']}: {json.dumps([node['html'] for node in one['nodes']], ensure_ascii=False)}"
        for one in found
    ]
