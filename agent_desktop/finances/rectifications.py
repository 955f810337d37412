"""`/inspect/rectifications` (财务公开整改, M-118): what the units under one's supervision have promised, overdue ones first."""

from datetime import datetime

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.ticket.page import who_asks
from core.people import Role, User
from core.units import Unit
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Query, Table, serve_list
from core.web.routes import Routes
from tickets.finances.access import reach_of
from tickets.finances.feedback_models import FinancePromise, PromiseState
from tickets.finances.models import FinanceNotice
from tickets.finances.promises import is_overdue, is_soon, state_of

routes = Routes()


@routes.get("/inspect/rectifications", roles=(Role.INSPECTOR,), nav="财务公开整改")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        query = await _watched(session, await who_asks(session, request))
    return await serve_list(request, _table(request.app[CLOCK].now()), query, "finances/rectifications.html")


async def overdue(session: AsyncSession, user: User, now: datetime) -> int:
    """How many of them are overdue, for the board of clocks."""
    query = (await _watched(session, user)).where(is_overdue(now)).with_only_columns(FinancePromise.id)
    return await session.scalar(select(func.count()).select_from(query.subquery())) or 0


async def _watched(session: AsyncSession, user: User) -> Query:
    reach = await reach_of(session, user)
    return (
        select(FinancePromise)
        .join(FinanceNotice, FinanceNotice.id == FinancePromise.notice_id)
        .join(Unit, Unit.id == FinanceNotice.unit_id)
        .where(FinanceNotice.unit_id.in_(reach.watched))
        .options(selectinload(FinancePromise.notice).selectinload(FinanceNotice.unit))
    )


def _table(now: datetime) -> Table:
    views = {
        "overdue": ("已逾期", is_overdue(now)),
        "soon": ("即将到期", is_soon(now)),
        "check": ("待核查", FinancePromise.state == PromiseState.REPORTED),
        "open": ("整改中", FinancePromise.state == PromiseState.PROMISED),
        "checked": ("已核查", FinancePromise.state == PromiseState.CHECKED),
        "": ("全部", FinancePromise.id.is_not(None)),
    }
    return Table(
        "rectifications", "财务公开整改",
        columns=(
            Column("issue", "需整改的问题", lambda row: row.issue[:60], href=lambda row: f"/finances/{row.notice_id}/feedback", long=True),
            Column("unit", "单位", lambda row: row.notice.unit.name, sort=Unit.name),
            Column("notice", "财务公开", lambda row: row.notice.title, long=True),
            Column("person", "责任人", lambda row: row.person),
            Column("due", "期限", lambda row: f"{row.due_on:%Y-%m-%d}", sort=FinancePromise.cut_off_at, whole=True),
            Column("state", "状态", lambda row: state_of(row, now)[1], tone=lambda row: state_of(row, now)[0]),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="overdue"),
            Filter("unit", "单位", lambda text: Unit.name.contains(text, autoescape=True)),
        ),
        sort="due", tie=FinancePromise.id,
    )  # fmt: skip
