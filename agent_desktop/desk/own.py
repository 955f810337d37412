"""An operator's own tickets and the call centre's box (我的工单、留言箱, §5.7): lists, and registering from the ticket's page.

A message or an unfinished ticket is registered with the same outcomes as at the end of a call.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket import words
from agent_desktop.ticket.acting import act
from agent_desktop.ticket.listing import columns, in_words, tickets_query
from agent_desktop.ticket.page import who_asks
from agent_desktop.ticket.panels import Case, add_panel
from core.people import Role, User
from core.units import Region, Unit, UnitDuty, regions_below
from core.web.keys import CLOCK, DB
from core.web.lists import Filter, Table, period, serve_list
from core.web.routes import Routes
from tickets import service
from tickets.access import messages_for, ticket_for
from tickets.models import Feedback, Outcome, State, Ticket

routes = Routes()
OPERATOR = (Role.OPERATOR,)
OUTCOMES = {
    Outcome.ASSIGNED: "转单位办理",
    Outcome.UNCLEAR: "无法明确部门 → 政府办",
    Outcome.ANSWERED: "已电话答复",
    Outcome.OTHER_WAYS: "已告知其他查询方式",
    Outcome.OUT_OF_SCOPE: "日常事务，超出范围",
    Outcome.DUPLICATE: "与其他工单并案",
    Outcome.INVALID: "无效、空白留言",
}
TEXTS = ("subject", "question", "answer", "guidance", "reason", "question_class", "feedback", "unit_id")


@routes.get("/desk/tickets", roles=OPERATOR, nav="我的工单")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
    table = own_tickets(user, request.app[CLOCK].now())
    return await serve_list(request, table, tickets_query(user, with_unsent=True), "desk/own.html")


def own_tickets(user: User, now: datetime) -> Table:
    """What the operator has still to finish, what is in the box, what is to be told by telephone, all of it."""
    own = Ticket.operator_id == user.id
    tell = own & (Ticket.feedback == Feedback.CALL_BACK) & (Ticket.state == State.REPLIED)
    views: dict[str, tuple[str, ColumnElement[bool]]] = {
        "unfinished": ("未完成", own & (Ticket.state == State.NEW)),
        "box": ("留言箱", messages_for(user)),
        "tell": ("待电话回复", tell),
        "": ("全部", own),
    }
    tabs = {key: label for key, (label, _) in views.items()}
    return Table(
        "own-tickets", "我的工单",
        columns=columns(now),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], tabs, kind="tabs", default="unfinished"),
            Filter("q", "工单号或文字", in_words),
            Filter("channel", "来源", lambda key: Ticket.channel == key, words.CHANNELS),
            *period("received", "收到", Ticket.received_at),
        ),
        sort="-received", tie=Ticket.id,
    )  # fmt: skip


@routes.post("/tickets/{ticket_no}/register", roles=OPERATOR)
async def register(request: web.Request) -> web.StreamResponse:
    """`outcome` and the texts it needs, in one unit of work; `version` is the draft's the page was made from."""
    number = request.match_info["ticket_no"]

    async def work(session: AsyncSession, user: User, fields: Mapping[str, str]) -> None:
        await ticket_for(session, user, number)
        version = fields.get("version", "")
        await service.save_draft(
            session, request.app[CLOCK], ticket_no=number, operator_id=user.id,
            fields={name: fields[name] for name in TEXTS if name in fields},
            version=int(version) if version.isdecimal() and len(version) < 9 else 0,
        )  # fmt: skip
        await service.finish(
            session, request.app[CLOCK], ticket_no=number, operator_id=user.id, outcome=fields.get("outcome", ""),
            duplicate_of=fields.get("duplicate_of", "").strip()[:20],
        )  # fmt: skip

    return await act(request, "register", work, "已登记。")


async def registering(case: Case) -> Mapping[str, Any] | None:
    """The form, for an own unfinished ticket or a message nobody has taken."""
    ticket = case.ticket
    if ticket.state != State.NEW or ticket.operator_id not in (None, case.user.id):
        return None
    own_and_below = Unit.region_id.in_(regions_below(ticket.region_id))
    units = (
        select(Unit.id, Unit.code, Unit.name, Region.name.label("region"))
        .join(Region, Region.id == Unit.region_id)
        .where(own_and_below, Unit.is_active.is_(True), Unit.duty == UnitDuty.DEPARTMENT)
        .order_by(Unit.region_id != ticket.region_id, Unit.region_id, Unit.code)
    )
    return {"outcomes": OUTCOMES, "units": (await case.session.execute(units)).all()}


def setup(app: web.Application) -> None:
    routes.register(app)
    add_panel(app, OPERATOR, "desk/registering.html", registering)
