"""What comes back on published finances (M-116…M-118): receipts counted, promises on the inspectors' board, meetings, complaints."""

import re
from datetime import datetime

import pytest
from aiohttp import FormData
from sqlalchemy import select
from support.finances import PDF, Office, add_township
from support.tickets import City
from support.web import Browser, as_

from core.units import Unit
from tickets.finances import promises
from tickets.finances.feedback_models import FinancePromise
from tickets.intake.attachments import Received
from tickets.intake.models import Attachment
from tickets.models import Channel, Step, Ticket
from tickets.oversight.causes import Cause

GOOD = {"timely": "yes", "complete": "yes", "true": "yes", "clear": "no", "overall": "good"}


@pytest.fixture
async def office(city: City, browser: Browser) -> Office:
    """A notice of the township that is published; `clerk_t` signed in."""
    await add_township(city)
    await as_(browser, "clerk_t")
    office = Office(city, browser)
    path = await office.begin()
    await office.prepare(path)
    await office.review(path)
    return office


async def _path(office: Office) -> str:
    return f"/finances/{(await office.notice()).id}"


async def test_receipts_are_entered_once_and_counted(office: Office):
    """M-117: five come back; a number entered twice is refused unless it corrects; nothing before anything is published."""
    path = await _path(office)
    await office.do(path, "receipt", 409, number="1", category="party", **GOOD)
    await office.do(path, "channel", channel="meeting", on="2026-06-01")
    for number, changed in enumerate(
        ({}, {}, {"overall": "fair"}, {"overall": "bad", "true": "unsure"}, {"clear": "yes"}), 1
    ):
        await office.do(path, "receipt", number=str(number), category="citizen", **{**GOOD, **changed})
    await office.do(path, "receipt", 422, number="6", category="citizen", **{**GOOD, "timely": "perhaps"})
    await office.do(path, "receipt", 422, number="0", category="citizen", **GOOD)
    await office.do(path, "receipt", 409, number="5", category="citizen", **GOOD)
    await office.do(path, "receipt", number="5", category="staff", opinion="字太小", corrects="yes", **GOOD)
    page = await (await office.browser.get(f"{path}/feedback")).text()
    told = [
        re.sub(r"<[^>]+>|\s+", "", row)
        for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", page, re.DOTALL)
    ]
    assert told == [
        "公开是否及时是5（100%）否0（0%）不清楚0（0%）", "公开内容是否全面是5（100%）否0（0%）不清楚0（0%）",
        "公开内容是否真实是4（80%）否0（0%）不清楚1（20%）", "是否看得懂是0（0%）否5（100%）不清楚0（0%）",
        "总体评价满意3（60%）基本满意1（20%）不满意1（20%）",
    ]  # fmt: skip
    assert "普通群众代表 4 份、机关干部职工代表 1 份" in page
    assert "字太小" in page
    forms = await (await office.browser.get(f"{path}/receipt-forms?copies=3&first=6")).text()
    assert forms.count("财务公开回执单</h2>") == 3
    assert (await office.browser.get(f"{path}/receipt-forms?copies=51")).status == 422


async def test_an_overdue_promise_is_on_the_inspectors_board(office: Office):
    """M-118: the head promises, the unit proves, the county's inspectors check; past its day it stands on their board."""
    path, browser, city = await _path(office), office.browser, office.city
    wish = {
        "issue": "公开栏字太小",
        "promise": "换大字重新张贴",
        "person": "办公室主任",
        "due_on": "2026-06-10",
    }
    await office.do(path, "channel", channel="board", on="2026-06-01")
    await office.do(path, "promise", 403, **wish)
    await as_(browser, "head_t")
    await office.do(path, "promise", 422, **{**wish, "due_on": "2026-06-13"})
    await office.do(path, "promise", **wish)
    assert "财务公开整改：公开栏字太小" in await (await browser.get("/notices")).text()
    await as_(browser, "county_inspector")
    assert "公开栏字太小" not in await (await browser.get("/inspect/rectifications")).text()
    await office.do(path, "check", 409, promise="1", finding="先看看", verdict="accepted")
    city.clock.move_to(datetime.fromisoformat("2026-06-11T10:00:00+08:00"))
    await as_(browser, "county_inspector")
    assert "逾期未整改" in await (await browser.get("/inspect/rectifications")).text()
    assert "财务公开整改逾期 1 项" in await (await browser.get("/inspect")).text()
    assert "逾期未整改" in await (await browser.get("/notices")).text()
    await as_(browser, "inspector")
    assert "财务公开整改逾期" not in await (await browser.get("/inspect")).text()
    await as_(browser, "clerk_t")
    await office.do(path, "proof", 404, promise="2", proof="已换")
    form = FormData({"csrf": browser.csrf, "promise": "1", "proof": "已换大字"}, quote_fields=False)
    form.add_field("file", PDF, filename="照片.pdf")
    assert (await browser.client.post(f"{path}/proof", data=form, allow_redirects=False)).status == 303
    await office.do(path, "check", 403, promise="1", finding="自己核查", verdict="accepted")
    await as_(browser, "county_inspector")
    assert "财务公开整改逾期" not in await (await browser.get("/inspect")).text()
    await office.do(path, "check", promise="1", finding="仍看不清", verdict="returned")
    assert "逾期未整改" in await (await browser.get("/inspect/rectifications")).text()
    async with city.db.unit_of_work() as session:
        clerk = await city.user(session, "clerk_t2")
        await promises.report(
            session, city.clock, user=clerk, notice_id=1, promise_id=1, proof="再换", sent=Received()
        )
    await office.do(path, "check", promise="1", finding="现场看过", verdict="accepted")
    await office.do(path, "check", 409, promise="1", finding="再看", verdict="returned")
    assert "现场看过" in await (await browser.get(f"{path}/feedback")).text()
    async with city.db.reading() as session:
        assert await session.scalar(select(FinancePromise.state)) == "checked"


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_meetings_are_reminded_of_until_their_result_is_entered(office: Office):
    """From thirty days before its day the half-year's meeting is due, of a unit that publishes; entered once, it is on record."""
    path, browser, town = await _path(office), office.browser, office.city.units["town"]
    held = {
        "meeting": "half_year:2026",
        "held_on": "2026-06-20",
        "people": "党代表 2 人、群众代表 8 人",
        "result": "意见 3 条",
    }

    async def entered(**changed: str) -> int:
        return (await browser.post(f"/finances/units/{town}/meetings", {**held, **changed})).status

    assert "半年座谈会" not in await (await browser.get("/notices")).text()
    assert await entered() == 422
    await office.do(path, "channel", channel="board", on="2026-06-01")
    assert "应于 2026-06-30 前召开并登记结果" in await (await browser.get("/notices")).text()
    assert await entered() == 422
    office.city.clock.move_to(datetime.fromisoformat("2026-07-02T10:00:00+08:00"))
    await as_(browser, "clerk_t")
    assert "逾期未登记" in await (await browser.get(f"/finances/units/{town}")).text()
    assert [await entered(meeting=wrong) for wrong in ("half_year:2025", "tea:2026", "half_year:x")] == [
        422
    ] * 3
    assert await entered(result=" ") == 422
    assert [await entered(), await entered()] == [303, 409]
    assert "半年座谈会" not in await (await browser.get("/notices")).text()
    await as_(browser, "county_inspector")
    assert "意见 3 条" in await (await browser.get(f"/finances/units/{town}")).text()
    assert await entered(meeting="year_end:2026") == 403


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_complaints_land_with_the_body_that_supervises_the_township(office: Office):
    """M-116: from the notice on the web and from the letter box; the township's own people do not find them."""
    path, browser, city = await _path(office), office.browser, office.city
    await office.do(path, "channel", channel="web", on="2026-06-01")
    public = await (await browser.get(f"/finance-notices/{(await office.notice()).public_id}")).text()
    address = re.search(r'href="(/complain\?[^"]+)"', public)
    assert address
    form = re.search(
        r'name="form" value="([^"]+)"', await (await browser.get(address[1].replace("&amp;", "&"))).text()
    )
    assert form
    fields = {
        "form": form[1],
        "question": "支出不实",
        "cause": "finance",
        "notice": (await office.notice()).public_id,
    }
    assert (await browser.post("/complain", fields)).status == 200
    town = str(city.units["town"])
    letter = {
        "form": "letter-1",
        "unit": town,
        "received_on": "2026-05-29",
        "text": "招待费太高",
        "name": "王某",
    }
    assert (await browser.get("/finances/letter-box")).status == 403
    await as_(browser, "inspector")
    assert (await browser.post("/finances/letter-box", letter)).status == 422
    await as_(browser, "county_inspector")
    assert "清水镇人民政府" in await (await browser.get("/finances/letter-box")).text()
    assert (await browser.post("/finances/letter-box", {**letter, "text": " "})).status == 422
    assert (await browser.post("/finances/letter-box", {**letter, "received_on": "2026-06-02"})).status == 422
    form = FormData({"csrf": browser.csrf, **letter}, quote_fields=False)
    form.add_field("file", PDF, filename="来信.pdf")
    slip = await browser.client.post("/finances/letter-box", data=form)
    assert slip.status == 200
    assert "查询码" in await slip.text()
    assert (await browser.post("/finances/letter-box", letter)).status == 200
    async with city.db.reading() as session:
        tickets = (await session.scalars(select(Ticket).order_by(Ticket.id))).all()
        bodies = (await session.scalars(select(Step.unit_id).order_by(Step.id))).all()
        papers = (await session.scalars(select(Attachment.ticket_id))).all()
    assert [(one.channel, one.cause, one.subject) for one in tickets] == [
        (Channel.WEB, Cause.FINANCE, "涉及清水镇人民政府"), (Channel.LETTER, Cause.FINANCE, "涉及清水镇人民政府"),
    ]  # fmt: skip
    assert (bodies, papers) == ([city.units["county_inspection"]] * 2, [tickets[1].id])
    seen = {}
    for who in ("county_inspector", "inspector", "clerk_t", "head_t"):
        await as_(browser, who)
        seen[who] = (await browser.get(f"/tickets/{tickets[1].ticket_no}")).status
    assert seen == {"county_inspector": 200, "inspector": 404, "clerk_t": 404, "head_t": 404}
    async with city.db.unit_of_work() as session:  # a body named in the directory comes first (M-123)
        (await session.get_one(Unit, city.units["town"])).inspection_unit_id = city.units["inspection"]
    await as_(browser, "inspector")
    assert (await browser.get(path)).status == 200
