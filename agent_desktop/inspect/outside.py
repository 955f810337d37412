"""`/inspect/approvals` (行政审批监察, M-120) and `/inspect/series` (外部数据, M-133): what other systems report, watched."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from agent_desktop.ticket.page import who_asks
from core import audit
from core.clock import beijing
from core.errors import NotFound
from core.people import Role
from core.units import Unit
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Table, period, serve_list
from core.web.numbers import read_key
from core.web.requests import source_of
from core.web.routes import Routes
from reports.outside import approvals, series
from reports.outside.models import ApprovalItem, OutsideFigure, OutsideSeries

routes = Routes()
MON = (Role.INSPECTOR,)


@routes.get("/inspect/approvals", roles=MON, nav="行政审批")
async def approval_items(request: web.Request) -> web.StreamResponse:
    """The items of the own level, those that are late first."""
    now = request.app[CLOCK].now()
    running = ApprovalItem.decided_at.is_(None)
    views = {
        "open": ("在办", running),
        "soon": ("即将到期", approvals.is_soon(now)),
        "overdue": ("已逾期", approvals.is_late(now)),
        "decided": ("已办结", ~running),
        "": ("全部", ApprovalItem.id.is_not(None)),
    }
    table = Table(
        "approvals", "行政审批监察",
        columns=(
            Column("no", "办件编号", lambda row: row.ApprovalItem.item_no, href=lambda row: f"/inspect/approvals/{row.ApprovalItem.item_no}"),
            Column("name", "事项", lambda row: row.ApprovalItem.name, long=True),
            Column("unit", "单位", lambda row: row.unit, sort=Unit.name),
            Column("accepted", "受理", lambda row: f"{beijing(row.ApprovalItem.accepted_at):%Y-%m-%d}", sort=ApprovalItem.accepted_at, whole=True),
            Column("step", "最近环节", lambda row: _last(row.ApprovalItem)),
            Column("due", "期限", lambda row: f"{row.ApprovalItem.due_on:%Y-%m-%d}", sort=ApprovalItem.cut_off_at, whole=True),
            Column("state", "状态", lambda row: approvals.state_of(row.ApprovalItem, now)[1], tone=lambda row: approvals.state_of(row.ApprovalItem, now)[0]),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="open"),
            Filter("q", "编号或事项", lambda text: (ApprovalItem.item_no == text) | ApprovalItem.name.contains(text, autoescape=True)),
            Filter("unit", "单位", lambda text: Unit.name.contains(text, autoescape=True)),
        ),
        sort="due", tie=ApprovalItem.id,
    )  # fmt: skip
    query = (
        select(ApprovalItem, Unit.name.label("unit"))
        .join(Unit, Unit.id == ApprovalItem.unit_id)
        .where(ApprovalItem.region_id == person(request).region_id)
        .options(selectinload(ApprovalItem.events))
    )
    return await serve_list(request, table, query, "inspect/approvals.html")


def _last(item: ApprovalItem) -> str:
    last = item.events[-1]
    return f"{approvals.KINDS[last.kind]}{f'：{last.text}' if last.text else ''}"


@routes.get("/inspect/approvals/{item_no}", roles=MON)
async def approval_item(request: web.Request) -> web.StreamResponse:
    """One item with everything reported about it."""
    region_id, now = person(request).region_id, request.app[CLOCK].now()
    async with request.app[DB].reading() as session:
        found = await approvals.find(session, region_id or 0, request.match_info["item_no"])
    if found is None:
        raise NotFound
    return render(
        request,
        "inspect/approval.html",
        item=found,
        state=approvals.state_of(found, now),
        kinds=approvals.KINDS,
    )


@routes.get("/inspect/series", roles=MON, nav="外部数据")
async def figures(request: web.Request) -> web.StreamResponse:
    """The figures of the own level, with flags where they leave their bounds."""
    beyond = series.is_beyond()
    views = {"flagged": ("告警", beyond), "": ("全部", OutsideFigure.id.is_not(None))}
    table = Table(
        "outside-figures", "外部数据",
        columns=(
            Column("on", "日期", lambda row: f"{row.OutsideFigure.on:%Y-%m-%d}", sort=OutsideFigure.on, whole=True),
            Column("series", "数据", lambda row: row.OutsideSeries.name, sort=OutsideSeries.name),
            Column("unit", "单位", lambda row: row.unit, sort=Unit.name),
            Column("value", "数值", lambda row: f"{row.OutsideFigure.value:g} {row.OutsideSeries.measure}".strip(), sort=OutsideFigure.value, number=True),
            Column("flag", "告警", lambda row: series.flag_of(row.OutsideSeries, row.OutsideFigure.value), tone=lambda _: "bad"),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="flagged"),
            Filter("series", "数据名称", lambda text: OutsideSeries.name.contains(text, autoescape=True)),
            Filter("unit", "单位", lambda text: Unit.name.contains(text, autoescape=True)),
            *period("on", "日期", OutsideFigure.on),
        ),
        sort="-on", tie=OutsideFigure.id,
    )  # fmt: skip
    query = (
        select(OutsideFigure, OutsideSeries, Unit.name.label("unit"))
        .join(OutsideSeries, OutsideSeries.id == OutsideFigure.series_id)
        .join(Unit, Unit.id == OutsideFigure.unit_id)
        .where(OutsideSeries.region_id == person(request).region_id)
    )
    async with request.app[DB].reading() as session:
        known = await series.series_of(session, person(request).region_id)
    return await serve_list(request, table, query, "inspect/series.html", known=known)


@routes.post("/inspect/series", roles=MON)
async def set_bounds(request: web.Request) -> web.StreamResponse:
    """`series`, `least` and `most`, empty for none."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        found = await session.get(OutsideSeries, read_key(form.get("series", ""), "数据"))
        if found is None or found.region_id != user.region_id:
            raise NotFound
        series.set_bounds(session, found, form.get("least", ""), form.get("most", ""))
        await audit.record(
            session, request.app[CLOCK], actor=user.username, action="series.bounds",
            target=f"series:{found.name}", reason=f"{found.least}～{found.most}", source=source_of(request),
        )  # fmt: skip
    return see_other("/inspect/series", flash="告警界限已保存。")
