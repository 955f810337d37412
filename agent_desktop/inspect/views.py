"""`/inspect` (监察): the lists: clocks of the level, complaints, accountability, sealed tickets."""

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web
from sqlalchemy import ColumnElement, select

from agent_desktop.finances import rectifications
from agent_desktop.inspect import audit, outside, panels, records, work
from agent_desktop.ticket import words
from agent_desktop.ticket.listing import BY_CLASS, OPEN, columns, in_words, tickets_query
from agent_desktop.ticket.page import who_asks
from core.people import Role, User
from core.units import Unit, UnitDuty
from core.web.app import add_room
from core.web.keys import CLOCK, DB
from core.web.lists import Filter, Query, Table, period, serve_list
from core.web.routes import Routes
from tickets import sealing
from tickets.access import supervised_units
from tickets.models import State, Step, Ticket, TicketKind
from tickets.oversight import accountability
from tickets.oversight.causes import CAUSES

routes = Routes()
MON = (Role.INSPECTOR,)
_ASKED = Ticket.kind != TicketKind.COMPLAINT
_COMPLAINT = Ticket.kind == TicketKind.COMPLAINT
Views = dict[str, tuple[str, ColumnElement[bool]]]


@routes.get("/inspect", roles=MON, nav="监察")
async def clocks(request: web.Request) -> web.StreamResponse:
    """Open, due soon, overdue, unexplained, explained, passed around; above them, whether rectifications are overdue (M-118)."""
    user, units, watched = await _asked_by(request, Unit.duty != UnitDuty.INSPECTION)
    query = tickets_query(user).where(_ASKED)
    views = _clock_views(watched, _now(request))
    async with request.app[DB].reading() as session:
        late = await rectifications.overdue(session, user, _now(request))
    return await _serve(
        request, "inspect", "监察", views, "overdue", query, units, BY_CLASS, rectifications_overdue=late
    )


@routes.get("/inspect/complaints", roles=MON, nav="投诉")
async def complaints(request: web.Request) -> web.StreamResponse:
    user, units, watched = await _asked_by(request, Unit.duty == UnitDuty.INSPECTION)
    query = tickets_query(user).where(_COMPLAINT)
    views = _complaint_views(watched, _now(request))
    by_cause = Filter("cause", "投诉事由", lambda key: Ticket.cause == key, CAUSES)
    return await _serve(request, "complaints", "投诉", views, "open", query, units, by_cause)


@routes.get("/inspect/sealed", roles=sealing.SEALERS, nav="封存")
async def sealed(request: web.Request) -> web.StreamResponse:
    """What only inspectors and secrecy reviewers see (M-86)."""
    user, units, _ = await _asked_by(request)
    query = tickets_query(user).where(Ticket.sealed.is_(True))
    everything: Views = {"": ("全部", Ticket.sealed.is_(True))}
    return await _serve(request, "sealed", "已封存", everything, "", query, units)


async def _serve(
    request: web.Request,
    name: str,
    title: str,
    views: Views,
    default: str,
    query: Query,
    units: dict[str, str],
    *more: Filter,
    rectifications_overdue: int = 0,
) -> web.StreamResponse:
    table = Table(
        name, title,
        columns=columns(_now(request)),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default=default),
            Filter("q", "工单号或文字", in_words),
            Filter("unit", "承办单位", lambda key: Step.unit_id == int(key), units),
            Filter("channel", "来源", lambda key: Ticket.channel == key, words.CHANNELS),
            *more,
            *period("due", "到期", Step.due_on),
        ),
        sort="due", tie=Ticket.id, keys_first=True,
    )  # fmt: skip
    return await serve_list(
        request, table, query, "inspect/list.html", rectifications_overdue=rectifications_overdue
    )


def _clock_views(watched: Sequence[int], now: datetime) -> Views:
    running = OPEN & Step.unit_id.in_(watched)
    late = running & (Step.cut_off_at < now)
    return {
        "open": ("在办", running),
        "soon": ("即将到期", running & (Step.warn_at <= now) & (Step.cut_off_at >= now)),
        "overdue": ("已逾期", late),
        "unexplained": ("逾期未说明", running & accountability.is_accountable(now)),
        "explained": ("已说明", late & Step.explained_at.is_not(None)),
        "ping_pong": ("推诿标记", running & Step.ping_pong.is_(True)),
        "extended": ("已延期", Step.extended_at.is_not(None)),
        "": ("全部", Ticket.id.is_not(None)),
    }


def _complaint_views(watched: Sequence[int], now: datetime) -> Views:
    running = OPEN & Step.unit_id.in_(watched)
    return {
        "open": ("待办结", running),
        "new": ("待受理", running & (Ticket.state == State.C_NEW)),
        "working": ("调查中", running & (Ticket.state == State.C_WORKING)),
        "overdue": ("已逾期", running & (Step.cut_off_at < now)),
        "replied": ("已答复", Ticket.state.in_([State.C_REPLIED, State.C_CLOSED])),
        "rejected": ("不予受理", Ticket.state == State.C_REJECTED),
        "judicial": ("移交司法", Ticket.state == State.C_JUDICIAL),
        "": ("全部", Ticket.id.is_not(None)),
    }


async def _asked_by(
    request: web.Request, *holders: ColumnElement[bool]
) -> tuple[User, dict[str, str], Sequence[int]]:
    """Who asks, the units of their level for the filter, and the keys of the `holders` among those they watch.

    `visible_to` says the same of those, but not in a way an index could follow; written into the query, they can be.
    """
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        own_level = select(Unit).where(Unit.region_id == user.region_id).order_by(Unit.code)
        units = {str(unit.id): unit.name for unit in await session.scalars(own_level)}
        watched = select(Unit.id).where(Unit.id.in_(supervised_units(user)), *holders)
        return user, units, (await session.scalars(watched)).all()


def _now(request: web.Request) -> datetime:
    return request.app[CLOCK].now()


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.inspect", prefix="inspect")
    for part in (routes, records.routes, outside.routes, audit.routes, work.routes):
        part.register(app)
    panels.setup(app)
