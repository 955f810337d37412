"""`/orders` (督办): what one's own office or supervision body has ordered, and what one's unit is to answer."""

from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from agent_desktop.orders import panels, tasks
from agent_desktop.ticket.acting import act
from agent_desktop.ticket.listing import subject_of
from agent_desktop.ticket.page import who_asks
from core.people import Role, User
from core.units import Unit
from core.web.app import add_room
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Table, serve_list
from core.web.numbers import read_key
from core.web.routes import Routes
from tickets.access import own_units, visible_to
from tickets.models import Ticket
from tickets.oversight import orders
from tickets.oversight.oversight_models import SupervisionOrder

routes = Routes()
Issuer = aliased(Unit)
PEOPLE = (Role.OFFICE, Role.INSPECTOR, Role.LIAISON, Role.HEAD)
ANSWERERS = (Role.LIAISON, Role.HEAD, Role.OFFICE)


@routes.get("/orders", roles=PEOPLE, nav="督办")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
    query = (
        select(SupervisionOrder, Ticket, Unit.name.label("unit"), Issuer.name.label("issuer"))
        .join(Ticket, Ticket.id == SupervisionOrder.ticket_id)
        .join(Unit, Unit.id == SupervisionOrder.unit_id)
        .join(Issuer, Issuer.id == SupervisionOrder.issuer_unit_id)
        .where(visible_to(user), _concerns(user))
    )
    return await serve_list(request, _table(request.app[CLOCK].now()), query, "orders/index.html")


def _concerns(user: User) -> ColumnElement[bool]:
    return (SupervisionOrder.issuer_unit_id == user.unit_id) | SupervisionOrder.unit_id.in_(own_units(user))


def _table(now: datetime) -> Table:
    waiting = SupervisionOrder.answered_at.is_(None)
    views = {
        "open": ("待反馈", waiting),
        "overdue": ("逾期未反馈", waiting & (SupervisionOrder.cut_off_at < now)),
        "answered": ("已反馈", ~waiting),
        "": ("全部", SupervisionOrder.id.is_not(None)),
    }
    return Table(
        "orders", "督办",
        columns=(
            Column("no", "工单号", lambda row: row.Ticket.ticket_no, href=lambda row: f"/tickets/{row.Ticket.ticket_no}"),
            Column("question", "问题", lambda row: subject_of(row.Ticket), long=True),
            Column("what", "督办要求", lambda row: row.SupervisionOrder.what[:60], long=True),
            Column("issuer", "督办机关", lambda row: row.issuer, sort=Issuer.name),
            Column("unit", "承办单位", lambda row: row.unit, sort=Unit.name),
            Column("until", "期限", lambda row: f"{row.SupervisionOrder.until_on:%Y-%m-%d}", sort=SupervisionOrder.cut_off_at, whole=True),
            Column("state", "状态", lambda row: panels.state_of(row.SupervisionOrder, now)[1],
                   tone=lambda row: panels.state_of(row.SupervisionOrder, now)[0]),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="open"),
        ),
        sort="until", tie=SupervisionOrder.id,
    )  # fmt: skip


@routes.post("/tickets/{ticket_no}/order", roles=orders.ISSUERS)
async def issue(request: web.Request) -> web.StreamResponse:
    """`what` the unit is to do and `until_on`."""

    async def work(session: AsyncSession, user: User, fields: Any) -> None:
        await orders.issue(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"], user=user,
            text=fields.get("what", ""), until_on=read_day(fields.get("until_on", ""), "办理期限"),
        )  # fmt: skip

    return await act(request, "order", work, "督办已发出，承办单位已收到通知。")


@routes.post("/tickets/{ticket_no}/order-answer", roles=ANSWERERS)
async def answer(request: web.Request) -> web.StreamResponse:
    """`order` and `answer`."""

    async def work(session: AsyncSession, user: User, fields: Any) -> None:
        order_id = read_key(fields.get("order", ""), "督办")
        await orders.answer(
            session, request.app[CLOCK], order_id=order_id, user=user, text=fields.get("answer", "")
        )

    return await act(request, "order_answer", work, "督办反馈已提交。")


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.orders", prefix="orders")
    routes.register(app)
    tasks.routes.register(app)
    panels.setup(app)
