"""The window, letters and visits (M-102, M-108, M-119, M-130), their papers, and Open311 for civic software."""

import json
import re
from datetime import date, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aiohttp import ClientResponse, FormData
from sqlalchemy import select
from support.tickets import City, add_clerk, build_city
from support.web import TEST, Browser

from core import accounts
from core.db import Database
from tickets import replies
from tickets.intake.models import Attachment
from tickets.models import Channel, State, Step, Ticket, TicketKind

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
PDF = b"%PDF-1.4 a letter"


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    await add_clerk(city)
    return city


async def _register(browser: Browser, paper: bytes = b"", **fields: str) -> ClientResponse:
    page = await (await browser.get("/window")).text()
    number = re.search(r'name="form" value="([^"]+)"', page)[1]
    data = FormData(quote_fields=False, default_to_multipart=True)
    for name, value in (
        {"form": number, "csrf": browser.csrf, "door": "window", "kind": "question"} | fields
    ).items():
        data.add_field(name, value)
    if paper:
        data.add_field("papers", paper, filename="来信.pdf")
    return await browser.client.post("/window", data=data, allow_redirects=False)


async def _tickets(db: Database) -> list[Ticket]:
    async with db.reading() as session:
        return list(await session.scalars(select(Ticket).order_by(Ticket.id)))


async def test_one_slip_three_tickets(db: Database, browser: Browser):
    """M-130: three items, one registration, three codes that each open their ticket; one answered at once."""
    await browser.sign_in("clerk")
    page = await (
        await _register(
            browser,
            text1="低保怎么申请",
            unit1="101",
            text2="老年卡在哪办",
            text3="几点上班",
            answer3="八点半",
        )
    ).text()
    codes = [code.replace(" ", "") for code in re.findall(r'class="query-code">([\d ]+)<', page)]
    assert [ticket.state for ticket in await _tickets(db)] == [State.WORKING, State.DISPATCH, State.CLOSED]
    assert {ticket.channel for ticket in await _tickets(db)} == {Channel.WINDOW}
    for code, said in zip(codes, ("a局", "office局", "八点半"), strict=True):
        assert said in await (await browser.post("/track", {"code": code})).text()


async def test_letter_counts_from_the_day_it_came(db: Database, city: City, browser: Browser):
    """M-108: dated Monday, typed Wednesday: the clock runs from Monday, the scan belongs to the ticket."""
    city.clock.move_to(datetime.fromisoformat("2026-06-03T15:00:00+08:00"))
    await browser.sign_in("operator")
    await _register(browser, PDF, door="letter", received_on="2026-06-01", text1="来信反映……", unit1="101")
    (ticket,) = await _tickets(db)
    async with db.reading() as session:
        step, paper = (
            (await session.scalars(select(Step))).one(),
            (await session.scalars(select(Attachment))).one(),
        )
    assert (ticket.channel, step.due_on) == (Channel.LETTER, date(2026, 6, 8))
    assert (paper.ticket_id, paper.name, paper.added_by_id) == (ticket.id, "来信.pdf", city.users["operator"])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text1": "", "text2": " "}, "请至少填写一件"),
        ({"text1": "问", "door": "phone"}, "在话务台登记"),
        ({"text1": "问", "door": "fax"}, "请选择窗口、信函或来访"),
        ({"text1": "问", "door": "letter", "received_on": "2026-06-02"}, "不能晚于今天"),
        ({"text1": "问", "door": "visit", "received_on": "2020-01-01"}, "请核对年份"),
        ({"text1": "问", "door": "visit", "received_on": "昨天"}, "请填写日期，如 2026-06-01"),
        ({"text1": "问", "unit1": "777"}, "请从列表中选择"),
        ({"text1": "问", "text2": "问" * 10_001}, "最多 10000 个字"),
    ],
)
async def test_wrong_registrations_store_nothing(
    db: Database, browser: Browser, fields: dict[str, str], said: str
):
    """One wrong item refuses the whole slip, with the sentence and what was typed."""
    await browser.sign_in("clerk")
    refused = await _register(browser, **fields)
    assert (refused.status, said in await refused.text()) == (422, True)
    assert await _tickets(db) == []


async def test_inspectors_window_takes_complaints_alone(db: Database, browser: Browser):
    """M-119: a complaint at the window of 监察 is the same complaint as any; a question is sent to the right counter."""
    await browser.sign_in("inspector")
    assert (await _register(browser, text1="问")).status == 422
    assert (await _register(browser, text1="态度恶劣", kind="complaint", unit1="101")).status == 200
    (ticket,) = await _tickets(db)
    assert (ticket.kind, ticket.channel, ticket.state) == (TicketKind.COMPLAINT, Channel.WINDOW, State.C_NEW)


async def test_papers_are_seen_by_whoever_sees_the_ticket(db: Database, browser: Browser):
    """The holder's liaison opens the scan; another unit's liaison finds nothing, nor does the administrator."""
    await browser.sign_in("clerk")
    await _register(browser, PDF, text1="见来信", unit1="101")
    async with db.reading() as session:
        paper = (await session.scalars(select(Attachment))).one()
    address = f"/tickets/{(await _tickets(db))[0].ticket_no}/papers/{paper.public_id}"
    expected = {"liaison_a": 200, "liaison_b": 404, "admin": 403}
    for name, status in expected.items():
        await browser.post("/logout")
        await browser.sign_in(name)
        response = await browser.get(address)
        assert response.status == status, name
        if status == 200:
            assert await response.read() == PDF
            assert "sandbox" in response.headers["Content-Security-Policy"]


async def _open311(browser: Browser, method: str, path: str, **data: str) -> tuple[int, str]:
    response = await browser.client.request(method, f"/open311/v2/{path}", data=data or None)
    return response.status, await response.text()


async def _api_key(db: Database, city: City) -> str:
    async with db.unit_of_work() as session:
        return await accounts.issue_token(session, city.clock, TEST, name="市民软件", channel="web")


async def test_civic_software_asks_and_follows(db: Database, city: City, browser: Browser):
    """GeoReport v2, JSON and XML: services, a request for unit 101, its state, due date and reply as extensions."""
    key = await _api_key(db, city)
    found = json.loads(await (await browser.get("/open311/discovery.json")).text())["endpoints"][0]
    assert found["url"] == str(browser.client.make_url("/open311/v2"))
    described = ET.fromstring(await (await browser.get("/open311/discovery.xml")).text())
    assert described.findtext("endpoints/endpoint/formats/format") == "application/json"
    services = json.loads((await _open311(browser, "GET", "services.json"))[1])
    assert [one["service_code"] for one in services] == ["000", "101", "102", "103"]
    status, made = await _open311(
        browser,
        "POST",
        "requests.json",
        api_key=key,
        service_code="101",
        description="路灯不亮",
        address_string="人民路",
    )
    assert status == 201
    code = json.loads(made)[0]["service_request_id"]
    found = json.loads((await _open311(browser, "GET", f"requests/{code}.json?api_key={key}"))[1])[0]
    assert (found["status"], found["agency_responsible"]) == ("open", "a局")
    assert found["extended_attributes"]["due_on"] == "2026-06-08"
    async with db.unit_of_work() as session:
        (ticket,) = await session.scalars(select(Ticket))
        user = await city.user(session, "liaison_a")
        await replies.answer(session, city.clock, ticket_no=ticket.ticket_no, user=user, answer="已修好")
    xml = ET.fromstring(
        (await _open311(browser, "GET", f"requests.xml?service_request_id={code}&api_key={key}"))[1]
    )
    assert (xml.tag, xml.findtext("request/status"), xml.findtext("request/status_notes")) == (
        "service_requests", "closed", "已修好",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("requests.json", {"service_code": "101", "description": "x"}, 401),
        ("requests.json", {"api_key": "false", "service_code": "101", "description": "x"}, 401),
        ("requests.json", {"api_key": "KEY", "service_code": "101", "description": " "}, 422),
        ("requests.json", {"api_key": "KEY", "service_code": "999", "description": "x"}, 404),
        ("requests.xml", {"api_key": "KEY", "description": "x"}, 404),
    ],
)
async def test_civic_software_is_refused_in_its_own_form(
    db: Database, city: City, browser: Browser, path: str, data: dict[str, str], status: int
):
    """Errors are GeoReport's list of code and description; nothing is stored."""
    key = await _api_key(db, city)
    found, text = await _open311(
        browser, "POST", path, **{k: key if v == "KEY" else v for k, v in data.items()}
    )
    assert found == status
    said: Any = (
        json.loads(text)[0]["code"] if path.endswith("json") else ET.fromstring(text).findtext("error/code")
    )
    assert int(said) == status
    assert await _tickets(db) == []


async def test_requests_are_not_listed_for_everybody(db: Database, city: City, browser: Browser):
    """Without codes there is no list, and twenty-one codes are too many."""
    key = await _api_key(db, city)
    assert (await _open311(browser, "GET", f"requests.json?api_key={key}"))[0] == 422
    many = ",".join(["1"] * 21)
    assert (await _open311(browser, "GET", f"requests.json?api_key={key}&service_request_id={many}"))[
        0
    ] == 422


async def test_slip_sent_twice_is_one_registration(db: Database, browser: Browser):
    """The same form pressed twice at the window: the same tickets and codes."""
    await browser.sign_in("clerk")
    pages = [
        await (await _register(browser, form="a" * 16, text1="问题", unit1="101")).text() for _ in range(2)
    ]
    codes = [re.findall(r'class="query-code">([\d ]+)<', page) for page in pages]
    assert codes[0] == codes[1]
    assert len(await _tickets(db)) == 1
    assert "问题" in await (await browser.get("/window")).text()
