"""`/reports/filed` (上报报表, M-71): reports of one's level and of those below, each with its way and its revisions."""

import asyncio
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.reports.reach import LEVELS, reach_of
from agent_desktop.reports.steps import Steps, take_step
from agent_desktop.ticket.page import who_asks
from core import audit
from core.errors import NotAllowed, NotFound
from core.people import Role, User
from core.units import Region
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Query, Table, book_answer, serve_list
from core.web.requests import source_of
from core.web.routes import Routes
from reports.counting.catalogue import GROUPS
from reports.counting.efficiency import FIVE
from reports.counting.indicators import BY_KEY
from reports.models import PeriodKind, Report, ReportRevision
from reports.signed import book, content, filing, pdf
from reports.signed.content import COMPARED
from reports.words import BALANCE, SPLITS, named, names_of

routes = Routes()
GOV = frozenset({Role.OFFICE})
KINDS = {
    PeriodKind.MONTH: "月报",
    PeriodKind.QUARTER: "季报",
    PeriodKind.HALF: "半年报",
    PeriodKind.YEAR: "年报",
}


@routes.get("/reports/filed", roles=LEVELS, nav="上报报表")
async def listing(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
    query: Query = (
        select(Report).join(Region, Region.id == Report.region_id).where(Report.region_id.in_(reach.regions))
    ).options(selectinload(Report.region))
    late = (Report.due_at < now) & Report.sent_at.is_(None) & Report.received_at.is_(None)
    open_late = late & (Region.parent_id.is_not(None) | Report.signed_at.is_(None))
    table = Table(
        "filed-reports", "上报报表",
        columns=(
            Column("period", "报告期", lambda one: content.period_of(one).name, sort=Report.first_on,
                   href=lambda one: f"/reports/filed/{one.id}"),
            Column("region", "地区", lambda one: one.region.name, sort=Region.code),
            Column("kind", "种类", lambda one: KINDS[one.kind], sort=Report.kind),
            Column("state", "状态", lambda one: filing.STATES[filing.state_of(one)],
                   tone=lambda one: {"draft": "", "signed": "info"}.get(filing.state_of(one), "ok")),
            Column("due", "应报日期", lambda one: f"{one.due_on}", sort=Report.due_on),
            Column("late", "逾期", lambda one: "逾期" if filing.is_late(one, now) else "", tone=lambda _: "bad"),
        ),
        filters=(
            Filter("kind", "种类", lambda key: Report.kind == key, {key.value: text for key, text in KINDS.items()}),
            Filter("late", "逾期未报", lambda _: open_late, {"1": "只看逾期未报"}),
        ),
        sort="-period", tie=Report.id,
    )  # fmt: skip
    return await serve_list(request, table, query, "reports/filed.html")


@routes.get("/reports/filed/{id:[0-9]{1,9}}", roles=LEVELS)
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        report = await _report(request, session)
        user = await who_asks(session, request)
        revision = _revision(request, report)
        facts = await filing.facts_of(session, report, revision)
    frozen = revision.content
    return render(
        request, "reports/one.html", report=report, revision=revision, content=frozen, facts=facts,
        state=filing.STATES[filing.state_of(report)], late=filing.is_late(report, request.app[CLOCK].now()),
        may=_may(report, user), changes=_changes(report, revision),
        five=[one for key in FIVE for one in frozen["figures"] if one["key"] == key], groups=GROUPS,
        compared=[BY_KEY[key].name for key in COMPARED], balance=BALANCE, splits=SPLITS, named=named,
        names=names_of(frozen),
    )  # fmt: skip


@routes.get("/reports/filed/{id:[0-9]{1,9}}/report.pdf", roles=LEVELS)
async def as_pdf(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        report = await _report(request, session)
        revision = _revision(request, report)
        facts = await filing.facts_of(session, report, revision)
        await _exported(request, session, report, "pdf")
    body = await asyncio.to_thread(pdf.draw, revision.content, facts, _changes(report, revision))
    headers = {"Content-Disposition": f'inline; filename="{_file(report)}.pdf"'}
    return web.Response(body=body, content_type="application/pdf", headers=headers)


@routes.get("/reports/filed/{id:[0-9]{1,9}}/report.xlsx", roles=LEVELS)
async def as_sheet(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        report = await _report(request, session)
        frozen = _revision(request, report).content
        await _exported(request, session, report, "xlsx")
    return await book_answer(_file(report), book.sheets(frozen))


@routes.post("/reports/filed/{id:[0-9]{1,9}}/correct", roles=GOV)
async def correct(request: web.Request) -> web.StreamResponse:
    """A further revision, with its `reason`."""
    reason = str((await request.post()).get("reason", ""))
    async with request.app[DB].unit_of_work() as session:
        report = await _report(request, session)
        user = await who_asks(session, request)
        if not _may(report, user)["correct"]:
            raise NotAllowed
        await filing.correct(session, request.app[CLOCK], report, user, reason)
    return see_other(f"/reports/filed/{report.id}", flash="已更正，原版本仍可查看。")


@routes.post("/reports/filed/{id:[0-9]{1,9}}/{step}", roles=GOV)
async def step(request: web.Request) -> web.StreamResponse:
    """One step of the report's way; who may take it depends on whose report it is."""
    return await take_step(request, STEPS, _report, _may)


STEPS: Steps[Report] = {
    "reckon": (filing.reckon_anew, "已按现在的数据重新计算。"),
    "sign": (filing.sign, "已签发，数字自此不变。"),
    "send": (filing.send, "已上报。"),
    "receive": (filing.receive, "已签收。"),
}


async def _report(request: web.Request, session: AsyncSession) -> Report:
    reach = await reach_of(request, session)
    return await filing.find(session, int(request.match_info["id"]), frozenset(reach.regions))


def _revision(request: web.Request, report: Report) -> ReportRevision:
    """The one asked for as `revision`, else the latest."""
    wanted = request.query.get("revision", "")
    if not wanted:
        return report.revisions[-1]
    found = next((one for one in report.revisions if str(one.number) == wanted), None)
    if found is None:
        raise NotFound
    return found


def _changes(report: Report, revision: ReportRevision) -> list[dict[str, Any]]:
    """What a correction says otherwise than the revision before it."""
    before = next((one for one in report.revisions if one.number == revision.number - 1), None)
    return content.changes(before.content, revision.content) if before else []


def _may(report: Report, user: User) -> dict[str, bool]:
    """Which steps stand open: one's own level's report is made, another's received by the level above."""
    state, is_office = filing.state_of(report), Role.OFFICE in user.roles
    own = is_office and report.region_id == user.region_id
    above = is_office and report.region.parent_id is not None and report.region.parent_id == user.region_id
    return {
        "reckon": own and state == "draft",
        "sign": own and state == "draft",
        "send": own and state == "signed" and report.region.parent_id is not None,
        "receive": above and state == "sent",
        "correct": own and state != "draft",
    }


async def _exported(request: web.Request, session: AsyncSession, report: Report, kind: str) -> None:
    await audit.record(
        session, request.app[CLOCK], actor=person(request).username, action="report.export",
        target=f"{_file(report)}.{kind}", source=source_of(request),
    )  # fmt: skip


def _file(report: Report) -> str:
    return f"report-{report.region.code}-{report.kind}-{report.first_on:%Y%m}"
