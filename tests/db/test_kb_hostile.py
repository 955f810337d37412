"""Odd words at every door of the search (异常输入): sensible answers or none over HTTP, never an error page; both engines."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from support.kb import FIELDS, Office
from support.web import TEST, Browser, add_person, staff_room, web_app

import agent_desktop.keys
import portal.app
from config.web_server import LONGEST_ADDRESS
from core import accounts
from core.clock import ShiftedClock
from core.db import Database
from core.people import Role
from kb.models import Audience, Entry, EntryKind, SearchLog
from kb.searching.search import Searcher
from portal.keys import PORTAL, SEARCHER
from portal.settings import PortalSettings

CLOCK = ShiftedClock(datetime(2026, 6, 1, 2, tzinfo=UTC))
TITLE, YEAR = "住房公积金提取", "2024年医保缴费标准"
FINDS = {
    "公积金": TITLE, "公": TITLE, "公積金提取": TITLE, "ＧＪＪ": TITLE, "gjj": TITLE, "２０２４年医保": YEAR, "公积金😀": TITLE,
    '"公积金"': TITLE, "公积金 AND 提取": TITLE, "w:公积金*": TITLE, "(公积金": TITLE, "公积金' OR '1'='1": TITLE,
    "公积金" * 3400: TITLE,
}  # fmt: skip
"""What still finds its entry"""
ODD = (
    "", " ", "　", "a", "的", "😀", "👨‍👩‍👧‍👦", "!!!???", '"', "'", "\\", "*", "~^:?", "(AND", "NOT", "w:*", "[1 TO *]", "{}", "%", "_", "%00",
    "'; DROP TABLE kb_entries; --", "\u202e\ufeff", "\ud7ff\uffff", "x" * 10_000, "9" * 10_000, "<script>alert(1)</script>",
    "{{7*7}}", "../../etc/passwd",
)  # fmt: skip
"""What may find anything or nothing"""
BROKEN = ("%ED%A0%80", "%FF%FE", "%C0%AF")
"""Bytes that are no text"""


@dataclass
class Door:
    name: str
    address: str
    browser: Browser
    headers: dict[str, str]

    async def ask(self, quoted: str) -> tuple[int, str]:
        response = await self.browser.client.get(self.address + quoted, headers=self.headers)
        return response.status, await response.text()


@pytest.fixture
async def doors(db: Database, tmp_path: Path) -> AsyncIterator[list[Door]]:
    """Desk, liaison, window, editors' list, portal, its typing and similar answers, terminal, API by channel and by person."""
    office = await Office(db, CLOCK).build()
    for title in (TITLE, YEAR):
        await office.publish(replace(FIELDS, title=title))
    names = {"op": Role.OPERATOR, "lian": Role.LIAISON, "clerk": Role.WINDOW}
    users = {
        name: await add_person(db, name, role, region_id=office.region_id) for name, role in names.items()
    }
    async with db.unit_of_work() as session:
        keys = [
            await accounts.issue_token(session, CLOCK, TEST, name="c", channel="wechat"),
            await accounts.issue_token(session, CLOCK, TEST, name="t", user=users["op"]),
        ]
    searcher = Searcher(tmp_path / "index", db, CLOCK)
    await searcher.open()

    def room(app: web.Application) -> None:
        staff_room(app)
        app[agent_desktop.keys.SEARCHER] = app[SEARCHER] = searcher
        app[PORTAL] = PortalSettings(region="5399", address_requests=100_000, secret=b"of the tests")
        portal.app.setup(app)

    server = TestServer(web_app(db, CLOCK, rooms=[room]))
    await server.start_server(max_line_size=LONGEST_ADDRESS)
    public, op, lian, clerk = browsers = [Browser(TestClient(server)) for _ in range(4)]
    for browser, name in ((op, "op"), (lian, "lian"), (clerk, "clerk")):
        await browser.sign_in(name)
    page, json_wanted = {"Accept": "text/html"}, {"Accept": "application/json"}
    yield (
        [
            Door("desk", "/desk/kb?q=", op, json_wanted),
            Door("liaison", "/desk/kb?q=", lian, json_wanted),
            Door("window", "/window/search?q=", clerk, page),
            Door("editors", "/kb?q=", lian, page),
            Door("portal", "/search?q=", public, page),
            Door("portal, typing", "/search?typed=1&q=", public, page),
            Door("similar", "/ask/similar?q=", public, page),
            Door("terminal", "/kiosk/find?q=", public, json_wanted),
            *(
                Door("api", "/api/v1/kb/search?q=", public, {"Authorization": f"Bearer {key}"})
                for key in keys
            ),
        ]
    )
    for browser in browsers:
        await browser.client.session.close()
    await server.close()
    await searcher.close()


async def test_no_word_at_any_door_is_an_error(doors: list[Door]):
    """Empty, one letter, 10 000 characters, operators, quotes, emoji, full-width, traditional, SQL, no text at all."""
    wrong = [
        (door.name, text[:30], status)
        for door in doors
        for text in (*(quote(one) for one in (*FINDS, *ODD)), *BROKEN)
        for status, _ in [await door.ask(text)]
        if status >= 400
    ]
    assert wrong == []


async def test_what_no_database_holds_is_refused_in_chinese(doors: list[Door]):
    """U+0000, which nobody types: one sentence at every door."""
    for door in doors:
        status, said = await door.ask("%E5%85%AC%00")
        assert (status, "无法识别" in said) == (400, True), door.name


async def test_what_means_an_entry_finds_it_at_every_door(doors: list[Door]):
    """The entry is in the answer of each search, whatever stands around its name."""
    missing = [
        (door.name, typed[:30])
        for door in doors
        if door.name not in {"editors", "similar"}
        for typed, title in FINDS.items()
        for status, said in [await door.ask(quote(typed))]
        if status != 200 or not _holds(said, title)
    ]
    assert missing == []


async def test_the_window_reads_out_everything_an_entry_says(doors: list[Door], db: Database):
    """A service item's fields, the mark of what is internal, a search without a hit for the editors (M-84)."""
    window = next(door for door in doors if door.name == "window")
    async with db.unit_of_work() as session:
        entry = (await session.scalars(select(Entry).where(Entry.title == TITLE))).one()
        entry.kind, entry.answer, entry.details = EntryKind.ITEM, "", {"fee": "不收费"}
        entry.audience = Audience.INTERNAL
    _, said = await window.ask(quote(TITLE))
    assert all(piece in said for piece in ("收费标准", "不收费", "不公开"))
    await window.ask(quote("ωψξ"))
    async with db.reading() as session:
        assert (await session.scalars(select(SearchLog.query))).all() == ["ωψξ"]


async def test_what_a_page_says_of_a_choice_is_checked(doors: list[Door]):
    """An id that is none, a body that is none: a refusal in Chinese, nothing stored."""
    desk = doors[0].browser
    bodies = [
        {},
        {"entry_id": "一"},
        {"entry_id": None},
        {"entry_id": 10**30},
        {"entry_id": -1},
        {"entry_id": 999},
        {"entry_id": [1]},
    ]
    for path in ("chosen", "read"):
        for body in bodies:
            response = await desk.client.post(
                f"/desk/kb/{path}", json=body, headers={"X-CSRF-Token": desk.csrf}
            )
            assert (response.status, "没有找到" in await response.text()) == (404, True), (path, body)
    odd = {"entry_id": 1, "query": {"a": 1}, "ticket_no": ["x"]}
    for path in ("chosen", "read", "not-found"):
        response = await desk.client.post(f"/desk/kb/{path}", json=odd, headers={"X-CSRF-Token": desk.csrf})
        assert response.status == 200, path


def _holds(said: str, title: str) -> bool:
    plain = said.replace("<mark>", "").replace("</mark>", "")
    return title in plain or json.dumps(title)[1:-1] in plain
