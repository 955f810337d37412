"""`/liaison/tickets` (工单) and `/liaison/approvals` (待审核): the lists of a unit's people."""

from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import aliased

from agent_desktop.liaison.inbox import inbox
from agent_desktop.liaison.work import DECIDERS
from agent_desktop.ticket import words
from agent_desktop.ticket.history import REQUESTS
from agent_desktop.ticket.listing import subject_of, tickets_query
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.people import Role, User
from core.units import Unit
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Table, serve_list
from core.web.routes import Routes
from tickets.access import own_units, visible_to
from tickets.models import RequestKind, Step, StepRequest, Ticket
from tickets.requests import undecided_for

routes = Routes()
Requester = aliased(User)
APPROVALS = Table(
    "approvals", "待审核",
    columns=(
        Column("no", "工单号", lambda row: row.Ticket.ticket_no, href=lambda row: f"/tickets/{row.Ticket.ticket_no}"),
        Column("kind", "申请", lambda row: REQUESTS[RequestKind(row.StepRequest.kind)], sort=StepRequest.kind),
        Column("question", "问题", lambda row: subject_of(row.Ticket), long=True),
        Column("unit", "申请单位", lambda row: row.unit, sort=Unit.name),
        Column("who", "申请人", lambda row: row.requester),
        Column("at", "申请时间", lambda row: f"{beijing(row.StepRequest.requested_at):%Y-%m-%d %H:%M}", sort=StepRequest.requested_at, whole=True),
        Column("reason", "理由", lambda row: row.StepRequest.reason[:60], long=True),
        Column("due", "到期", lambda row: words.due_text(row.Step), sort=Step.cut_off_at, whole=True),
    ),
    filters=(Filter("kind", "申请", lambda key: StepRequest.kind == key, REQUESTS),),
    sort="due", tie=StepRequest.id,
)  # fmt: skip


@routes.get("/liaison/tickets", roles=(Role.LIAISON, Role.HEAD), nav="工单")
async def tickets(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        own = [key for key in await session.scalars(own_units(user)) if key is not None]
    table = inbox(user, own, _now(request))
    return await serve_list(request, table, tickets_query(user), "liaison/tickets.html")


@routes.get("/liaison/approvals", roles=DECIDERS, nav="待审核")
async def approvals(request: web.Request) -> web.StreamResponse:
    user = await _user(request)
    query = (
        select(StepRequest, Step, Ticket, Unit.name.label("unit"), Requester.display_name.label("requester"))
        .join(Step, Step.id == StepRequest.step_id)
        .join(Ticket, Ticket.id == StepRequest.ticket_id)
        .join(Unit, Unit.id == Step.unit_id)
        .join(Requester, Requester.id == StepRequest.requester_id)
        .where(visible_to(user), undecided_for(user))
    )
    return await serve_list(request, APPROVALS, query, "liaison/approvals.html")


async def _user(request: web.Request) -> User:
    async with request.app[DB].reading() as session:
        return await who_asks(session, request)


def _now(request: web.Request) -> datetime:
    return request.app[CLOCK].now()
