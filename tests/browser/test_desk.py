"""The operator's page in a real browser, on a call control without a telephone."""

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from support.browsing import answered, on_duty, sign_in
from support.desk_site import DeskSite
from support.fake_control import live_call

from agent_desktop.desk import phrases as edited
from core.places import Place, PlaceKind, PlaceUnit
from ivr.board import ConsultView
from ivr.models import OwedKind
from ivr.queue import owed_calls
from recordings.models import Call
from tickets.models import Outcome, State

AXE = Path(__file__).parents[1] / "support/vendor/axe-4.14.1.min.js"
SAVED = "() => document.getElementById('saved').textContent.startsWith('已保存')"


async def until(condition, limit_s: float = 8.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_whole_call_goes_by_keyboard_alone(page: Page, site: DeskSite) -> None:
    """From going on duty to the end of the wrap-up no mouse is needed, and the ticket ends with its outcome."""
    await on_duty(page, site)
    number = await answered(site)
    await expect(page.get_by_test_id("call-number")).to_have_text("138****5678")
    await expect(page.get_by_test_id("ticket-no")).to_have_text(number)
    await page.keyboard.press("Alt+3")
    await page.keyboard.type("社保卡怎么办")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("社会保障卡")
    await expect(page.get_by_test_id("kb-list").get_by_role("option")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("f-answer")).to_have_value(
        "携带本人身份证到参保地社保经办机构或合作银行网点办理，二十个工作日内领取。"
    )
    await until(lambda: site.searcher.chosen_entries == [("社会保障卡", 1, site.users["operator"])])
    await page.keyboard.press("Control+b")
    await page.keyboard.type("李联络")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("consult")).to_contain_text("正在呼叫")
    await page.keyboard.press("F9")
    await expect(page.get_by_test_id("call")).to_have_attribute("data-phase", "talking")
    await page.keyboard.press("Alt+q")
    await until(lambda: ("play_code",) in site.control.wishes)
    await page.keyboard.press("F9")
    await expect(page.get_by_test_id("seat-state")).to_have_text("话后处理")
    await page.keyboard.press("Alt+5")
    await page.keyboard.press("Space")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_test_id("seat-state")).to_have_text("就绪")
    ticket = await site.ticket(number)
    assert (ticket.outcome, ticket.state, ticket.question) == (Outcome.ANSWERED, State.CLOSED, "社保卡怎么办")
    assert ("consult", site.units["social"], site.users["liaison"]) in site.control.wishes


async def test_wrap_up_does_not_end_without_an_outcome(page: Page, site: DeskSite) -> None:
    """M-23: neither the form nor the ready button leaves the wrap-up before an outcome is chosen."""
    await on_duty(page, site)
    number = await answered(site)
    await expect(page.get_by_test_id("ticket-no")).to_have_text(number)
    await page.keyboard.press("F9")
    await expect(page.get_by_test_id("seat-state")).to_have_text("话后处理")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("请先选择处理结果")).to_be_visible()
    await page.get_by_test_id("seat-pause").click()
    await expect(page.get_by_text("还没有处理结果")).to_be_visible()
    await expect(page.get_by_test_id("seat-state")).to_have_text("话后处理")


async def test_other_ways_are_required_when_the_question_cannot_be_answered(
    page: Page, site: DeskSite
) -> None:
    """M-27: the outcome 告知其他查询方式 is refused while that field is empty, and nothing typed is lost."""
    await on_duty(page, site)
    number = await answered(site)
    await page.get_by_test_id("f-question").fill("跨省户口")
    await page.get_by_label("告知其他查询方式").check()
    await page.get_by_test_id("finish").click()
    await expect(page.locator(".toast.bad")).to_be_visible()
    assert (await site.ticket(number)).state == State.NEW
    await page.get_by_test_id("f-guidance").fill("请向户籍地派出所查询")
    await page.get_by_test_id("finish").click()
    await expect(page.get_by_test_id("ticket-no")).to_have_text("")
    assert (await site.ticket(number)).guidance == "请向户籍地派出所查询"


async def test_a_request_for_an_agent_goes_to_the_agents_unit(page: Page, site: DeskSite) -> None:
    """M-131: the village found in the directory, the agent's name and telephone shown, the ticket with the agent's unit."""
    async with site.db.unit_of_work() as session:
        place = Place(
            region_id=site.region_id,
            name="东村代办点",
            kind=PlaceKind.AGENT,
            contact="王代办",
            phone="13800000002",
        )
        session.add(place)
        await session.flush()
        session.add(PlaceUnit(place_id=place.id, unit_id=site.units["social"]))
    await on_duty(page, site)
    number = await answered(site)
    await page.get_by_test_id("f-question").fill("老人行动不便，要办医保")
    await page.get_by_test_id("dir-q").fill("东村")
    await page.get_by_role("option", name="东村代办点").click()
    await expect(page.locator("#dir-note")).to_contain_text("13800000002 · 王代办")
    await page.get_by_test_id("dir-agent").click()
    await page.get_by_test_id("finish").click()
    await expect(page.get_by_test_id("ticket-no")).to_have_text("")
    ticket = await site.ticket(number)
    assert (ticket.state, ticket.unit_id) == (State.WORKING, site.units["social"])
    assert ticket.question == "老人行动不便，要办医保\n请代办：东村代办点，代办员 王代办，电话 13800000002"


async def test_the_form_is_saved_as_typed_and_restored_after_a_reload(page: Page, site: DeskSite) -> None:
    """What was typed is on the server without any button, and in the form again after a reload in mid-call."""
    await on_duty(page, site)
    number = await answered(site)
    await page.get_by_test_id("f-question").fill("低保怎样申请")
    await page.wait_for_function(SAVED)
    assert (await site.ticket(number)).question == "低保怎样申请"
    await page.get_by_label("转单位办理").check()
    site.control.wishes.clear()
    await page.reload()
    await expect(page.get_by_test_id("f-question")).to_have_value("低保怎样申请")
    await expect(page.get_by_label("转单位办理")).to_be_checked()
    await expect(page.get_by_test_id("call")).to_have_attribute("data-phase", "talking")
    await until(lambda: ("page_loaded", False) in site.control.wishes)
    assert site.control.wishes[0] == ("page_left",)


async def test_text_typed_while_the_server_is_away_is_kept_in_the_browser(page: Page, site: DeskSite) -> None:
    """A save that fails leaves the text in the browser; it is saved as soon as the page comes back."""
    await on_duty(page, site)
    number = await answered(site)
    await expect(page.get_by_test_id("ticket-no")).to_have_text(number)
    await page.route(
        f"**/desk/tickets/{number}",
        lambda route: route.abort() if route.request.method == "POST" else route.continue_(),
    )
    await page.get_by_test_id("f-answer").fill("答复写到一半")
    await expect(page.get_by_test_id("saved")).to_contain_text("内容留在本机")
    await page.unroute(f"**/desk/tickets/{number}")
    await page.reload()
    await expect(page.get_by_test_id("f-answer")).to_have_value("答复写到一半")
    await page.wait_for_function(SAVED)
    assert (await site.ticket(number)).answer == "答复写到一半"


async def test_a_conflict_shows_both_texts_and_loses_none(page: Page, site: DeskSite) -> None:
    """Saved in two places: the field both changed is shown twice; what only one changed is merged."""
    from tickets import service

    await on_duty(page, site)
    number = await answered(site)
    await expect(page.get_by_test_id("ticket-no")).to_have_text(number)
    hold = asyncio.Event()

    async def late(route) -> None:
        if route.request.method == "POST":
            await hold.wait()
        await route.continue_()

    await page.route(f"**/desk/tickets/{number}", late)
    await page.get_by_test_id("f-question").fill("甲处写的问题")
    await page.get_by_test_id("f-subject").fill("甲处写的主题")
    async with site.db.unit_of_work() as session:
        fields = {"question": "乙处写的问题", "answer": "乙处写的答复"}
        await service.save_draft(
            session,
            site.clock,
            ticket_no=number,
            operator_id=site.users["operator"],
            fields=fields,
            version=1,
        )
    hold.set()
    await expect(page.get_by_test_id("conflict")).to_contain_text("甲处写的问题")
    await expect(page.get_by_test_id("conflict")).to_contain_text("乙处写的问题")
    await expect(page.get_by_test_id("f-answer")).to_have_value("乙处写的答复")
    await expect(page.get_by_test_id("f-subject")).to_have_value("甲处写的主题")
    await page.get_by_test_id("conflict-both").click()
    await page.wait_for_function(SAVED)
    ticket = await site.ticket(number)
    assert ticket.question == "乙处写的问题\n甲处写的问题"
    assert (ticket.subject, ticket.answer) == ("甲处写的主题", "乙处写的答复")


async def test_a_second_tab_shows_the_same_and_asks_before_it_takes_the_telephone(
    page: Page, site: DeskSite
) -> None:
    """M-29: one telephone; a second tab is read-only for it, takes it when asked, and not while a call is up."""
    await on_duty(page, site)
    second = await page.context.new_page()
    await second.goto(f"{site.url}/desk")
    await expect(second.get_by_test_id("phone-notice")).to_contain_text("另一个标签页")
    await expect(second.get_by_test_id("seat-state")).to_have_text("就绪")
    assert await page.evaluate("() => window.stationMode") == "active"
    await second.get_by_test_id("phone-take").click()
    await expect(second.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    await expect(page.get_by_test_id("phone-notice")).to_contain_text("另一个标签页")
    await expect(page.get_by_test_id("line-chip")).to_have_text("电话在别处")
    await answered(site)
    for tab in (page, second):
        await expect(tab.get_by_test_id("call-number")).to_have_text("138****5678")


async def test_a_second_computer_is_refused_and_may_take_over(
    browser: Browser, page: Page, site: DeskSite
) -> None:
    """M-29: another computer of the seat does not steal the telephone; the button moves it when no call is up."""
    await on_duty(page, site)
    other = await (await browser.new_context(permissions=["microphone"])).new_page()
    await sign_in(other, site, "operator", "/desk")
    await expect(other.get_by_test_id("phone-notice")).to_contain_text("另一台电脑")
    assert await page.evaluate("() => window.softphoneState.registration") == "registered"
    await other.get_by_test_id("phone-take").click()
    await expect(other.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    await expect(page.get_by_test_id("phone-notice")).to_contain_text("另一台电脑")


async def test_phrases_follow_the_state_of_the_call(page: Page, site: DeskSite) -> None:
    """M-26: the phrase panel changes with the call, with the outcome chosen, and when a supervisor edits it."""
    await on_duty(page, site)
    phrases = page.get_by_test_id("phrases")
    await expect(phrases).to_contain_text("8001号话务员为您服务")
    await answered(site)
    await expect(phrases).to_contain_text("请问事情发生在哪个县")
    site.control.change_call(site.users["operator"], phase="held")
    await expect(phrases).to_contain_text("请稍等，我为您查询一下")
    await expect(phrases).not_to_contain_text("请问事情发生在哪个县")
    consult = ConsultView(site.units["social"], "人社局", "李联络", "talking")
    site.control.change_call(site.users["operator"], state="consulting", phase="consulting", consult=consult)
    await expect(phrases).to_contain_text("对联络员")
    await page.keyboard.press("F6")
    await expect(page.get_by_test_id("call-phase")).to_have_text("三方通话")
    site.control.change_call(site.users["operator"], phase="talking", consult=None)
    await page.get_by_label("无法明确部门").check()
    await expect(phrases).to_contain_text("政府办公室区分")
    async with site.db.unit_of_work() as session:
        await edited.change(session, "cannot_answer", "这个问题我转给政府办。")
    await expect(phrases).to_contain_text("这个问题我转给政府办。")


async def test_two_windows_of_one_operator_show_one_state(page: Page, site: DeskSite) -> None:
    """M-29: what is done in one window is seen in the other at once, the call as well as the wrap-up."""
    await on_duty(page, site)
    other = await page.context.new_page()
    await other.goto(f"{site.url}/desk")
    await expect(other.get_by_test_id("seat-state")).to_have_text("就绪")
    number = await answered(site)
    for window in (page, other):
        await expect(window.get_by_test_id("call-phase")).to_have_text("通话中")
        await expect(window.get_by_test_id("ticket-no")).to_have_text(number)
    await page.get_by_test_id("hang-up").click()
    await expect(other.get_by_test_id("seat-state")).to_have_text("话后处理")


async def test_owed_calls_are_worked_from_the_desk(page: Page, site: DeskSite) -> None:
    """漏接: the seat bar counts them, Alt+B lists them with masked number and due time; one press rings, another closes."""
    ids = []
    async with site.db.unit_of_work() as session:
        for number in ("13800001111", "13800002222"):
            call = Call(linkedid=f"missed-{number}", line="96128", region_id=site.region_id, caller_number=number,
                        started_at=site.clock.now(), queued_at=site.clock.now())  # fmt: skip
            session.add(call)
            await session.flush()
            owed = await owed_calls.owe(session, call_id=call.id, kind=OwedKind.MISSED)
            assert owed
            ids.append(owed.id)
    site.board.owed = (2, 0)
    await on_duty(page, site)
    await expect(page.get_by_test_id("owed")).to_contain_text("回拨 2")
    await page.keyboard.press("Alt+b")
    rows = page.get_by_test_id("owed-rows").get_by_role("row")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("138****1111")
    assert await violations(page) == []
    await rows.nth(1).get_by_role("textbox").fill("重复来电")
    await rows.nth(1).get_by_role("button", name="办结").click()
    await expect(rows).to_have_count(1)
    await rows.first.get_by_role("button", name="回拨").click()
    await until(lambda: ("return_call", ids[0]) in site.control.wishes)


async def test_the_full_number_is_shown_on_request_and_leaves_an_audit_row(
    page: Page, site: DeskSite
) -> None:
    """§5.9: masked by default; whoever looks at the whole number is on record."""
    from sqlalchemy import select

    from core.audit import AuditRow

    await on_duty(page, site)
    await answered(site)
    await page.get_by_test_id("reveal").click()
    await expect(page.get_by_test_id("call-number")).to_have_text("13800005678")
    async with site.db.reading() as session:
        rows = (await session.scalars(select(AuditRow).where(AuditRow.action == "number.reveal"))).all()
    assert [(row.actor, row.target) for row in rows] == [("operator", "call:n1-1.1")]


async def test_a_complaint_made_on_the_telephone_gets_its_own_code(page: Page, site: DeskSite) -> None:
    """M-50: the operator registers it during the call and reads its code out; the call's ticket is joined to it."""
    await on_duty(page, site)
    number = await answered(site)
    await page.get_by_test_id("f-question").fill("某窗口态度恶劣")
    await page.get_by_test_id("complain").click()
    await expect(page.get_by_test_id("complaint-code")).to_have_text(
        __import__("re").compile(r"^\d{4} \d{4} \d{4}$")
    )
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("phrases")).to_contain_text("监察部门受理")
    await page.get_by_test_id("finish").click()
    await expect(page.get_by_test_id("ticket-no")).to_have_text("")
    ticket = await site.ticket(number)
    assert ticket.outcome == Outcome.DUPLICATE
    assert ticket.duplicate_of_id is not None


async def test_no_microphone_is_told_with_what_to_do(browser: Browser, site: DeskSite) -> None:
    """Without a microphone the page says so in Chinese before any call, and does not register."""
    page = await (await browser.new_context()).new_page()
    await page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'))"
    )
    await sign_in(page, site, "operator", "/desk")
    await expect(page.get_by_test_id("phone-notice")).to_contain_text("没有找到麦克风")
    assert site.sip.heard == []


@pytest.mark.parametrize("scene", ["offline", "ringing", "talking", "conflict_free_wrap_up"])
async def test_the_desk_has_no_accessibility_violations(page: Page, site: DeskSite, scene: str) -> None:
    """WCAG 2.2 AA by axe-core in every state of the page."""
    await sign_in(page, site, "operator", "/desk")
    if scene != "offline":
        await expect(page.get_by_test_id("line-chip")).to_have_text("电话已就绪")
        await page.keyboard.press("Alt+r")
        await expect(page.get_by_test_id("seat-state")).to_contain_text("暂停")
    if scene == "ringing":
        site.control.rings(site.users["operator"], live_call(region_id=site.region_id))
        await expect(page.get_by_test_id("call-number")).to_have_text("138****5678")
    elif scene != "offline":
        await answered(site)
        await expect(page.get_by_test_id("call")).to_have_attribute("data-phase", "talking")
        await page.get_by_test_id("kb-q").fill("社会")
        await expect(page.get_by_test_id("kb-list").get_by_role("option")).to_have_count(2)
    if scene == "conflict_free_wrap_up":
        site.control.change_call(site.users["operator"], state="wrapup", phase="after_talk")
        await expect(page.get_by_test_id("seat-state")).to_have_text("话后处理")
    assert await violations(page) == []


async def violations(page: Page) -> list[str]:
    await page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    found = await page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{one['id']}: {json.dumps([node['html'] for node in one['nodes']], ensure_ascii=False)}"
        for one in found
    ]
