"""`/orders/tasks` (任务督办, M-134): orders that no ticket is about, with the unit's answer and the inspectors' decision."""

from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import aliased

from agent_desktop.orders.panels import state_of
from agent_desktop.ticket.page import who_asks
from core.people import Role, User
from core.units import Region, Unit
from core.web.app import render, see_other
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Table, serve_list
from core.web.numbers import read_key
from core.web.routes import Routes
from tickets.oversight import tasks
from tickets.oversight.orders import ISSUERS
from tickets.oversight.oversight_models import TaskOrder
from tickets.oversight.tasks import DECIDED
from tickets.requests import acts_for

routes = Routes()
Issuer = aliased(Unit)
PEOPLE = (Role.OFFICE, Role.INSPECTOR, Role.LIAISON, Role.HEAD)
PAGE = "/orders/tasks"


@routes.get(PAGE, roles=PEOPLE)
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        may_issue = bool(user.roles & set(ISSUERS)) and user.unit_id is not None
        offered = select(Unit, Region.name).join(Region, Region.id == Unit.region_id)
        offered = offered.where(tasks.reachable(user)).order_by(Region.code, Unit.code)
        units = (await session.execute(offered)).all() if may_issue else []
    return await serve_list(
        request, _table(request.app[CLOCK].now()), _query(user), "orders/tasks.html", units=units
    )


@routes.post(PAGE, roles=ISSUERS)
async def issue(request: web.Request) -> web.StreamResponse:
    """`unit`, `what` it is to do and `until_on`."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    unit_id = read_key(form.get("unit", ""), "承办单位")
    async with request.app[DB].unit_of_work() as session:
        order = await tasks.issue(
            session, request.app[CLOCK], user=await who_asks(session, request), unit_id=unit_id,
            text=form.get("what", ""), until_on=read_day(form.get("until_on", ""), "办理期限"),
        )  # fmt: skip
        number = order.id
    return see_other(f"{PAGE}/{number}", flash="任务督办已发出，列在承办单位的通知里，直到反馈。")


@routes.get(PAGE + "/{id:[0-9]{1,9}}", roles=PEOPLE)
async def page(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        order = await tasks.find(session, user, int(request.match_info["id"]))
        row = (await session.execute(_query(user).where(TaskOrder.id == order.id))).one()
        may_answer = (
            order.answered_at is None
            and bool(user.roles & tasks.ANSWERERS)
            and await acts_for(session, user, order.unit_id)
        )
    is_watching = Role.INSPECTOR in user.roles and order.unit_id != user.unit_id
    may_decide = is_watching and order.decided_at is None and order.is_late(now)
    return render(
        request, "orders/task.html", row=row, order=order, state=state_of(order, now), may_answer=may_answer,
        may_decide=may_decide, outcomes=DECIDED,
    )  # fmt: skip


@routes.post(PAGE + "/{id:[0-9]{1,9}}/answer", roles=tuple(tasks.ANSWERERS))
async def answer(request: web.Request) -> web.StreamResponse:
    """`answer`."""
    text = str((await request.post()).get("answer", ""))
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        order = await tasks.find(session, user, int(request.match_info["id"]))
        await tasks.answer(session, request.app[CLOCK], user=user, order=order, text=text)
    return see_other(f"{PAGE}/{order.id}", flash="督办反馈已提交。")


@routes.post(PAGE + "/{id:[0-9]{1,9}}/decide", roles=(Role.INSPECTOR,))
async def decide(request: web.Request) -> web.StreamResponse:
    """`outcome` and `reason`."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        order = await tasks.find(session, user, int(request.match_info["id"]))
        await tasks.decide(
            session, request.app[CLOCK], user=user, order=order, outcome=form.get("outcome", ""),
            reason=form.get("reason", ""),
        )  # fmt: skip
    return see_other(f"{PAGE}/{order.id}", flash="问责决定已保存。")


def _query(user: User) -> Any:
    return (
        select(TaskOrder, Unit.name.label("unit"), Issuer.name.label("issuer"))
        .join(Unit, Unit.id == TaskOrder.unit_id)
        .join(Issuer, Issuer.id == TaskOrder.issuer_unit_id)
        .where(tasks.visible(user))
    )


def _table(now: datetime) -> Table:
    is_open = TaskOrder.answered_at.is_(None)
    views = {
        "open": ("待反馈", is_open),
        "overdue": ("逾期待问责", tasks.awaits_decision(now)),
        "answered": ("已反馈", ~is_open),
        "": ("全部", TaskOrder.id.is_not(None)),
    }
    return Table(
        "task-orders", "任务督办",
        columns=(
            Column("what", "任务", lambda row: row.TaskOrder.what[:60], href=lambda row: f"{PAGE}/{row.TaskOrder.id}", long=True),
            Column("issuer", "督办机关", lambda row: row.issuer, sort=Issuer.name),
            Column("unit", "承办单位", lambda row: row.unit, sort=Unit.name),
            Column("until", "期限", lambda row: f"{row.TaskOrder.until_on:%Y-%m-%d}", sort=TaskOrder.cut_off_at, whole=True),
            Column("state", "状态", lambda row: state_of(row.TaskOrder, now)[1], tone=lambda row: state_of(row.TaskOrder, now)[0]),
            Column("outcome", "问责", lambda row: DECIDED.get(row.TaskOrder.outcome, "")),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="open"),
        ),
        sort="until", tie=TaskOrder.id,
    )  # fmt: skip
