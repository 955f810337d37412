"""`/inspect/accountability` (问责): what waits for a decision, and what was decided (M-52, M-134)."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import aliased

from agent_desktop.ticket.listing import subject_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.people import Role, User
from core.units import Unit
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Query, Table, period, serve_list
from core.web.routes import Routes
from tickets.access import supervised_units, visible_to
from tickets.models import Ticket
from tickets.oversight import accountability
from tickets.oversight.oversight_models import AccountabilityRecord

routes = Routes()
Decider = aliased(User)


@routes.get("/inspect/accountability", roles=(Role.INSPECTOR,), nav="问责")
async def pending(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        watched = (await session.scalars(supervised_units(user))).all()
    waiting = accountability.pending(request.app[CLOCK].now(), watched)
    query = (
        select(waiting.c.what, waiting.c.cut_off_at, Ticket, Unit.name.label("unit"))
        .join(Ticket, Ticket.id == waiting.c.ticket_id)
        .outerjoin(Unit, Unit.id == waiting.c.unit_id)
        .where(visible_to(user))
    )
    table = Table(
        "accountability", "问责清单",
        columns=(
            _NO,
            Column("question", "问题", lambda row: subject_of(row.Ticket), long=True),
            Column("unit", "责任单位", lambda row: row.unit or "", sort=Unit.name),
            Column("what", "事由", lambda row: accountability.WHAT[row.what], sort=waiting.c.what),
            Column("late", "逾期自", lambda row: f"{beijing(row.cut_off_at):%Y-%m-%d %H:%M}", sort=waiting.c.cut_off_at, whole=True),
        ),
        filters=(Filter("what", "事由", lambda key: waiting.c.what == key, accountability.WHAT),),
        sort="late", tie=Ticket.id,
    )  # fmt: skip
    return await serve_list(request, table, query, "inspect/accountability.html", decided=False)


@routes.get("/inspect/accountability/decided", roles=(Role.INSPECTOR,))
async def decided(request: web.Request) -> web.StreamResponse:
    return await serve_list(
        request, DECIDED, _decided(await _user(request)), "inspect/accountability.html", decided=True
    )


def _decided(user: User) -> Query:
    return (
        select(AccountabilityRecord, Ticket, Unit.name.label("unit"), Decider.display_name.label("decider"))
        .join(Ticket, Ticket.id == AccountabilityRecord.ticket_id)
        .outerjoin(Unit, Unit.id == AccountabilityRecord.unit_id)
        .join(Decider, Decider.id == AccountabilityRecord.decider_id)
        .where(visible_to(user))
    )


def _outcome(row: Any) -> str:
    return accountability.OUTCOMES[row.AccountabilityRecord.outcome]


_NO = Column(
    "no", "工单号", lambda row: row.Ticket.ticket_no, href=lambda row: f"/tickets/{row.Ticket.ticket_no}"
)
DECIDED = Table(
    "accountability-decided", "问责决定",
    columns=(
        _NO,
        Column("unit", "责任单位", lambda row: row.unit or "", sort=Unit.name),
        Column("outcome", "结果", _outcome, sort=AccountabilityRecord.outcome),
        Column("reason", "理由", lambda row: row.AccountabilityRecord.reason[:80], long=True),
        Column("recipient", "接收机关", lambda row: row.AccountabilityRecord.recipient),
        Column("who", "决定人", lambda row: row.decider),
        Column("at", "决定时间", lambda row: f"{beijing(row.AccountabilityRecord.decided_at):%Y-%m-%d %H:%M}", sort=AccountabilityRecord.decided_at, whole=True),
    ),
    filters=(
        Filter("outcome", "结果", lambda key: AccountabilityRecord.outcome == key, accountability.OUTCOMES),
        *period("at", "决定", AccountabilityRecord.decided_at),
    ),
    sort="-at", tie=AccountabilityRecord.id,
)  # fmt: skip


async def _user(request: web.Request) -> User:
    async with request.app[DB].reading() as session:
        return await who_asks(session, request)
