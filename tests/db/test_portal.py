"""The public pages over HTTP: forms that store once or not at all, papers, floods, permanent addresses, displays."""

import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData, web
from sqlalchemy import Engine, event, func, select
from support.tickets import City, build_city, do
from support.web import Browser, browsing, web_app

import portal.app
from core.clock import SystemClock, beijing
from core.db import Database
from core.units import Region, RegionLevel, Unit
from core.web.routes import DECLARED
from kb.models import Audience, Entry, EntryKind, EntryState, InternalReason, SearchLog
from kb.searching.search import Searcher
from portal.kept import KEPT_FOR
from portal.keys import ATTACHMENTS, PORTAL, SEARCHER
from portal.settings import PortalSettings
from recordings.queue_state import Busy, read, write
from tickets.clocks import extensions
from tickets.intake.ask import askable_units
from tickets.intake.models import Attachment
from tickets.models import Channel, RequestKind, State, Step, Ticket, TicketKind
from tickets.publishing import NamesSomebody
from tickets.settings import AttachmentSettings

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
"""The web side's own; the rows behind it are tried on both engines in test_channel_api and test_webhooks."""
PDF = b"%PDF-1.4 a scan"


@dataclass
class Portal:
    city: City
    browser: Browser
    papers: Path

    async def form(self, path: str = "/ask") -> str:
        page = await (await self.browser.get(path)).text()
        found = re.search(r'name="form" value="([^"]+)"', page)
        assert found
        return found[1]

    async def send(
        self, path: str = "/ask", files: dict[str, bytes] | None = None, **fields: str
    ) -> ClientResponse:
        data = FormData(quote_fields=False, default_to_multipart=True)
        for name, value in ({"form": fields.pop("form", "") or await self.form(path)} | fields).items():
            data.add_field(name, value)
        for name, content in (files or {}).items():
            data.add_field("papers", content, filename=name)
        return await self.browser.client.post(path, data=data, allow_redirects=False)

    async def rows(self, table: type) -> list[Any]:
        async with self.city.db.reading() as session:
            return list(await session.scalars(select(table)))

    async def code_on(self, response: ClientResponse) -> str:
        found = re.search(r'id="query-code">([\d ]+)<', await response.text())
        assert found, await response.text()
        return found[1].replace(" ", "")


@pytest.fixture
async def portal_(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    async with _running(db, tmp_path) as found:
        yield found


def _running(db: Database, folder: Path, *, searcher: Searcher | None = None, **attachments: Any) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def running() -> AsyncIterator[Portal]:
        def room(app: web.Application) -> None:
            app[PORTAL] = PortalSettings(
                region="city", secret=b"tests", embed_origins=("https://www.example.gov.cn",)
            )
            app[ATTACHMENTS] = AttachmentSettings(folder=folder / "papers", **attachments)
            if searcher:
                app[SEARCHER] = searcher
            portal.app.setup(app)

        city = await build_city(db)
        async with browsing(web_app(db, city.clock, rooms=[room])) as browser:
            yield Portal(city, browser, folder / "papers")

    return running()


async def test_question_for_a_known_unit_is_followed_by_its_code(portal_: Portal):
    """Asked for unit 101: with it at once, channel web, and the code on the slip opens it."""
    code = await portal_.code_on(await portal_.send(question="居住证怎么办理？", unit="101"))
    (ticket,) = await portal_.rows(Ticket)
    assert (ticket.channel, ticket.state) == (Channel.WEB, State.WORKING)
    page = await (await portal_.browser.post("/track", {"code": code})).text()
    assert "a局" in page
    assert "2026年6月8日" in page


async def test_pressing_twice_makes_one_ticket(portal_: Portal):
    """The same page sent twice shows the same code; changed text under the same page is refused with the text kept."""
    form = await portal_.form()
    codes = {await portal_.code_on(await portal_.send(form=form, question="问题")) for _ in range(2)}
    changed = await portal_.send(form=form, question="另一个问题")
    assert (len(codes), len(await portal_.rows(Ticket)), changed.status) == (1, 1, 409)
    assert "另一个问题" in await changed.text()


async def test_old_or_forged_forms_keep_the_text(portal_: Portal):
    """A form of yesterday, or one that we never made: refused, what was typed is still there, nothing is stored."""
    form = await portal_.form()
    portal_.city.clock.move_to(portal_.city.clock.now() + timedelta(hours=25))
    for number in (form, "1.x.y", "٣.x.y", form + "0"):
        refused = await portal_.send(form=number, question="很长的问题")
        text = await refused.text()
        assert (refused.status, "很长的问题" in text, "再提交一次" in text) == (422, True, True)
    assert await portal_.rows(Ticket) == []


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"question": " "}, 422, "缺少"),
        ({"question": "问" * 10_001}, 422, "最多"),
        ({"question": "问", "unit": "999"}, 404, "没有找到该地区的这个单位"),
        ({"question": "问", "unit": "901"}, 404, "没有找到该地区的这个单位"),
        ({"question": "问", "name": "王" * 50}, 422, "提问人称呼"),
    ],
)
async def test_wrong_fields_are_told_beside_the_form(
    portal_: Portal, fields: dict[str, str], status: int, said: str
):
    """The sentence stands on the form page, in Chinese, and nothing is stored."""
    refused = await portal_.send(**fields)
    assert (refused.status, said in await refused.text()) == (status, True)
    assert await portal_.rows(Ticket) == []


async def test_anonymous_complaint_goes_to_the_inspection(portal_: Portal):
    """M-50: no name, no number, no code needed; fifteen days, with a code of its own."""
    await portal_.code_on(await portal_.send("/complain", question="办事推诿", unit="101"))
    (ticket,) = await portal_.rows(Ticket)
    (step,) = await portal_.rows(Step)
    assert (ticket.kind, ticket.asker_name, ticket.subject) == (TicketKind.COMPLAINT, "", "涉及a局")
    assert (step.unit_id, step.due_on.isoformat()) == (portal_.city.units["inspection"], "2026-06-23")


async def test_papers_are_kept_by_content_outside_the_web(portal_: Portal):
    """A PDF named like a path is kept under its plain name; it is no address of the public side."""
    await portal_.code_on(await portal_.send(files={"../../etc/材料.exe": PDF}, question="见附件"))
    (paper,) = await portal_.rows(Attachment)
    assert (paper.name, paper.media_type, paper.size) == ("材料.pdf", "application/pdf", len(PDF))
    (file,) = [path for path in portal_.papers.rglob("*") if path.is_file()]
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (PDF, 0o600)


async def test_wrong_kind_of_paper_stores_nothing(portal_: Portal):
    """A program named .pdf beside a good file: refused whole, neither ticket nor file is left."""
    refused = await portal_.send(files={"a.pdf": PDF, "b.pdf": b"MZ\x90 program"}, question="见附件")
    assert (refused.status, "PDF、JPG 或 PNG" in await refused.text()) == (415, True)
    assert await portal_.rows(Ticket) == []
    assert [path for path in portal_.papers.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("script", "status"),
    [("import sys; sys.exit(b'EICAR' in open(sys.argv[1],'rb').read())", 422), ("exit(2)", 503)],
)
async def test_scanner_decides_over_papers(db: Database, tmp_path: Path, script: str, status: int):
    """The administrator's command refuses a file; a scanner that fails refuses it as well, clean ones pass."""
    command = f'{sys.executable} -c "{script}" {{file}}'
    async with _running(db, tmp_path, scan_command=command) as found:
        bad = await found.send(files={"a.pdf": PDF + b"EICAR"}, question="见附件")
        good = await found.send(files={"a.pdf": PDF}, question="见附件")
        assert (bad.status, good.status) == (status, 200 if status == 422 else 503)
        assert len(await found.rows(Attachment)) == (1 if status == 422 else 0)


async def test_flood_has_to_do_a_sum(portal_: Portal):
    """After six questions in an hour the seventh needs a small sum, without scripts and without a third party."""
    for number in range(6):
        await portal_.code_on(await portal_.send(question=f"问题{number}"))
    page = await (await portal_.browser.get("/ask")).text()
    form = re.search(r'name="form" value="([^"]+)"', page)[1]
    asked = re.search("([一二三四五六七八九])加([一二三四五六七八九])等于几", page)
    assert (await portal_.send(form=form, question="问题七")).status == 429
    assert (await portal_.send(form=form, question="问题七", sum="99")).status == 422
    total = sum("零一二三四五六七八九".index(digit) for digit in asked.groups())
    await portal_.code_on(await portal_.send(form=form, question="问题七", sum=str(total)))
    assert len(await portal_.rows(Ticket)) == 7


async def test_code_never_stands_in_an_address(portal_: Portal):
    """Neither a form's address nor a redirect holds the code; the QR code keeps it behind the #."""
    response = await portal_.send(question="问题")
    code, text = await portal_.code_on(response), await response.text()
    assert response.headers.get("Location") is None
    assert not re.search(rf'(href|action|src)="[^"]*{code}', text)


async def _entry(db: Database, **fields: Any) -> Entry:
    from core.clock import SystemClock

    values = {
        "kind": EntryKind.FAQ, "state": EntryState.PUBLISHED, "source": "own", "source_id": "a1", "title": "老年卡",
        "answer": "到民政局办理。", "details": {}, "created_at": SystemClock().now(), "changed_at": SystemClock().now(),
    }  # fmt: skip
    async with db.unit_of_work() as session:
        session.add(entry := Entry(**(values | fields)))
    return entry


async def test_answer_has_an_address_that_stays(db: Database, portal_: Portal):
    """A published public entry is read at its source's number, with a share card; markup in it is text."""
    await _entry(db, answer="<b>到民政局</b>办理。")
    text = await (await portal_.browser.get("/answers/own/a1")).text()
    assert "&lt;b&gt;到民政局" in text
    assert '<meta property="og:title" content="老年卡">' in text


@pytest.mark.parametrize(
    "fields",
    [
        {"state": EntryState.DRAFT},
        {"state": EntryState.WITHDRAWN},
        {"audience": Audience.INTERNAL, "internal_reason": InternalReason.PRIVACY},
    ],
)
async def test_what_is_not_public_has_no_page(db: Database, portal_: Portal, fields: dict[str, Any]):
    """Drafts, withdrawn and internal entries are not there (M-70)."""
    await _entry(db, **fields)
    assert (await portal_.browser.get("/answers/own/a1")).status == 404


async def test_overdue_explanations_are_public_without_the_question(db: Database, portal_: Portal):
    """M-51: unit, date and approved reason are listed in the source's words; nothing of the question or who asked."""
    city = portal_.city
    await portal_.code_on(await portal_.send(question="我家的低保", name="王某", unit="101"))
    city.clock.move_to(datetime.fromisoformat("2026-06-09T09:00:00+08:00"))
    async with db.unit_of_work() as session:
        ticket = (await session.scalars(select(Ticket))).one()
    explain = {"kind": RequestKind.EXPLAIN}
    for named in ("王某的材料不全", "请拨打13800005678", "身份证530102199001011234需核对"):
        with pytest.raises(NamesSomebody):
            await do(city, extensions.ask_for, ticket, "liaison_a", reason=named, **explain)
    await do(city, extensions.ask_for, ticket, "liaison_a", reason="需上级复核，6月20日前答复", **explain)
    assert "需上级复核" not in await (await portal_.browser.get("/overdue")).text()
    await do(city, extensions.decide_on, ticket, "head_a", approve=True, **explain)
    for path in ("/overdue", "/overdue?region=city", "/bulletin?month=2026-06&place=city"):
        text = await (await portal_.browser.get(path)).text()
        assert "需上级复核" in text
        assert "应于2026年6月8日（周一）前答复，2026年6月9日（周二）说明，尚在办理" in text
        assert not {word for word in ("我家的低保", "王某", ticket.ticket_no) if word in text}
    page = await (await portal_.browser.get("/overdue")).text()
    assert "不能按期回复的，责任单位应及时向监督管理部门说明情况，并公开回复说明。" in page
    assert "目前没有逾期说明" in await (await portal_.browser.get("/overdue?region=county")).text()


async def test_display_feed_for_old_controllers(db: Database, portal_: Portal):
    """Plain lines in GBK with the number, the hours, the queue and the hot questions."""
    await _entry(db, is_hot=True)
    async with db.unit_of_work() as session:
        await write(session, portal_.city.clock, "96128", Busy(waiting=2, seats=3), "n1")
    response = await portal_.browser.get("/screen/feed.txt?encoding=gb18030")
    lines = (await response.read()).decode("gb18030").splitlines()
    assert response.headers["Content-Type"] == "text/plain; charset=gb18030"
    assert lines[:3] == [
        "政务信息查询请拨打 96128",
        "今天人工服务时间 8:30–12:00，14:30–18:00",
        "目前有 2 人排队",
    ]
    assert "老年卡：到民政局办理。" in lines
    assert (await portal_.browser.get("/screen/feed.txt?encoding=utf-16")).status == 422


async def test_queue_of_a_silent_controller_is_unknown(db: Database, portal_: Portal):
    """Callers and seats of all nodes are told together; when nobody has written for two minutes, nothing is."""
    clock = portal_.city.clock
    async with db.unit_of_work() as session:
        await write(session, clock, "96128", Busy(1, 1), "n1")
        await write(session, clock, "96128", Busy(0, 1), "n1")
        await write(session, clock, "96128", Busy(2, 3), "n2")
    async with db.reading() as session:
        assert await read(session, clock, "96128") == Busy(2, 4)
        clock.move_to(clock.now() + timedelta(minutes=2))
        assert await read(session, clock, "96128") is None


async def test_only_named_sites_may_frame_the_embed_page(portal_: Portal):
    """frame-ancestors names the settings' sites for /embed and nobody for any other page."""
    policies = [
        (await portal_.browser.get(path)).headers["Content-Security-Policy"] for path in ("/embed", "/ask")
    ]
    assert policies[0].endswith("frame-ancestors https://www.example.gov.cn")
    assert policies[1].endswith("frame-ancestors 'none'")


@pytest.mark.parametrize(
    "path",
    [
        "/bulletin?month=2026-13",
        "/bulletin?month=x",
        "/bulletin?size=a0",
        "/overdue?page=0",
        "/overdue?page=x",
        "/overdue?region=nowhere",
    ],
)
async def test_wrong_addresses_are_refused_in_chinese(portal_: Portal, path: str):
    """A page asked for with nonsense says what is expected."""
    response = await portal_.browser.get(path)
    assert response.status == 422
    assert "请" in await response.text()


async def test_kiosk_is_a_channel_of_its_own(portal_: Portal):
    """The terminal's question is stamped so, and its JSON answer is the API's shape."""
    form = (await (await portal_.browser.client.get("/kiosk/form")).json())["form"]
    response = await portal_.browser.client.post(
        "/ask", data={"form": form, "question": "问", "door": "kiosk"}, headers={"Accept": "application/json"}
    )
    assert (response.status, set(await response.json())) == (201, {"ticket_no", "query_code", "due_on"})
    async with portal_.city.db.reading() as session:
        assert await session.scalar(select(func.count()).where(Ticket.channel == Channel.KIOSK)) == 1


async def test_failures_log_the_route_and_never_the_code(portal_: Portal, capsys: pytest.CaptureFixture[str]):
    """A fault while somebody asks by code leaves the pattern in the log, not the code (§5.10)."""

    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("broken")

    code = "572044198035"
    for route, item in portal_.browser.client.app[DECLARED].items():
        if item.path == "/open311/v2/requests/{code}.{form:json|xml}" and item.method == "GET":
            route._handler = broken
    assert (await portal_.browser.client.get(f"/open311/v2/requests/{code}.json")).status == 500
    logged = capsys.readouterr().out
    assert "/open311/v2/requests/{code}.{form}" in logged
    assert code not in logged


async def test_a_township_that_is_not_switched_on_is_not_offered(portal_: Portal):
    """M-05: neither in the directory nor as a region that is asked, until its county switches townships on."""
    city = portal_.city
    async with city.db.unit_of_work() as session:
        town = Region(
            code="town", name="某某乡", level=RegionLevel.TOWNSHIP, parent_id=city.regions["county"]
        )
        session.add(town)
        await session.flush()
        session.add(Unit(region_id=town.id, code="101", name="某某乡政府"))

    async def offered() -> tuple[bool, bool, int]:
        page = await (await portal_.browser.get("/directory?region=town")).text()
        async with city.db.reading() as session:
            return "某某乡" in page, "某某乡政府" in page, len(await askable_units(session, town.id))

    assert await offered() == (False, False, 0)
    async with city.db.unit_of_work() as session:
        (await session.get_one(Region, city.regions["county"])).townships_on = True
    assert await offered() == (True, True, 1)


@pytest.mark.parametrize("tells_length", [True, False])
async def test_an_upload_of_200_mb_is_refused_in_a_sentence(portal_: Portal, tells_length: bool):
    """Whether its length is told or not: 413 in Chinese, nothing stored, and the next visitor is served."""
    head = b'--x\r\nContent-Disposition: form-data; name="papers"; filename="a.pdf"\r\n\r\n'
    block, blocks = b"%PDF" * (256 * 1024), 200

    async def body() -> AsyncIterator[bytes]:
        yield head
        for _ in range(blocks):
            yield block

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    if tells_length:
        headers["Content-Length"] = str(len(head) + blocks * len(block))
    response = await portal_.browser.client.post("/ask", data=body(), headers=headers)
    assert (response.status, "没有保存" in await response.text()) == (413, True)
    assert await portal_.rows(Ticket) == []
    assert not list(portal_.papers.glob("*"))
    assert (await portal_.browser.get("/ask")).status == 200


async def test_public_pages_ask_the_database_little(db: Database, tmp_path: Path):
    """Tracking asks twice (wrong codes of the day, the ticket with its steps); search and front page not at all once warm."""
    searcher, asked = await _searcher(db, tmp_path), []
    async with _running(db, tmp_path, searcher=searcher) as site:
        code = await site.code_on(await site.send(question="居住证怎么办理？", unit="101"))
        for path in ("/", "/search?q=居住证"):
            assert "/answers/s/1" in await (await site.browser.get(path)).text()
        with _listening(asked):
            assert "a局" in await (await site.browser.post("/track", {"code": code})).text()
            assert len(asked) == 2, asked
            asked.clear()
            for path in ("/", "/search?q=居住证", "/search?q=居住证办理"):
                assert "/answers/s/1" in await (await site.browser.get(path)).text()
            assert asked == []
    await searcher.close()


@contextmanager
def _listening(asked: list[str]) -> Iterator[None]:
    """Every statement to any engine is noted."""

    def note(*call: Any) -> None:
        asked.append(call[2])

    event.listen(Engine, "before_cursor_execute", note)
    yield
    event.remove(Engine, "before_cursor_execute", note)


async def _searcher(db: Database, folder: Path) -> Searcher:
    """A search over one hot entry."""
    async with db.unit_of_work() as session:
        now = SystemClock().now()
        entry = Entry(
            kind=EntryKind.FAQ, state=EntryState.PUBLISHED, audience=Audience.PUBLIC, source="s", source_id="1",
            title="居住证办理", answer="带身份证。", is_hot=True, created_at=now, changed_at=now, published_at=now,
        )  # fmt: skip
        session.add(entry)
    searcher = Searcher(folder / "index", db, SystemClock())
    await searcher.open()
    return searcher


async def test_the_notices_in_force_have_a_page(db: Database, tmp_path: Path):
    """M-109: each with its sort and last day, leading to its page; what is past its period is gone."""
    searcher = await _searcher(db, tmp_path)
    async with _running(db, tmp_path, searcher=searcher) as site:
        now = site.city.clock.now()
        async with db.unit_of_work() as session:
            for days, title in ((0, "拟表彰名单"), (-1, "去年的名单")):
                notice = Entry(
                    kind=EntryKind.NOTICE, state=EntryState.PUBLISHED, audience=Audience.PUBLIC, source="s", title=title,
                    source_id=title, details={"notice": "publicity"}, valid_to_on=beijing(now).date() + timedelta(days=days),
                    created_at=now, changed_at=now, published_at=now,
                )  # fmt: skip
                session.add(notice)
        page = await (await site.browser.get("/search?kind=notice")).text()
    assert re.findall(r'<a href="/answers/[^"]*">([^<]*)</a>', page) == ["公示：拟表彰名单"]
    await searcher.close()


async def test_searches_that_say_nothing_leave_no_line(db: Database, tmp_path: Path):
    """Blank, marks alone or somebody's number: nothing for the editors (M-84), and no transaction; a real word is on their list."""
    searcher = await _searcher(db, tmp_path)
    async with _running(db, tmp_path, searcher=searcher) as site:
        for query in ("", "%20", "？？", "!!!", "13800005678"):
            for path in ("/search", "/kiosk/find"):
                assert (await site.browser.get(f"{path}?q={query}")).status == 200
        assert await site.rows(SearchLog) == []
        await site.browser.get("/search?q=飞碟登记")
        assert [row.query for row in await site.rows(SearchLog)] == ["飞碟登记"]
    await searcher.close()


async def test_changes_made_elsewhere_show_after_a_moment(portal_: Portal):
    """A unit renamed by another process, which no bus tells of, has its new name on the form half a minute later."""
    await portal_.browser.get("/ask")
    async with portal_.city.db.unit_of_work() as session:
        (await session.get_one(Unit, portal_.city.units["a"])).name = "新名局"
    portal_.city.clock.move_to(portal_.city.clock.now() + KEPT_FOR)
    assert "新名局" in await (await portal_.browser.get("/ask")).text()
