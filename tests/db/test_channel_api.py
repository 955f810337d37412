"""The channel API (M-101): ask, follow, rate, complain; the channel from the key; repeats; refusals that store nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select
from support.tickets import City, build_city
from support.web import TEST, Browser, browsing, web_app

import portal.app
from core import accounts
from core.db import Database
from core.web.routes import declared
from portal.keys import PORTAL
from portal.settings import PortalSettings
from tickets import replies
from tickets.intake.models import DisclosureWish, Submission
from tickets.models import Channel, State, Ticket, TicketKind

ASK = "/api/v1/inquiries"
ONE_ENGINE = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
"""For what is the web side's own."""


@dataclass
class Api:
    city: City
    browser: Browser
    headers: dict[str, str]

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        response = await self.browser.client.post(path, json=body, headers=self.headers | headers)
        return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        response = await self.browser.client.get(path, headers=self.headers)
        return response.status, await response.json()

    async def ask(self, **fields: str) -> dict[str, Any]:
        status, body = await self.post(ASK, {"question": "居住证怎样办理？"} | fields)
        assert status == 201, body
        return body

    async def ticket(self, ticket_no: str) -> Ticket:
        async with self.city.db.reading() as session:
            return (await session.scalars(select(Ticket).where(Ticket.ticket_no == ticket_no))).one()

    async def count(self, table: type) -> int:
        async with self.city.db.reading() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0

    async def answer(self, ticket_no: str, text: str = "请持身份证到派出所申领。") -> None:
        async with self.city.db.unit_of_work() as session:
            user = await self.city.user(session, "liaison_a")
            await replies.answer(session, self.city.clock, ticket_no=ticket_no, user=user, answer=text)


def _room(app: Any) -> None:
    app[PORTAL] = PortalSettings(region="city", key_requests=40)
    portal.app.setup(app)


async def _key(db: Database, channel: str = "library") -> dict[str, str]:
    from core.clock import SystemClock

    async with db.unit_of_work() as session:
        key = await accounts.issue_token(session, SystemClock(), TEST, name=channel, channel=channel)
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    app = web_app(db, (city := await build_city(db)).clock, rooms=[_room])
    async with browsing(app) as browser:
        yield Api(city, browser, await _key(db))


async def test_question_goes_to_its_unit_with_the_channel_of_the_key(api: Api):
    """A library's question for a known unit: channel 图书馆, state WORKING, five working days from Monday."""
    body = await api.ask(unit="101", name="王女士", channel="web")
    ticket = await api.ticket(body["ticket_no"])
    assert body["due_on"] == "2026-06-08"
    assert (ticket.channel, ticket.state) == (Channel.LIBRARY, State.WORKING)
    assert ticket.first_unit_id == ticket.unit_id == api.city.units["a"]


async def test_question_without_a_unit_waits_for_the_government_office(api: Api):
    """No unit named: the same level's office dispatches it within its own five days (M-40)."""
    ticket = await api.ticket((await api.ask())["ticket_no"])
    assert (ticket.state, ticket.unit_id) == (State.DISPATCH, api.city.units["office"])


async def test_answer_is_read_rated_and_complained_about_by_code(api: Api):
    """The whole way: reply by the liaison, 不满意 by code, complaint with a code and fifteen days of its own."""
    asked = await api.ask(unit="101")
    path = f"{ASK}/{asked['query_code']}"
    assert (await api.post(f"{path}/rating", {"score": 3}))[1]["error"]["code"] == "rating_too_early"
    assert (await api.post(f"{path}/complaint", {"text": "答非所问"}))[0] == 409
    await api.answer(asked["ticket_no"])
    _, status = await api.get(path)
    assert (status["state_name"], status["due_on"], status["may_rate"]) == ("已答复", None, True)
    assert status["parts"] == [{"unit": "a局", "text": status["reply"], "on": "2026-06-01"}]
    assert (await api.post(f"{path}/rating", {"score": 3}))[1] == {"score": 3, "may_complain": True}
    code, complaint = await api.post(f"{path}/complaint", {"text": "答非所问"})
    assert (code, complaint["due_on"]) == (201, "2026-06-23")
    assert (await api.ticket(complaint["ticket_no"])).kind == TicketKind.COMPLAINT
    assert (await api.get(f"{ASK}/{complaint['query_code']}"))[1]["unit"] == "inspection局"
    assert (await api.post(f"{path}/complaint", {"text": "再投诉一次"}))[0] == 409


async def test_an_application_for_disclosure_comes_from_a_channel_too(api: Api):
    """M-110: by a library for its visitor: the regulation's twenty days, the channel of the key, followed by code; once by its key."""
    apply = {
        "question": "2025 年救助资金分配情况",
        "unit": "101",
        "name": "王某",
        "phone": "13800005678",
        "way": "post",
        "address": "人民路5号",
    }
    (status, body), repeated = [
        await api.post("/api/v1/applications", apply, **{"Idempotency-Key": "a1"}) for _ in range(2)
    ]
    assert (status, body["due_on"]) == (201, "2026-06-30")
    assert repeated == (status, body)
    ticket = await api.ticket(body["ticket_no"])
    assert (ticket.kind, ticket.channel, ticket.unit_id) == (
        TicketKind.DISCLOSURE,
        Channel.LIBRARY,
        api.city.units["a"],
    )
    await api.answer(body["ticket_no"], "予以公开。")
    assert (await api.get(f"{ASK}/{body['query_code']}"))[1]["reply"] == "予以公开。"
    for wrong in (
        {"way": "fax"},
        {"way": "email"},
        {"address": ""},
        {"name": " "},
        {"phone": "无"},
        {"question": 5},
        {"unit": "1"},
    ):
        assert (await api.post("/api/v1/applications", apply | wrong))[0] == 422, wrong
    assert await api.count(Ticket) == await api.count(DisclosureWish) == 1


async def test_repeat_with_the_same_key_gives_the_same_ticket_and_code(api: Api):
    """Two at once and one later: one ticket, one code; other content under the key is refused."""
    send = {"question": "社保卡丢了怎么办", "unit": "101"}
    first, second = await asyncio.gather(
        *(api.post(ASK, send, **{"Idempotency-Key": "a-1"}) for _ in range(2))
    )
    third = await api.post(ASK, send, **{"Idempotency-Key": "a-1"})
    assert first == second == third
    assert await api.count(Ticket) == 1
    assert (await api.get(f"{ASK}/{third[1]['query_code']}"))[1]["ticket_no"] == third[1]["ticket_no"]
    status, refused = await api.post(ASK, send | {"question": "别的问题"}, **{"Idempotency-Key": "a-1"})
    assert (status, refused["error"]["code"]) == (409, "idempotency_key_reused")


async def test_another_channels_key_does_not_meet_it(api: Api, db: Database):
    """The same Idempotency-Key of another channel is another question."""
    first = await api.post(ASK, {"question": "问题一"}, **{"Idempotency-Key": "k"})
    api.headers = await _key(db, "archive")
    second = await api.post(ASK, {"question": "问题二"}, **{"Idempotency-Key": "k"})
    assert (first[0], second[0]) == (201, 201)
    assert (await api.ticket(second[1]["ticket_no"])).channel == Channel.ARCHIVE


@ONE_ENGINE
async def test_a_program_without_a_key_is_told_where_it_belongs(api: Api):
    """401 says what is missing, not that a sign-in has ended: a program never signs in."""
    response = await api.browser.client.get("/api/v1/kb/search?q=x")
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization" in (await response.json())["error"]["message"]


@ONE_ENGINE
async def test_revoked_key_is_401(api: Api, db: Database):
    """A key that was taken back opens nothing any more."""
    from core.people import Token

    async with db.unit_of_work() as session:
        row = (await session.scalars(select(Token))).one()
        await accounts.revoke_token(session, api.city.clock, TEST, row.id)
    status, body = await api.post(ASK, {"question": "问"})
    assert (status, body["error"]["code"]) == (401, "token_invalid")


@ONE_ENGINE
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "question"),
        ({"question": " \u200b\n…"}, 422, "question"),
        ({"question": 5}, 422, "question"),
        ({"question": ["问"]}, 422, "question"),
        ({"question": "问" * 10_001}, 422, "问题内容"),
        ({"question": "问", "unit": "10a"}, 422, "unit"),
        ({"question": "问", "unit": "999"}, 404, "unit"),
        ({"question": "问", "region": "9999"}, 404, None),
        ({"question": "问", "name": "王" * 41}, 422, "提问人称呼"),
        ([1, 2], 400, None),
        ("问", 400, None),
    ],
)
async def test_wrong_fields_are_named_and_nothing_is_stored(
    api: Api, body: Any, status: int, field: str | None
):
    """Each wrong body gets its status and its field; neither ticket nor submission is left behind."""
    found, refused = await api.post(ASK, body)
    assert (found, refused["error"]["fields"].get("field")) == (status, field), refused
    assert await api.count(Ticket) == 0
    assert await api.count(Submission) == 0


@ONE_ENGINE
async def test_control_characters_and_markup_are_kept_as_text(api: Api):
    """NUL and direction marks go, markup stays what it is: text."""
    body = await api.ask(question="a\x00b\u202e<script>alert(1)</script>")
    assert (await api.ticket(body["ticket_no"])).question == "ab<script>alert(1)</script>"


@ONE_ENGINE
async def test_key_that_asks_too_often_waits(api: Api):
    """After its minute's share the key gets 429 with the seconds to wait."""
    answers = [await api.get("/api/v1/workdays/due?received=2026-06-01&days=5") for _ in range(3)]
    assert {status for status, _ in answers} == {200}
    for _ in range(40):
        status, body = await api.get(f"{ASK}/123")
    assert (status, body["error"]["code"]) == (429, "too_many_requests")
    assert body["error"]["fields"]["wait_s"] > 0


@ONE_ENGINE
async def test_every_operation_is_described_with_types(api: Api):
    """Each field of each open operation has a type, and each operation a name of its own."""
    document = (await api.get("/api/v1/openapi.json"))[1]
    operations = [item for path in document["paths"].values() for item in path.values()]
    names = [item["operationId"] for item in operations]
    assert len(names) == len(set(names)) == sum(1 for item in declared(api.browser.client.app) if item.doc)
    for operation in operations:
        schemas = [one["schema"] for one in next(iter(operation["responses"].values()))["content"].values()]
        assert all("type" in field for one in schemas for field in (one, *one.get("properties", {}).values()))
