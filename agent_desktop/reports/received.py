"""`/reports/received` (外来报表, M-106) and `POST /api/v1/reports`: what other hotlines signed, beside one another."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from agent_desktop.reports.filed import KINDS
from agent_desktop.reports.reach import LEVELS, reach_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import HotlineError, InvalidInput, NotFound
from core.people import Role
from core.units import Region
from core.web import schema
from core.web.api import PREFIX, answer
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Query, Table, serve_list
from core.web.requests import json_body
from core.web.routes import ApiDoc, Param, Routes
from core.web.uploads import read_form
from reports.counting import figures
from reports.received import intake
from reports.received.intake import STANDS, ReportsRefused, Taken
from reports.received.models import ReceivedReport
from reports.received.reading import MOST_ITEMS, read_text
from reports.signed.periods import period
from reports.words import BALANCE

routes = Routes()
OFFICE = frozenset({Role.OFFICE})
MOST_KB = 4 * 1024
FAULTS_SHOWN = 100
SHOWN = {"K-01": "接通率", "K-04": "转接成功率", "K-09": "答复满意率", "K-12": "办结率", "K-13": "按时办结率"}
_TAKE_IN = ApiDoc(
    "收下另一热线已签发的报表；内容就是它的 GET reports 的回答，全部收下或全部不收",
    params=(
        Param(
            "items", "报表", place="body", kind="array", required=True,
            limits={"minItems": 1, "maxItems": MOST_ITEMS, "items": {"type": "object"}},
        ),
    ),
    answer={"new": schema.whole("新收下的份数"), "unchanged": schema.whole("以前收过、内容相同的份数")},
)  # fmt: skip


@routes.get("/reports/received", roles=LEVELS, nav="外来报表")
async def listing(request: web.Request) -> web.StreamResponse:
    return await _list(request)


@routes.get("/reports/received/{id:[0-9]{1,9}}", roles=LEVELS)
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        wanted = select(ReceivedReport).where(
            ReceivedReport.id == int(request.match_info["id"]), ReceivedReport.region_id.in_(reach.regions)
        )
        one = await session.scalar(wanted.options(selectinload(ReceivedReport.region)))
        if one is None:
            raise NotFound
        known = await intake.revisions(session, one)
    before = next((each for each in known if each.revision == one.revision - 1), None)
    was = {figure["id"]: figure["text"] for figure in before.figures} if before else {}
    return render(
        request, "reports/received_one.html", one=one, known=known, was=was, has_before=before is not None,
        period=_name(one), counts=[("登记", one.counts["registered"]), *((text, one.counts[key]) for key, text in BALANCE.items())],
    )  # fmt: skip


@routes.post("/reports/received", roles=OFFICE, body_kb=MOST_KB + 64)
async def import_file(request: web.Request) -> web.StreamResponse:
    """The whole `file` or nothing of it; every fault is named."""
    form = await read_form(request, file_kb=MOST_KB, most_files=1)
    try:
        if not form.files:
            raise InvalidInput(field="文件", reason="请选择一个 JSON 文件")
        taken = await _take_in(request, read_text(form.files[0].data))
    except HotlineError as error:
        if error.status >= 500:
            raise
        return await _list(request, error)
    return see_other(
        "/reports/received", flash=f"已收下 {taken.new} 份报表，{taken.unchanged} 份以前收过，没有变化。"
    )


@routes.post(f"{PREFIX}/reports", roles=OFFICE, doc=_TAKE_IN, body_kb=MOST_KB)
async def take_in(request: web.Request) -> web.StreamResponse:
    taken = await _take_in(request, await json_body(request))
    return answer({"new": taken.new, "unchanged": taken.unchanged})


async def _take_in(request: web.Request, body: Any) -> Taken:
    async with request.app[DB].unit_of_work() as session:
        reach = await reach_of(request, session)
        user = await who_asks(session, request)
        return await intake.take_in(session, request.app[CLOCK], user, reach.regions, body)


async def _list(request: web.Request, error: HotlineError | None = None) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
    query: Query = (
        select(ReceivedReport)
        .join(Region, Region.id == ReceivedReport.region_id)
        .where(ReceivedReport.region_id.in_(reach.regions), STANDS)
        .options(selectinload(ReceivedReport.region))
    )
    faults = error.faults[:FAULTS_SHOWN] if isinstance(error, ReportsRefused) else []
    context = {"error": error, "faults": faults, "may_receive": Role.OFFICE in person(request).roles}
    if error is None:
        return await serve_list(request, TABLE, query, "reports/received.html", **context)
    async with request.app[DB].reading() as session:
        listed = await TABLE.read(session, query, {})
    return render(request, "reports/received.html", status=error.status, listed=listed, **context)


def _name(one: ReceivedReport) -> str:
    return period(one.kind, one.first_on).name


def _figure(key: str, name: str) -> Column:
    def text(one: ReceivedReport) -> str:
        return next((figure["text"] for figure in one.figures if figure["id"] == key), figures.DASH)

    return Column(key, name, text, number=True)


TABLE = Table(
    "received-reports", "外来报表",
    columns=(
        Column("period", "报告期", _name, sort=ReceivedReport.first_on, href=lambda one: f"/reports/received/{one.id}"),
        Column("region", "地区", lambda one: one.region.name, sort=Region.code),
        Column("registered", "登记", lambda one: str(one.counts["registered"]), number=True),
        *(_figure(key, name) for key, name in SHOWN.items()),
        Column("revision", "版本", lambda one: f"第 {one.revision} 版", sort=ReceivedReport.revision),
        Column("signed", "签发", lambda one: f"{beijing(one.signed_at):%Y-%m-%d}", sort=ReceivedReport.signed_at, whole=True),
        Column("received", "收到", lambda one: f"{beijing(one.received_at):%Y-%m-%d}", sort=ReceivedReport.received_at, whole=True),
    ),
    filters=(
        Filter("kind", "种类", lambda key: ReceivedReport.kind == key, {key.value: text for key, text in KINDS.items()}),
        Filter("region", "地区", lambda text: Region.name.contains(text, autoescape=True)),
    ),
    sort="-period", tie=ReceivedReport.id,
)  # fmt: skip
