"""The editors' pages over HTTP: who may do what, forms that keep what was typed, lists, diff, files, import."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from support.web import Browser, add_person, web_app

from agent_desktop.keys import ATTACHMENTS, KB_FILES
from core.audit import AuditRow
from core.db import Database
from core.people import Role
from core.units import Region, RegionLevel, Unit
from kb.kinds import FIELDS
from kb.models import Attachment, Entry, EntryKind, EntryState, SearchLog, Todo
from portal import keys as portal_keys
from tickets.settings import AttachmentSettings

ITEM = {"kind": "item", "title": "食品经营许可", "audience": "public"}
FAQ = {
    "kind": "faq",
    "title": "公积金提取",
    "answer": "带身份证到窗口。",
    "audience": "public",
    "aliases": "拿公积金\n取公积金",
}
PDF = b"%PDF-1.4 invented"


class Site:
    def __init__(self, db: Database, server: TestServer) -> None:
        self.db, self.server = db, server
        self.browsers: dict[str, Browser] = {}

    @asynccontextmanager
    async def as_(self, username: str) -> AsyncIterator[Browser]:
        """This person's own browser, signed in once."""
        if username not in self.browsers:
            browser = self.browsers[username] = Browser(TestClient(self.server))
            await browser.sign_in(username)
        yield self.browsers[username]

    async def entry(self, entry_id: int) -> Entry:
        async with self.db.reading() as session:
            return await session.get_one(Entry, entry_id)


@pytest.fixture
async def site(db: Database, tmp_path: Path) -> AsyncIterator[Site]:
    """Two units, their people, secrecy and an office."""
    async with db.unit_of_work() as session:
        region = Region(code="5399", name="示范州", level=RegionLevel.PREFECTURE)
        session.add(region)
        await session.flush()
        units = [Unit(region_id=region.id, code=c, name=n) for c, n in (("101", "人社局"), ("102", "公安局"))]
        session.add_all(units)
    for name, unit, role in (
        ("lian", 0, Role.LIAISON),
        ("tou", 0, Role.HEAD),
        ("mimi", 1, Role.SECRECY),
        ("other", 1, Role.LIAISON),
        ("gov", 1, Role.OFFICE),
        ("op", 1, Role.OPERATOR),
    ):
        await add_person(db, name, role, unit_id=units[unit].id, region_id=region.id)
    app = web_app(db)
    app[KB_FILES] = app[portal_keys.KB_FILES] = tmp_path / "files"
    app[ATTACHMENTS] = AttachmentSettings(scan_command='sh -c "! grep -q EICAR $0" {file}')
    async with TestServer(app) as server:
        made = Site(db, server)
        yield made
        for browser in made.browsers.values():
            await browser.client.session.close()


async def drafted(browser: Browser, **fields: str) -> int:
    response = await browser.post("/kb/new", FAQ | fields)
    assert response.status == 303, await response.text()
    return int(response.headers["Location"].rsplit("/", 1)[1])


async def act(site: Site, username: str, entry_id: int, action: str, **fields: str) -> int:
    async with site.as_(username) as browser:
        return (await browser.post(f"/kb/entries/{entry_id}/act/{action}", fields)).status


async def published(site: Site, **fields: str) -> int:
    async with site.as_("lian") as browser:
        entry_id = await drafted(browser, **fields)
    for name, action in (("lian", "submit"), ("tou", "pass_unit"), ("mimi", "publish")):
        assert await act(site, name, entry_id, action) == 303
    return entry_id


async def test_an_entry_goes_from_draft_to_published_and_away(site: Site):
    """Three people, each step on the page with the name; a stranger's hand is refused; withdrawn with a reason."""
    entry_id = await published(site, valid_to_on="2026-12-31")
    assert (await site.entry(entry_id)).state == EntryState.PUBLISHED
    assert await act(site, "other", entry_id, "withdraw", reason="不对") == 403
    assert await act(site, "lian", entry_id, "withdraw") == 422
    async with site.as_("op") as browser:
        page = await (await browser.get(f"/kb/entries/{entry_id}")).text()
    for text in (
        "送审 — lian",
        "单位审核通过 — tou",
        "发布 — mimi",
        "取公积金",
        "有效期：即日 至 2026-12-31",
    ):
        assert text in page
    assert "立即撤下" not in page
    assert await act(site, "lian", entry_id, "withdraw", reason="政策调整") == 303
    assert await act(site, "lian", entry_id, "explode") == 404
    async with site.db.reading() as session:
        rows = await session.scalars(
            select(AuditRow).where(AuditRow.target == f"entry:{entry_id}").order_by(AuditRow.id)
        )
        told = [(row.actor, row.action, row.reason) for row in rows]
    assert told[2:] == [("mimi", "kb.publish", ""), ("lian", "kb.withdraw", "政策调整")]  # M-91


async def test_a_slip_keeps_what_was_typed(site: Site):
    """The refusal stands above the form, the texts stay in it, nothing is stored."""
    async with site.as_("lian") as browser:
        response = await browser.post("/kb/new", FAQ | {"valid_to_on": "明天", "answer": "写了很久的答复"})
        page = await response.text()
        assert response.status == 422
        assert "截止日期：请填写日期" in page
        assert "写了很久的答复" in page
        response = await browser.post("/kb/new", FAQ | {"audience": "internal"})
        assert "请选择不公开的理由类别" in await response.text()
    async with site.db.reading() as session:
        assert (await session.scalars(select(Entry))).all() == []


async def test_each_kind_has_its_form(site: Site):
    """Six fields of a service item, the dates of a notice; what is missing is named on the entry's page."""
    async with site.as_("lian") as browser:
        page = await (await browser.get("/kb/new?kind=item")).text()
        required = [field.label for field in FIELDS[EntryKind.ITEM] if field.required]
        assert len(required) == 6 and all(label in page for label in required)
        page = await (await browser.get("/kb/new?kind=notice")).text()
        assert "提出异议的方式" in page
        assert "公示必填" in page
        entry_id = await drafted(browser, **ITEM, detail_fee="不收费", detail_basis="食品安全法")
        page = await (await browser.get(f"/kb/entries/{entry_id}")).text()
        assert "发布前还须填写：办理条件、办理程序、办理时限、服务指南" in page
        response = await browser.post(f"/kb/entries/{entry_id}/act/submit")
        assert response.status == 422


async def test_another_units_entry_opens_no_form(site: Site):
    """M-67: whoever may not save a text is told so before they type, not after."""
    entry_id = await published(site)
    await add_person(site.db, "far", Role.LIAISON)
    async with site.as_("far") as browser:
        assert (await browser.get(f"/kb/entries/{entry_id}")).status == 200
        response = await browser.get(f"/kb/entries/{entry_id}/edit")
        assert response.status == 403
        assert "维护，您可以引用，不能修改" in await response.text()


async def test_a_revision_shows_what_changes_and_versions_can_be_compared(site: Site):
    """Saved beside the public text, marked word by word; an editor who saw an older text is told."""
    entry_id = await published(site)
    async with site.as_("lian") as browser:
        page = await (await browser.get(f"/kb/entries/{entry_id}/edit")).text()
        seen = re.search(r'name="seen" value="(\d+)"', page)[1]
        changed = FAQ | {"answer": "带社保卡到窗口。", "seen": seen}
        assert (await browser.post(f"/kb/entries/{entry_id}/edit", changed)).status == 303
        response = await browser.post(f"/kb/entries/{entry_id}/edit", changed)
        assert response.status == 409
        assert "带社保卡到窗口" in await response.text()
        page = await (await browser.get(f"/kb/entries/{entry_id}")).text()
        assert "<del>身份证</del><ins>社保卡</ins>" in page
        page = await (await browser.get(f"/kb/entries/{entry_id}/versions?from=1&to=2")).text()
        assert "<ins>社保卡</ins>" in page
        assert (await browser.get(f"/kb/entries/{entry_id}/versions?from=x&to=99999999")).status == 200
    assert (await site.entry(entry_id)).answer == FAQ["answer"]


async def test_personal_data_stops_until_it_was_looked_at(site: Site):
    """The page names the number; submitting needs the tick."""
    async with site.as_("lian") as browser:
        entry_id = await drafted(browser, answer="请拨13812345678")
        assert "疑似手机号码" in await (await browser.get(f"/kb/entries/{entry_id}")).text()
        assert (await browser.post(f"/kb/entries/{entry_id}/act/submit")).status == 422
        assert (await browser.post(f"/kb/entries/{entry_id}/act/submit", {"checked": "yes"})).status == 303


async def test_lists_hold_what_each_person_asks_for(site: Site):
    """All find all; one's own, and what waits for one's check, are lists of their own."""
    async with site.as_("lian") as browser:
        first = await drafted(browser)
        second = await drafted(browser, title="居住证办理")
    assert await act(site, "lian", first, "submit") == 303
    for name, path, expected in (
        ("other", "/kb", {first, second}),
        ("other", "/kb/mine", set()),
        ("other", "/kb?q=居住证&kind=faq&state=draft", {second}),
        ("tou", "/kb/mine", {first, second}),
        ("tou", "/kb/checks", {first}),
        ("gov", "/kb/checks", {first}),
        ("mimi", "/kb/checks", set()),
        ("tou", "/kb?view=due", set()),
    ):
        async with site.as_(name) as browser:
            page = await (await browser.get(path)).text()
        assert {int(key) for key in re.findall(r'href="/kb/entries/(\d+)"', page)} == expected, (name, path)


async def test_attachments_are_checked_and_served(site: Site):
    """What is inside must be what the name says; the file comes back under its Chinese name."""
    async with site.as_("lian") as browser:
        entry_id = await drafted(browser)

        async def send(name: str, content: bytes):
            form = FormData({"csrf": browser.csrf}, quote_fields=False)
            form.add_field("file", content, filename=name)
            return await browser.client.post(
                f"/kb/entries/{entry_id}/files", data=form, allow_redirects=False
            )

        assert (await send("通知.pdf", PDF)).status == 303
        for name, content in (("坏.pdf", b"MZ"), ("程序.exe", b"MZ"), ("", b"")):
            assert (await send(name, content)).status == 422
        assert (await send("大.pdf", PDF + bytes(400_000))).status == 303
        async with site.db.reading() as session:
            kept = (await session.scalars(select(Attachment).order_by(Attachment.id))).all()
        assert [one.name for one in kept] == ["通知.pdf", "大.pdf"]
        path = f"/kb/entries/{entry_id}/files/{kept[0].public_id}"
        response = await browser.get(path)
        assert (response.content_type, await response.read()) == ("application/pdf", PDF)
        assert "%E9%80%9A%E7%9F%A5.pdf" in response.headers["Content-Disposition"]
        assert (await browser.post(f"{path}/remove")).status == 303
        assert (await browser.get(path)).status == 404


async def test_the_scanner_decides_over_files_too(site: Site, tmp_path: Path):
    """M-87: the command that looks at citizens' papers looks at the editors' files; what it refuses is not kept."""
    async with site.as_("lian") as browser:
        entry_id = await drafted(browser)
        for content, status in ((PDF + b"EICAR", 422), (PDF, 303)):
            form = FormData({"csrf": browser.csrf}, quote_fields=False)
            form.add_field("file", content, filename="通知.pdf")
            response = await browser.client.post(
                f"/kb/entries/{entry_id}/files", data=form, allow_redirects=False
            )
            assert response.status == status
    assert [file.read_bytes() for file in (tmp_path / "files").iterdir()] == [PDF]


async def test_the_public_sees_files_that_went_through_the_checks(site: Site):
    """A file is public with the publication that follows it; one added later waits, a stranger's address is none."""
    async with site.as_("lian") as browser:
        entry_id = await drafted(browser)
        await attached(browser, entry_id, "表格.pdf", PDF)
    for name, action in (("lian", "submit"), ("tou", "pass_unit"), ("mimi", "publish")):
        assert await act(site, name, entry_id, action) == 303
    async with site.as_("lian") as browser:
        await attached(browser, entry_id, "后加.pdf", PDF + b"2")
    async with site.db.reading() as session:
        first, later = (await session.scalars(select(Attachment).order_by(Attachment.id))).all()
    entry = await site.entry(entry_id)
    address = f"/answers/{entry.source}/{entry.source_id}"
    async with site.as_("op") as browser:
        page = await (await browser.get(address)).text()
        assert "表格.pdf" in page
        assert "后加.pdf" not in page
        assert await (await browser.get(f"{address}/files/{first.public_id}")).read() == PDF
        assert (await browser.get(f"{address}/files/{later.public_id}")).status == 404


async def attached(browser: Browser, entry_id: int, name: str, content: bytes) -> None:
    form = FormData({"csrf": browser.csrf}, quote_fields=False)
    form.add_field("file", content, filename=name)
    path = f"/kb/entries/{entry_id}/files"
    assert (await browser.client.post(path, data=form, allow_redirects=False)).status == 303


async def test_gaps_become_work_for_a_unit(site: Site):
    """M-84: nonsense searched three times is on the list once; the office asks a unit; writing the entry settles it."""
    async with site.db.unit_of_work() as session:
        session.add_all(
            SearchLog(at=datetime.now(UTC), query="火星移民", normal="火星移民", not_found=True)
            for _ in range(3)
        )
        unit_id = await session.scalar(select(Unit.id).where(Unit.code == "101"))
    async with site.as_("gov") as browser:
        page = await (await browser.get("/kb/todo")).text()
        assert page.count("火星移民") == 1
        todo_id = re.search(r"/kb/todo/(\d+)", page)[1]
        assigned = {"unit_id": str(unit_id), "due_on": "2026-12-01"}
        assert (await browser.post(f"/kb/todo/{todo_id}/assign", assigned)).status == 303
    async with site.as_("other") as browser:
        assert (await browser.post(f"/kb/todo/{todo_id}/settle", {"note": "好了"})).status == 403
    async with site.as_("lian") as browser:
        assert (await browser.post(f"/kb/todo/{todo_id}/settle", {"drop": "yes"})).status == 422
        assert f'value="{todo_id}"' in await (await browser.get(f"/kb/new?todo={todo_id}")).text()
        entry_id = await drafted(browser, title="火星移民", todo=todo_id)
        assert (await browser.post(f"/kb/todo/{todo_id}/settle")).status == 409
    async with site.db.reading() as session:
        line = (await session.scalars(select(Todo))).one()
    assert (line.state, line.entry_id, line.unit_id) == ("done", entry_id, unit_id)


async def test_a_review_is_on_the_notices_until_confirmed(site: Site):
    """M-68: liaison and head of the unit are reminded on the bell and the page, nobody else; confirming ends it."""
    entry_id = await published(site, review_by_on="2020-01-01")

    async def told(username: str) -> tuple[int, bool]:
        async with site.as_(username) as browser:
            unread = (await (await browser.get("/notices/count")).json())["unread"]
            page = await (await browser.get("/notices")).text()
        return unread, f"/kb/entries/{entry_id}" in page

    assert [await told(name) for name in ("lian", "tou", "other", "op")] == [(1, True)] * 2 + [(0, False)] * 2
    async with site.as_("lian") as browser:
        later = {"review_by_on": "2099-01-01"}
        assert (await browser.post(f"/kb/entries/{entry_id}/confirm", later)).status == 303
    assert await told("lian") == (0, False)


async def test_the_desk_remarks_on_an_entry(site: Site):
    """§5.9 OP suggest: the remark reaches the entry's unit."""
    entry_id = await published(site)
    async with site.as_("op") as browser:
        response = await browser.post(f"/kb/entries/{entry_id}/suggest", {"text": "地址已变"})
        assert response.status == 303
        assert (await browser.post("/kb/suggest", {"text": ""})).status == 422
        assert (await browser.get("/kb/todo")).status == 403
    async with site.as_("lian") as browser:
        assert "地址已变" in await (await browser.get("/kb/todo")).text()


async def test_synonyms_are_added_and_removed(site: Site):
    """What is typed is kept beside a refusal; a pair is shown until it is removed."""
    async with site.as_("lian") as browser:
        response = await browser.post("/kb/synonyms", {"say": "", "official": "住房公积金"})
        assert response.status == 422
        assert 'value="住房公积金"' in await response.text()
        pair = {"say": "存房钱", "official": "住房公积金"}
        assert (await browser.post("/kb/synonyms", pair)).status == 303
        assert "存房钱" in await (await browser.get("/kb/synonyms")).text()
        assert (await browser.post("/kb/synonyms/remove", pair)).status == 303
        assert "存房钱" not in await (await browser.get("/kb/synonyms")).text()


async def test_a_file_is_tried_first_and_taken_in_on_a_second_word(site: Site):
    """M-64: nothing changes before; own entries do not come this way; a broken file says so; the export comes back."""
    rows = '{"id": "1", "title": "导入的文件", "source": "公开库"}\n{"id": "2", "title": "冒充", "source": "own"}\n'

    async def upload(browser: Browser, name: str, content: str) -> str:
        form = FormData({"csrf": browser.csrf, "retire": "yes"}, quote_fields=False)
        form.add_field("file", content.encode(), filename=name)
        response = await browser.client.post("/kb/exchange", data=form, allow_redirects=False)
        return response.headers.get("Location", "") or await response.text()

    async def finished(browser: Browser, path: str) -> str:
        async with asyncio.timeout(10):
            while "正在" in (page := await (await browser.get(path)).text()):
                await asyncio.sleep(0.02)
        return page

    async with site.as_("gov") as browser:
        run = await upload(browser, "库.jsonl", rows)
        page = await finished(browser, run)
        assert "将会新增 1 条" in page
        assert "第 2 行：来源为 own" in page
        async with site.db.reading() as session:
            assert (await session.scalars(select(Entry))).all() == []
        assert (await browser.post(run)).status == 303
        assert "导入完成" in await finished(browser, run)
        async with site.db.reading() as session:
            assert (await session.scalars(select(Entry.title))).all() == ["导入的文件"]
        assert "无法读取“坏.xlsx”" in await finished(browser, await upload(browser, "坏.xlsx", "no zip"))
        assert "请选择 JSONL" in await upload(browser, "坏.pdf", "x")
        for form in ("jsonl", "json", "csv", "xlsx"):
            response = await browser.get(f"/kb/export?form={form}")
            assert response.status == 200
            assert len(await response.read()) > 20
        assert (await browser.get("/kb/export?form=pdf")).status == 422
    async with site.as_("mimi") as browser:
        assert (await browser.get(run)).status == 404


async def test_a_file_is_fetched_from_an_address(site: Site):
    """M-64: a URL feed on the page, with the other system's key; what is no address, or does not answer, is said in Chinese."""
    served = web.Application()

    async def library(request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization")
        return web.json_response([{"id": "1", "title": "取来的文件"}] if shown == "Bearer k-1" else {"no": 1})

    async def ended(browser: Browser, response: ClientResponse) -> tuple[str, str]:
        assert response.status == 303, await response.text()
        path = response.headers["Location"]
        async with asyncio.timeout(10):
            while "正在" in (page := await (await browser.get(path)).text()):
                await asyncio.sleep(0.02)
        return path, page

    served.router.add_get("/feed", library)
    async with TestServer(served) as other, site.as_("gov") as browser:
        address = str(other.make_url("/feed"))
        assert (await browser.get("/kb/exchange")).status == 200
        for wrong in ("", "ftp://x/feed", "http://[", "请"):
            response = await browser.post("/kb/exchange", {"address": wrong, "source": "甲"})
            page = await response.text()
            assert (response.status, "信息源网址" in page, 'value="甲"' in page) == (422, True, True)
        for unanswered in ("http://127.0.0.1:9/feed", address):
            _, page = await ended(browser, await browser.post("/kb/exchange", {"address": unanswered}))
            assert "没有导入" in page
        fields = {"address": address, "access_key": "k-1", "source": "公开库"}
        run, page = await ended(browser, await browser.post("/kb/exchange", fields))
        assert "将会新增 1 条" in page
        _, page = await ended(browser, await browser.post(run))
        assert "导入完成" in page
    async with site.db.reading() as session:
        assert [(one.source, one.title) for one in await session.scalars(select(Entry))] == [
            ("公开库", "取来的文件")
        ]
        told = await session.scalar(select(AuditRow.reason).where(AuditRow.action == "kb.import"))
    assert told == address
