"""The shared list: narrowing, sorting, paging and files, over the table of calls."""

import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import openpyxl
import pytest
from aiohttp import web
from sqlalchemy import select
from support.web import ROOMS, Browser, add_person, browsing, web_app

from core.audit import AuditRow
from core.db import Database
from core.log import mask_number
from core.people import Role
from core.web.lists import Column, Filter, Table, period, serve_list
from core.web.pages import TEMPLATES
from core.web.routes import Routes
from recordings.models import Call

CALLS = Table(
    "calls", "通话",
    columns=(
        Column("name", "编号", lambda row: row.linkedid, sort=Call.linkedid, href=lambda row: f"/listed/{row.id}"),
        Column("phone", "电话", lambda row: mask_number(row.caller_number)),
        Column("state", "方向", lambda row: row.direction, tone=lambda row: "ok" if row.direction == "in" else "bad"),
        Column("since", "开始", lambda row: f"{row.started_at:%Y-%m-%d}", sort=Call.started_at),
    ),
    filters=(
        Filter("view", "方向", lambda value: Call.direction == value, {"in": "呼入", "out": "呼出", "": "全部"}, kind="tabs", default="in"),
        Filter("q", "编号", lambda text: Call.linkedid.contains(text, autoescape=True)),
        *period("since", "开始", Call.started_at),
    ),
    sort="name", tie=Call.id, size=10,
)  # fmt: skip
PAGE = """{% extends "base.html" %}{% from "list.html" import list_filters, list_view %}
{% block content %}<h1>通话</h1>{{ list_filters(listed) }}{{ list_view(listed, live="calls") }}{% endblock %}"""


def room(app: web.Application) -> None:
    routes = Routes()

    @routes.get("/listed", roles=(Role.LIAISON,))
    async def listing(request: web.Request) -> web.StreamResponse:
        environment = request.app[TEMPLATES]
        return await serve_list(request, CALLS, select(Call), environment.from_string(PAGE))

    @routes.get("/keyed", roles=(Role.LIAISON,))
    async def keyed(request: web.Request) -> web.StreamResponse:
        page = request.app[TEMPLATES].from_string(PAGE)
        return await serve_list(request, replace(CALLS, keys_first=True), select(Call), page)

    routes.register(app)


@pytest.fixture
async def browser(db: Database) -> AsyncIterator[Browser]:
    await add_person(db, "lian", Role.LIAISON)
    async with db.unit_of_work() as session:
        for number in range(1, 26):
            session.add(
                Call(
                    linkedid=f"{number:02}号 50% 大厅", line="96128", caller_number=f"138000056{number:02}",
                    direction="in" if number > 2 else "out", started_at=datetime(2026, 5, number, 17, tzinfo=UTC),
                )
            )  # fmt: skip
        session.add(
            Call(
                linkedid="=1+1",
                line="96128",
                caller_number="08722123456",
                started_at=datetime(2026, 4, 1, tzinfo=UTC),
            )
        )

    async with browsing(web_app(db, rooms=(*ROOMS, room))) as browser:
        await browser.sign_in("lian")
        yield browser


async def names(browser: Browser, query: str, path: str = "/listed") -> list[str]:
    response = await browser.get(path + query)
    assert response.status == 200
    return re.findall(r'<a href="/listed/\d+">([^<]*)</a>', await response.text())


@pytest.mark.parametrize("path", ["/listed", "/keyed"])
async def test_a_list_is_narrowed_sorted_and_paged_by_its_address(browser: Browser, path: str):
    """Tabs, words and days narrow, columns sort both ways, pages hold every row once; found by keys first it is the same list."""
    assert len(await names(browser, "", path)) == 10
    every = [name for page in (1, 2, 3) for name in await names(browser, f"?page={page}", path)]
    assert every == sorted(every)
    assert len(set(every)) == 24
    assert (await names(browser, "?page=99", path)) == every[20:]
    assert (await names(browser, "?view=", path))[:2] == ["01号 50% 大厅", "02号 50% 大厅"]
    assert await names(browser, "?view=out&sort=-name", path) == ["02号 50% 大厅", "01号 50% 大厅"]
    assert await names(browser, "?q=7%E5%8F%B7", path) == ["07号 50% 大厅", "17号 50% 大厅"]
    assert await names(browser, "?q=%25+%E5%A4%A7&sort=-since&page=1", path) == [
        f"{n:02}号 50% 大厅" for n in range(25, 15, -1)
    ]
    assert await names(browser, "?q=5_%25", path) == []
    # 17:00 UTC is one o'clock of the next day in Beijing
    assert await names(browser, "?since_from=2026-05-11&since_to=2026-05-11", path) == ["10号 50% 大厅"]


async def test_what_cannot_be_meant_is_refused_in_chinese(browser: Browser):
    """A value that is not offered, a day that is none and a file of an unknown kind say so; a sort nobody has is ignored."""
    for query, sentence in (
        ("?view=burnt", "方向：请从列表中选择"),
        ("?since_from=gestern", "开始起：请填写日期"),
        ("?export=pdf", "导出格式：请选择 CSV 或 XLSX"),
    ):
        response = await browser.get(f"/listed{query}")
        assert response.status == 422
        assert sentence in await response.text()
    assert await names(browser, "?sort=;drop&page=-1") == await names(browser, "")


async def test_files_hold_the_whole_narrowed_list_with_masked_numbers(db: Database, browser: Browser):
    """CSV begins with a byte-order mark, XLSX opens; no number is whole, no cell a formula; the export is audited."""
    response = await browser.get("/listed?export=csv&sort=-name")
    text = (await response.read()).decode("utf-8")
    assert text.startswith("\ufeff编号,电话,方向,开始\r\n")
    assert text.count("\r\n") == 25
    assert "138****5625" in text
    assert "13800005625" not in text
    assert "'=1+1,0872-*****56" in text
    response = await browser.get("/listed?export=xlsx&view=out")
    sheet = openpyxl.load_workbook(io.BytesIO(await response.read())).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()][1] == [
        "01号 50% 大厅",
        "138****5601",
        "out",
        "2026-05-01",
    ]
    async with db.reading() as session:
        kept = (await session.scalars(select(AuditRow).where(AuditRow.action == "list.export"))).all()
    assert [(row.actor, row.target) for row in kept] == [("lian", "calls:24"), ("lian", "calls:2")]
