"""Applications for disclosure (依申请公开, M-110): by web, window, letter and for callers; their own clock; a question's way."""

import re
from datetime import date, datetime

import pytest
from sqlalchemy import select
from support.tickets import City, add_clerk, build_city, do
from support.web import Browser, as_

from core.db import Database
from tickets import handover, replies, service
from tickets.clocks import extensions
from tickets.guards import TooLate
from tickets.intake.models import DisclosureWish, Way
from tickets.models import Channel, ClockKind, Feedback, RequestKind, State, Step, Ticket, TicketKind
from tickets.oversight import complaints

ONE_ENGINE = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
GOOD = {"question": "2025 年民政救助资金分配情况", "name": "王某", "phone": "13800005678", "way": "online"}


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    await add_clerk(city)
    return city


async def _send(browser: Browser, path: str = "/apply", **fields: str) -> tuple[int, str]:
    form = re.search(r'name="form" value="([^"]+)"', await (await browser.get(path)).text())
    assert form
    response = await browser.post(path, {"form": form[1]} | fields)
    return response.status, await response.text()


async def _stored(city: City) -> tuple[Ticket, list[Step], DisclosureWish]:
    async with city.db.reading() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        steps = (await session.scalars(select(Step).order_by(Step.position))).all()
        return ticket, list(steps), await session.get_one(DisclosureWish, ticket.id)


async def test_an_application_has_a_number_and_twenty_days(city: City, browser: Browser):
    """M-110: with the unit named it is that unit's at once, under the regulation's clock; its reply is read by code."""
    status, page = await _send(browser, unit="101", **GOOD | {"way": "post", "address": "人民路5号"})
    assert status == 200
    code = re.search(r'id="query-code">([\d ]+)<', page)[1].replace(" ", "")
    ticket, (step,), wish = await _stored(city)
    assert (ticket.kind, ticket.state, ticket.channel) == (TicketKind.DISCLOSURE, State.WORKING, Channel.WEB)
    assert (ticket.feedback, wish.way, wish.address) == (Feedback.BY_CODE, Way.POST, "人民路5号")
    assert (step.clock, step.due_on) == (ClockKind.D20, date(2026, 6, 30))
    assert "2026年6月30日" in await (await browser.post("/track", {"code": code})).text()
    await do(city, replies.answer, ticket, "liaison_a", answer="予以公开，材料已寄出。")
    assert "材料已寄出" in await (await browser.post("/track", {"code": code})).text()


@ONE_ENGINE
async def test_a_complaint_upheld_begins_the_twenty_days_anew(city: City, browser: Browser):
    """The reply is complained about like any; to be given anew, it has the regulation's clock again (T17)."""
    await _send(browser, unit="101", **GOOD)
    ticket, _, _ = await _stored(city)
    await do(city, replies.answer, ticket, "liaison_a", answer="不予公开。")
    async with city.db.unit_of_work() as session:
        about = await session.get_one(Ticket, ticket.id)
        lodged = {
            "call_id": None,
            "region_id": ticket.region_id,
            "line": "96128",
            "caller_number": "",
            "recording_id": None,
        }
        issued = await service.register_complaint(
            session, city.clock, **lodged, about=about, text="没有说明依据"
        )
    await do(city, complaints.accept, issued.ticket, "inspector")
    redo = complaints.Verdict("已调查", "责成重办", "重新答复", upheld=True, redo=True)
    await do(city, complaints.reply, issued.ticket, "inspector", verdict=redo)
    async with city.db.reading() as session:
        steps = await session.scalars(select(Step).where(Step.ticket_id == ticket.id).order_by(Step.position))
        assert [step.clock for step in steps] == [ClockKind.D20, ClockKind.D20]


@ONE_ENGINE
async def test_extended_it_has_forty_days_and_no_other_class(city: City, browser: Browser):
    """The head agrees: forty in all from the same day; there is no class to change."""
    await _send(browser, unit="101", **GOOD)
    ticket, _, _ = await _stored(city)
    with pytest.raises(TooLate):
        await do(
            city, extensions.ask_for, ticket, "liaison_a", kind=RequestKind.CHANGE_CLASS, reason="情况复杂"
        )
    extend = {"kind": RequestKind.EXTEND}
    await do(city, extensions.ask_for, ticket, "liaison_a", reason="需要征求第三方意见", **extend)
    await do(city, extensions.decide_on, ticket, "head_a", approve=True, **extend)
    _, (step,), _ = await _stored(city)
    assert (step.days, step.due_on) == (40, date(2026, 7, 28))


async def test_the_office_finds_out_whose_it_is(city: City, browser: Browser):
    """Without a unit the office has its own five days; the unit's twenty begin when it gets the application."""
    await _send(browser, **GOOD)
    ticket, (step,), _ = await _stored(city)
    assert (ticket.state, step.clock, step.due_on) == (State.DISPATCH, ClockKind.G5, date(2026, 6, 8))
    await as_(browser, "office")
    page = await (await browser.get(f"/tickets/{ticket.ticket_no}")).text()
    assert "依申请公开" in page
    assert "问题类别" not in page
    city.clock.move_to(datetime.fromisoformat("2026-06-03T10:00:00+08:00"))
    await do(city, handover.dispatch, ticket, "office", unit_id=city.units["a"])
    _, (_, step), _ = await _stored(city)
    assert (step.clock, step.due_on) == (ClockKind.D20, date(2026, 7, 2))


@ONE_ENGINE
async def test_its_unit_finds_it_among_its_work(city: City, browser: Browser):
    """The liaison's list and page show the application, how it is wanted, and the answer's form, but no change of class."""
    await _send(
        browser, unit="101", subject="救助资金", **GOOD | {"way": "email", "address": "wang@example.com"}
    )
    ticket, _, _ = await _stored(city)
    await as_(browser, "liaison_a")
    for chosen, found in (("disclosure", True), ("general", False)):
        listed = await (await browser.get(f"/liaison/tickets?class={chosen}")).text()
        assert (ticket.ticket_no in listed, "申请公开：救助资金" in listed) == (found, found)
    page = await (await browser.get(f"/tickets/{ticket.ticket_no}")).text()
    said = (
        "依申请公开",
        "政府信息公开申请 20 个工作日",
        "电子邮件发送",
        "wang@example.com",
        "王某",
        "提交答复",
    )
    assert [text for text in said if text not in page] == []
    assert "申请调整为" not in page


INCOMPLETE = [
    ({"question": " "}, "所需信息：请写明"),
    ({"name": ""}, "申请人：请填写"),
    ({"phone": "没有"}, "联系电话：请填写"),
    ({"way": ""}, "获取方式：请从列表中选择"),
    ({"way": "pigeon"}, "获取方式：请从列表中选择"),
    ({"way": "post"}, "寄送地址：邮寄或电子邮件发送的"),
    ({"way": "email", "address": "人民路5号"}, "请填写电子邮箱"),
    ({"way": "post", "address": "路" * 201}, "通信地址或邮箱"),
]


@ONE_ENGINE
async def test_incomplete_applications_store_nothing(city: City, browser: Browser):
    """《条例》第二十九条: who, how to be reached, what and in what way; the sentence stands beside what was typed."""
    for changed, said in INCOMPLETE:
        status, page = await _send(browser, **GOOD | changed)
        assert (status, said in page, (GOOD | changed)["question"] in page) == (422, True, True), changed
    async with city.db.reading() as session:
        assert (await session.scalars(select(Ticket))).all() == []


@ONE_ENGINE
async def test_staff_register_applications(city: City, browser: Browser):
    """At the window, from a letter of Monday typed on Wednesday, and by an operator for a caller who cannot write one."""
    city.clock.move_to(datetime.fromisoformat("2026-06-03T15:00:00+08:00"))
    given = {"text1": GOOD["question"], "unit1": "101", "received_on": "2026-06-01", "kind": "disclosure"}
    for who, doors in (("clerk", ("window", "letter")), ("operator", ("phone",))):
        await as_(browser, who)
        for door in doors:
            status, page = await _send(browser, "/window", door=door, **given, **GOOD)
            assert (status, "a局" in page) == (200, True)
        assert "申请公开" in await (await browser.get("/window")).text()
    async with city.db.reading() as session:
        pairs = select(Ticket, Step).join(Step, Step.ticket_id == Ticket.id).order_by(Ticket.id)
        found = [(ticket.channel, step.due_on) for ticket, step in await session.execute(pairs)]
    from_wednesday, from_monday = date(2026, 7, 2), date(2026, 6, 30)
    assert found == [
        (Channel.WINDOW, from_wednesday),
        (Channel.LETTER, from_monday),
        (Channel.PHONE, from_wednesday),
    ]


@ONE_ENGINE
async def test_what_the_window_does_not_take(browser: Browser):
    """Callers' questions belong to the desk, callers to operators, answers to the unit that decides."""
    refused = {
        "clerk": [
            ({"kind": "disclosure", "door": "phone"}, "电话申请由话务员代填"),
            ({"kind": "disclosure", "door": "window", "answer1": "给您"}, "请登记后在工单页上答复"),
            ({"kind": "", "door": "window"}, "请选择提问、投诉举报或申请公开"),
        ],
        "operator": [({"kind": "question", "door": "phone"}, "在话务台登记")],
    }
    for who, cases in refused.items():
        await as_(browser, who)
        for fields, said in cases:
            status, page = await _send(browser, "/window", text1=GOOD["question"], **GOOD | fields)
            assert (status, said in page) == (422, True), fields
