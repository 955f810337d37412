"""The working calendar's page (工作日历, M-10, M-11): a year at a glance, changes proposed by one and confirmed by another."""

import asyncio
import calendar as months
from dataclasses import dataclass
from datetime import date
from typing import Any

from aiohttp import web
from multidict import MultiMapping
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.admin.acting import acting
from agent_desktop.admin.reach import Reach, reach_of
from agent_desktop.admin.tabs import with_tabs
from core.calendar import proposals
from core.calendar.files import read_years
from core.calendar.holidays import CalendarHours, load_calendar
from core.calendar.proposals import CalendarProposal, ProposalKind, ProposalState
from core.calendar.workdays import DayStatus, WorkCalendar
from core.clock import beijing
from core.errors import InvalidInput, NotFound
from core.people import Role
from core.units import Region, regions_below
from core.web.api import query_int
from core.web.app import render, see_other
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.routes import Routes

routes = Routes()
EDITORS = {Role.ADMIN, Role.SUPERVISOR}
PROPOSERS = EDITORS | {Role.OFFICE}
DECIDED_SHOWN = 10
STATES = {
    ProposalState.WAITING: "待确认",
    ProposalState.CONFIRMED: "已确认",
    ProposalState.REFUSED: "未采用",
}


@dataclass(frozen=True)
class Cell:
    """One day of the year's picture; `mark` 休, 班 or nothing, and where it comes from."""

    status: DayStatus
    mark: str
    is_local: bool


@routes.get("/admin/calendar", roles=PROPOSERS)
async def page(request: web.Request) -> web.StreamResponse:
    return await _page(request)


@routes.post("/admin/calendar/day", roles=PROPOSERS)
async def propose_day(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    status = _one_of(form, "status", {"off", "work", "table"})
    content = {
        "on": read_day(_text(form, "on"), "日期").isoformat(),
        "status": status,
        "name": _text(form, "name"),
    }
    return await _propose(request, form, ProposalKind.DAY, content)


@routes.post("/admin/calendar/hours", roles=PROPOSERS)
async def propose_hours(request: web.Request) -> web.StreamResponse:
    """One season a line: `05-01 09-30 08:00-12:00 15:00-18:30`; none: as the region above."""
    form = await request.post()
    seasons = [_season(line) for line in _text(form, "seasons").splitlines() if line.strip()]
    return await _propose(request, form, ProposalKind.HOURS, {"seasons": seasons})


@routes.post("/admin/calendar/year", roles=EDITORS, body_kb=1024)
async def propose_year(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    sent = form.get("file")
    if not isinstance(sent, web.FileField):
        raise InvalidInput(field="文件", reason="请选择公布的放假安排文件")
    with sent.file:
        years = await asyncio.to_thread(read_years, sent.filename, sent.file.read())
    async with request.app[DB].unit_of_work() as session:
        for one in years:
            content = {
                "year": one.year,
                "off": {on.isoformat(): name for on, name in one.off.items()},
                "make_up": {on.isoformat(): name for on, name in one.make_up.items()},
            }
            await proposals.propose(
                session, request.app[CLOCK], acting(request), ProposalKind.YEAR, region_id=None, content=content,
                reason=_text(form, "reason") or sent.filename,
            )  # fmt: skip
    return see_other("/admin/calendar", flash="已提交，由另一位主管或系统管理员核对后确认。")


@routes.post("/admin/calendar/proposals/{proposal_id:[0-9]{1,9}}", roles=PROPOSERS)
async def decide(request: web.Request) -> web.StreamResponse:
    """Confirm or drop; a proposer may only withdraw the own one."""
    confirmed = _one_of(await request.post(), "decision", {"confirm", "refuse"}) == "confirm"
    by = acting(request)
    async with request.app[DB].unit_of_work() as session:
        reach = await reach_of(request, session)
        query = select(CalendarProposal).where(_within(reach)).options(selectinload(CalendarProposal.region))
        found = CalendarProposal.id == int(request.match_info["proposal_id"])
        proposal = await session.scalar(query.where(found))
        if proposal is None or not (reach.roles & EDITORS or proposal.proposed_by == by.actor):
            raise NotFound
        await proposals.decide(session, request.app[CLOCK], by, proposal, confirmed=confirmed)
    flash = "已确认，立即生效，未办结事项的期限重新计算。" if confirmed else "没有采用这项变更。"
    return see_other("/admin/calendar", flash=flash)


async def _propose(
    request: web.Request, form: MultiMapping[Any], kind: ProposalKind, content: dict[str, Any]
) -> web.Response:
    async with request.app[DB].unit_of_work() as session:
        reach = await reach_of(request, session)
        region = await _region(session, reach, _text(form, "region"))
        await proposals.propose(
            session, request.app[CLOCK], acting(request), kind, region_id=region.id, content=content,
            reason=_text(form, "reason"),
        )  # fmt: skip
    to = f"/admin/calendar?region={region.code}"
    return see_other(to, flash="已提交，由另一位主管或系统管理员核对后确认。")


async def _page(request: web.Request) -> web.Response:
    today = beijing(request.app[CLOCK].now()).date()
    year = query_int(request, "year", today.year, least=2004, most=2099)
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        regions = await _regions(session, reach)
        code = request.query.get("region", "") or (regions[0].code if regions else "")
        region = next((one for one in regions if one.code == code), None)
        if region is None and request.query.get("region"):
            raise NotFound
        calendar = await load_calendar(session)
        context = with_tabs(
            request,
            region=region,
            regions=regions,
            year=year,
            picture=_picture(calendar, year, code),
            seasons=await _seasons(session, region),
            today_segments=calendar.segments_on(today, code),
            covered_until=calendar.covered_until,
            days_left=calendar.days_left(today),
            proposals=await _proposals(session, reach),
            may_edit=bool(reach.roles & EDITORS),
            states=STATES,
        )
    return render(request, "admin/calendar.html", **context)


def _picture(calendar: WorkCalendar, year: int, code: str) -> list[list[list[Cell | None]]]:
    """Twelve months of weeks from Monday; None outside the month."""
    weeks = months.Calendar()
    return [
        [
            [_cell(calendar, on, code) if on.month == month else None for on in week]
            for week in weeks.monthdatescalendar(year, month)
        ]
        for month in range(1, 13)
    ]


def _cell(calendar: WorkCalendar, on: date, code: str) -> Cell:
    status = calendar.day(on, code)
    usual = on.weekday() < 5
    mark = "" if status.is_workday == usual else "班" if status.is_workday else "休"
    return Cell(status, mark, is_local=status != calendar.day(on))


def _within(reach: Reach) -> Any:
    if Role.ADMIN in reach.roles:
        return CalendarProposal.id > 0
    below = regions_below(reach.region_id) if Role.SUPERVISOR in reach.roles else [reach.region_id]
    mine = CalendarProposal.region_id.in_(below)
    return or_(mine, CalendarProposal.region_id.is_(None)) if Role.SUPERVISOR in reach.roles else mine


async def _regions(session: AsyncSession, reach: Reach) -> list[Region]:
    query = select(Region).order_by(Region.code)
    if Role.ADMIN not in reach.roles:
        is_own = Region.id == reach.region_id
        query = query.where(
            Region.id.in_(regions_below(reach.region_id)) if Role.SUPERVISOR in reach.roles else is_own
        )
    return list(await session.scalars(query))


async def _region(session: AsyncSession, reach: Reach, code: str) -> Region:
    for region in await _regions(session, reach):
        if region.code == code:
            return region
    raise NotFound


async def _seasons(session: AsyncSession, region: Region | None) -> str:
    query = select(CalendarHours).where(CalendarHours.region_id == (region.id if region else 0))
    rows = await session.scalars(query.order_by(CalendarHours.id))
    return "\n".join(f"{row.first} {row.last} {row.segments}" for row in rows)


async def _proposals(session: AsyncSession, reach: Reach) -> list[CalendarProposal]:
    """Those that wait, then the last decided."""
    query = select(CalendarProposal).where(_within(reach)).options(selectinload(CalendarProposal.region))
    query = query.order_by(CalendarProposal.id.desc())
    waits = CalendarProposal.state == ProposalState.WAITING
    waiting = (await session.scalars(query.where(waits))).all()
    return [*waiting, *(await session.scalars(query.where(~waits).limit(DECIDED_SHOWN)))]


def _text(form: MultiMapping[Any], name: str) -> str:
    return str(form.get(name, "")).strip()


def _one_of(form: MultiMapping[Any], name: str, values: set[str]) -> str:
    if (value := _text(form, name)) not in values:
        raise InvalidInput(field="选项", reason="请从列表中选择")
    return value


def _season(line: str) -> list[str]:
    first, _, rest = line.strip().partition(" ")
    last, _, segments = rest.strip().partition(" ")
    return [first, last, segments.strip()]
