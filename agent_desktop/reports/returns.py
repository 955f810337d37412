"""`/reports/returns` (中心月报, M-126, M-127): what centres without the system report, by spreadsheet or by form."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports.reach import LEVELS, Reach, reach_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import HotlineError, InvalidInput, NotFound
from core.people import Role
from core.sheet_reader import read_sheets
from core.units import Region
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Table, serve_list
from core.web.routes import Routes
from core.web.sheets import XLSX_TYPE, xlsx_bytes
from core.web.uploads import read_form
from reports.models import PeriodKind
from reports.returns import filing, sheet
from reports.returns.filing import STANDS, ReturnsRefused
from reports.returns.models import CentreReturn, CentreState
from reports.returns.sheet import CENTRE, COLUMNS, COUNTS, MONTH, REASON, REGION, STATE, STATES, Fault
from reports.signed.periods import just_ended, period

routes = Routes()
OFFICE = frozenset({Role.OFFICE})
MOST_KB = 2 * 1024
FAULTS_SHOWN = 200


@routes.get("/reports/returns", roles=LEVELS, nav="中心月报")
async def listing(request: web.Request) -> web.StreamResponse:
    return await _list(request)


@routes.get("/reports/returns/template.xlsx", roles=OFFICE)
async def template(request: web.Request) -> web.StreamResponse:
    """The form for the month of `month`, a row for each centre in reach."""
    month = _month(request.query.get("month", ""))
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        centres = await _centres(session, reach)
    rows = [
        [f"{month:%Y-%m}", region.code, name, STATES[CentreState.OPENED], *["0"] * len(COUNTS), ""]
        for region, name in centres
    ]
    body = await asyncio.to_thread(xlsx_bytes, "中心月报", [list(COLUMNS), *rows])
    headers = {"Content-Disposition": f'attachment; filename="returns-{month:%Y%m}.xlsx"'}
    return web.Response(body=body, content_type=XLSX_TYPE, headers=headers)


@routes.post("/reports/returns/import", roles=OFFICE, body_kb=MOST_KB + 64)
async def import_file(request: web.Request) -> web.StreamResponse:
    """The whole `file` or nothing of it; every fault is named by row and column."""
    form = await read_form(request, file_kb=MOST_KB, most_files=1)
    try:
        if not form.files:
            raise InvalidInput(field="文件", reason="请选择一个 XLSX 或 CSV 文件")
        sent = form.files[0]
        told = await _take_in(
            request, *sheet.read(await asyncio.to_thread(read_sheets, sent.name, sent.data))
        )
    except HotlineError as error:
        return await _list(request, error=error)
    return see_other("/reports/returns", flash=told)


@routes.get("/reports/returns/one", roles=LEVELS)
async def page(request: web.Request) -> web.StreamResponse:
    """One centre's month: `region`, `centre`, `month`; its revisions, and for the office the form."""
    return await _one(request, request.query)


@routes.post("/reports/returns/one", roles=OFFICE)
async def file_one(request: web.Request) -> web.StreamResponse:
    """The form, its fields named as the columns of the spreadsheet."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    row, faults = sheet.read_row(0, form)
    try:
        told = await _take_in(request, [row] if row else [], faults)
    except ReturnsRefused as error:
        asked = {"region": form.get(REGION, ""), "centre": form.get(CENTRE, ""), "month": form.get(MONTH, "")}
        return await _one(request, asked, typed=form, faults=error.faults)
    return see_other("/reports/returns", flash=told)


async def _take_in(request: web.Request, rows: list[sheet.Filled], faults: list[Fault]) -> str:
    if faults:
        raise ReturnsRefused(faults)
    async with request.app[DB].unit_of_work() as session:
        reach = await reach_of(request, session)
        user = await who_asks(session, request)
        taken = await filing.take_in(session, request.app[CLOCK], user, reach.regions, rows)
    return f"已收下 {taken.new} 份月报，更正 {taken.corrected} 份，未变 {taken.unchanged} 份。"


async def _list(request: web.Request, error: HotlineError | None = None) -> web.StreamResponse:
    """The returns that stand, and who has not filed for the month asked for."""
    asked = request.query.get("month", "") if error is None else ""
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        month = _month(asked) if asked else just_ended(beijing(request.app[CLOCK].now()).date())[0].first
        lacking = await filing.missing(
            session, list(reach.regions), month, period(PeriodKind.MONTH, month).last
        )
        top = next(iter(reach.regions.values()), None)
        due = await filing.due_on(session, month, top.code if top else "")
        roles = (await who_asks(session, request)).roles
    query = (
        select(CentreReturn, Region.name.label("region"), Region.code.label("code"))
        .join(Region, Region.id == CentreReturn.region_id)
        .where(CentreReturn.region_id.in_(reach.regions), STANDS)
    )
    context: dict[str, Any] = {
        "month": month, "missing": lacking, "due": due, "is_late": beijing(request.app[CLOCK].now()).date() > due,
        "may_file": Role.OFFICE in roles, "error": error, "codes": {r.name: r.code for r in reach.regions.values()},
        "faults": error.faults[:FAULTS_SHOWN] if isinstance(error, ReturnsRefused) else [],
    }  # fmt: skip
    if error is None:
        return await serve_list(request, TABLE, query, "reports/returns.html", **context)
    async with request.app[DB].reading() as session:
        listed = await TABLE.read(session, query, {})
    return render(request, "reports/returns.html", status=error.status, listed=listed, **context)


async def _one(
    request: web.Request, asked: Mapping[str, str], typed: Mapping[str, str] | None = None,
    faults: Sequence[Fault] = (),
) -> web.StreamResponse:  # fmt: skip
    month = _month(asked.get("month", ""))
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        user = await who_asks(session, request)
        region = next((one for one in reach.regions.values() if one.code == asked.get("region", "")), None)
        if region is None:
            raise NotFound
        centre = asked.get("centre", "").strip()
        known = await filing.history(session, region.id, centre, month)
        centres = {name for of, name in await _centres(session, reach) if of.id == region.id}
    if not known and centre not in centres:
        raise NotFound
    return render(
        request, "reports/return.html", status=422 if faults else 200, region=region, centre=centre, month=month,
        known=known, states=STATES, counts=COUNTS, names={"state": STATE, "reason": REASON, "month": MONTH,
        "region": REGION, "centre": CENTRE}, typed=typed or _typed(known), faults=faults, may_file=Role.OFFICE in user.roles,
    )  # fmt: skip


def _typed(known: Sequence[CentreReturn]) -> dict[str, str]:
    """The form filled in with what stands."""
    if not known:
        return dict.fromkeys(COUNTS.values(), "0") | {STATE: STATES[CentreState.OPENED], REASON: ""}
    filled = {name: str(getattr(known[0], key)) for key, name in COUNTS.items()}
    return filled | {STATE: STATES[known[0].state], REASON: ""}


async def _centres(session: AsyncSession, reach: Reach) -> list[tuple[Region, str]]:
    """The places in reach that file: (region, name)."""
    found = await filing.centres(session, list(reach.regions))
    return [(reach.regions[place.region_id], place.name) for place in found]


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text.strip()[:7]}-01")
    except ValueError:
        raise InvalidInput(field="月份", reason="请写成 2026-06") from None


def _link(row: Any) -> str:
    month = f"{row.CentreReturn.first_on:%Y-%m}"
    return f"/reports/returns/one?region={row.code}&centre={row.CentreReturn.centre}&month={month}"


def _count(key: str) -> Column:
    return Column(key, COUNTS[key], lambda row: str(getattr(row.CentreReturn, key)), number=True)


TABLE = Table(
    "centre-returns", "中心月报",
    columns=(
        Column("centre", "中心", lambda row: row.CentreReturn.centre, sort=CentreReturn.centre, href=_link),
        Column("region", "地区", lambda row: row.region, sort=Region.code),
        Column("month", "月份", lambda row: f"{row.CentreReturn.first_on:%Y-%m}", sort=CentreReturn.first_on),
        Column("state", "建设状态", lambda row: STATES[row.CentreReturn.state], sort=CentreReturn.state),
        *map(_count, COUNTS),
        Column("number", "版本", lambda row: f"第 {row.CentreReturn.number} 版", sort=CentreReturn.number),
    ),
    filters=(
        Filter("month", "月份（如 2026-06）", lambda text: CentreReturn.first_on == _month(text)),
        Filter("state", "建设状态", lambda key: CentreReturn.state == key, {key.value: text for key, text in STATES.items()}),
    ),
    sort="-month", tie=CentreReturn.id,
)  # fmt: skip
