"""`/mayor` (市长热线往来登记, M-122): the register as a list, what comes from there, hand-overs from a ticket, slips."""

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.keys import LINE
from agent_desktop.mayor import panels
from agent_desktop.ticket.acting import act
from agent_desktop.ticket.listing import subject_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import HotlineError, InvalidInput
from core.people import Role, User
from core.units import Unit
from core.web.app import add_room, render
from core.web.days import read_day_if_any
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Table, period, serve_list
from core.web.numbers import read_key
from core.web.routes import Routes
from tickets.access import is_shielded, visible_to
from tickets.intake.ask import Question, askable_units
from tickets.intake.once import Sent, once
from tickets.lifecycle import STATE_NAMES
from tickets.mayor import referrals
from tickets.mayor.models import DIRECTIONS, WAYS, Direction, MayorReferral, Way
from tickets.mayor.referrals import KEEPERS, Told
from tickets.models import Channel, Ticket

routes = Routes()
WATCHERS = KEEPERS | {Role.INSPECTOR}
Fields = Mapping[str, str]


@routes.get("/mayor", roles=WATCHERS, nav="市长热线")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
    query = (
        select(MayorReferral, Ticket, User.display_name.label("person"))
        .join(Ticket, Ticket.id == MayorReferral.ticket_id)
        .join(User, User.id == MayorReferral.by_id)
        .where(visible_to(user))
    )
    keeps = bool(user.roles & KEEPERS)
    today = beijing(request.app[CLOCK].now()).date()
    return await serve_list(request, _table(today), query, "mayor/index.html", keeps=keeps)


def _table(today: date) -> Table:
    waiting = MayorReferral.answered_at.is_(None)
    views: dict[str, tuple[str, ColumnElement[bool]]] = {
        "open": ("待回复", waiting),
        "late": ("逾期未回复", waiting & (MayorReferral.due_on < today)),
        "answered": ("已回复", ~waiting),
        "": ("全部", MayorReferral.id.is_not(None)),
    }
    return Table(
        "mayor-referrals", "市长热线往来",
        columns=(
            Column("at", "时间", lambda row: f"{beijing(row.MayorReferral.at):%Y-%m-%d %H:%M}", sort=MayorReferral.at, whole=True),
            Column("direction", "往来", lambda row: f"{WAYS[row.MayorReferral.way]}{DIRECTIONS[row.MayorReferral.direction]}", sort=MayorReferral.direction),
            Column("their_no", "对方编号", lambda row: row.MayorReferral.their_no, sort=MayorReferral.their_no),
            Column("no", "工单号", lambda row: row.Ticket.ticket_no, sort=Ticket.ticket_no,
                   href=lambda row: f"/tickets/{row.Ticket.ticket_no}"),
            Column("question", "问题", lambda row: subject_of(row.Ticket), long=True),
            Column("ticket_state", "工单状态", lambda row: STATE_NAMES[row.Ticket.state]),
            Column("due", "回复期限", lambda row: f"{row.MayorReferral.due_on or ''}", sort=MayorReferral.due_on, whole=True),
            Column("state", "往来状态", lambda row: panels.state_of(row.MayorReferral, today)[1],
                   tone=lambda row: panels.state_of(row.MayorReferral, today)[0]),
            Column("person", "经办", lambda row: row.person),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="open"),
            Filter("q", "编号", lambda text: (MayorReferral.their_no == text) | Ticket.ticket_no.endswith(text, autoescape=True)),
            Filter("direction", "往来", lambda key: MayorReferral.direction == key, DIRECTIONS),
            Filter("way", "渠道", lambda key: MayorReferral.way == key, WAYS),
            *period("at", "时间", MayorReferral.at),
        ),
        sort="-at", tie=MayorReferral.id,
    )  # fmt: skip


@routes.get("/mayor/new", roles=KEEPERS)
async def form(request: web.Request) -> web.StreamResponse:
    return await _form(request, {})


@routes.post("/mayor/new", roles=KEEPERS)
async def take_in(request: web.Request) -> web.StreamResponse:
    """`way`, `their_no`, `due_on`, `subject`, `text`, `name`, `phone`, `unit` (a key; empty: the office finds out), `note`.

    The slip that comes back is the only place where the query code stands.
    """
    fields = {name: str(value) for name, value in (await request.post()).items()}
    try:
        return await _taken_in(request, fields)
    except HotlineError as error:
        if error.status >= 500:
            raise
        return await _form(request, fields, error)


async def _taken_in(request: web.Request, fields: Fields) -> web.Response:
    app, me = request.app, person(request)
    if me.region_id is None:
        raise InvalidInput(field="账号", reason="没有设置地区，请联系管理员")
    question = Question(
        text=_text(fields), channel=Channel.MAYOR, line=app[LINE], region_id=me.region_id,
        unit_id=read_key(fields["unit"], "承办单位") if fields.get("unit") else None,
        subject=fields.get("subject", ""), asker_name=fields.get("name", ""), callback_number=fields.get("phone", ""),
    )  # fmt: skip
    told = _told(fields)
    sent = Sent(key=f"mayor:{me.user_id}:{fields.get('form', '')[:40]}", content=f"{question} {told}")
    async with app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        issued = await once(
            session, app[CLOCK], sent,
            lambda seed: referrals.take_in(session, app[CLOCK], user=user, question=question, told=told, code_seed=seed),
        )  # fmt: skip
        (row,) = await referrals.of_ticket(session, issued.ticket.id)
        return await _slip(request, session, user, row, issued.ticket, issued.query_code)


def _text(fields: Fields) -> str:
    if not fields.get("text", "").strip():
        raise InvalidInput(field="内容", reason="请填写")
    return fields["text"]


def _told(fields: Fields) -> Told:
    due_on = read_day_if_any(fields.get("due_on", ""), "回复期限")
    return Told(fields.get("way", ""), fields.get("their_no", ""), fields.get("note", ""), due_on)


async def _form(request: web.Request, given: Fields, error: HotlineError | None = None) -> web.StreamResponse:
    me = person(request)
    async with request.app[DB].reading() as session:
        units = await askable_units(session, me.region_id) if me.region_id else []
    return render(
        request, "mayor/new.html", status=error.status if error else 200, error=error, given=given, units=units, ways=WAYS,
        today=beijing(request.app[CLOCK].now()).date(), form_number=given.get("form") or secrets.token_urlsafe(12),
    )  # fmt: skip


@routes.get("/mayor/{id:[0-9]{1,9}}/slip", roles=KEEPERS)
async def slip(request: web.Request) -> web.StreamResponse:
    """移交单: to be printed and to go with the matter."""
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        row, ticket = await referrals.find(session, user, int(request.match_info["id"]))
        return await _slip(request, session, user, row, ticket)


async def _slip(
    request: web.Request,
    session: AsyncSession,
    user: User,
    row: MayorReferral,
    ticket: Ticket,
    code: str = "",
) -> web.Response:
    """`code`: when the ticket was opened a moment ago."""
    unit = await session.get(Unit, user.unit_id) if user.unit_id else None
    return render(
        request, "mayor/slip.html", row=row, ticket=ticket, unit=unit, by=await session.get_one(User, row.by_id), code=code,
        shielded=await is_shielded(session, user, ticket), line=request.app[LINE],
        way=WAYS[Way(row.way)], direction=DIRECTIONS[Direction(row.direction)],
    )  # fmt: skip


@routes.post("/tickets/{ticket_no}/mayor", roles=KEEPERS)
async def hand_over(request: web.Request) -> web.StreamResponse:
    """`way`, `note`, and `their_no` and `due_on` where known."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await referrals.hand_over(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"], user=user, told=_told(fields)
        )  # fmt: skip

    return await act(request, "mayor", work, "移交已登记，可打印移交单。")


@routes.post("/tickets/{ticket_no}/mayor-number", roles=KEEPERS)
async def set_number(request: web.Request) -> web.StreamResponse:
    """`referral` and `their_no`."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await referrals.set_number(
            session, request.app[CLOCK], user=user, their_no=fields.get("their_no", ""), **_which(fields)
        )

    return await act(request, "mayor_number", work, "对方编号已登记。")


@routes.post("/tickets/{ticket_no}/mayor-answer", roles=KEEPERS)
async def answered(request: web.Request) -> web.StreamResponse:
    """`referral` and `answer`: what they told us, or we told them."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await referrals.answered(
            session, request.app[CLOCK], user=user, text=fields.get("answer", ""), **_which(fields)
        )

    return await act(request, "mayor_answer", work, "回复已登记。")


def _which(fields: Fields) -> dict[str, Any]:
    return {"referral_id": read_key(fields.get("referral", ""), "往来记录")}


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.mayor", prefix="mayor")
    routes.register(app)
    panels.setup(app)
