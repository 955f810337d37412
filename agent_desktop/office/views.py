"""`/office` (政府办): the dispatch queue for phone and web in one list, and what is due, late or passed around in its level."""

from collections.abc import Iterable
from datetime import datetime

from aiohttp import web
from sqlalchemy import ColumnElement, Select, select

from agent_desktop.office import panels, work
from agent_desktop.ticket import words
from agent_desktop.ticket.listing import BY_CLASS, OPEN, columns, in_words, tickets_query
from agent_desktop.ticket.page import who_asks
from core.people import Role, User
from core.units import Unit, UnitDuty
from core.web.app import add_room
from core.web.keys import CLOCK, DB
from core.web.lists import Filter, Table, period, serve_list
from core.web.routes import Routes
from tickets.models import State, Step, Ticket

routes = Routes()


@routes.get("/office", roles=(Role.OFFICE,), nav="政府办")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        units = {str(unit.id): unit.name for unit in await session.scalars(_units(user))}
    table = _table(user, request.app[CLOCK].now(), units)
    return await serve_list(request, table, tickets_query(user), "office/index.html")


def _table(user: User, now: datetime, units: dict[str, str]) -> Table:
    views = _views(user, units, now)
    return Table(
        "office", "政府办工单",
        columns=columns(now),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="queue"),
            Filter("q", "工单号或文字", in_words),
            Filter("channel", "来源", lambda key: Ticket.channel == key, words.CHANNELS),
            Filter("unit", "承办单位", lambda key: Step.unit_id == int(key), units),
            BY_CLASS,
            *period("due", "到期", Step.due_on),
        ),
        sort="due", tie=Ticket.id, keys_first=True,
    )  # fmt: skip


def _views(user: User, units: Iterable[str], now: datetime) -> dict[str, tuple[str, ColumnElement[bool]]]:
    """The tabs: the own queue, then the own level (「各级」, §5.9: level and region, read).

    The level's units are written into the query as keys, so that an index gives their open steps.
    """
    own = OPEN & (Step.unit_id == user.unit_id)
    level = OPEN & Step.unit_id.in_([int(key) for key in units])
    handed_on = select(Step.ticket_id).where(Step.unit_id == user.unit_id, Step.finished_at.is_not(None))
    return {
        "queue": ("待区分转交", own & (Ticket.state == State.DISPATCH)),
        "soon": ("本级即将到期", level & (Step.warn_at <= now) & (Step.cut_off_at >= now)),
        "overdue": ("本级已逾期", level & (Step.cut_off_at < now)),
        "ping_pong": ("推诿标记", level & Step.ping_pong.is_(True)),
        "level": ("本级在办", level),
        "done": ("本办已转交", Ticket.id.in_(handed_on)),
    }


def _units(user: User) -> Select[Unit]:
    """Those of the level that hold questions; complaints are no office's to see."""
    holders = (Unit.region_id == user.region_id) & (Unit.duty != UnitDuty.INSPECTION)
    return select(Unit).where(holders).order_by(Unit.code)


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.office", prefix="office")
    routes.register(app)
    work.routes.register(app)
    panels.setup(app)
