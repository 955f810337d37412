"""`/window` (窗口受理): search, register one or several items, give the slip; letters and visits with their scan.

Clerks and operators take questions, applications for disclosure (M-110; operators also for callers who cannot write one)
and complaints; inspectors, at the window of 监察 (M-119), complaints alone. A unit's people register what is asked of
their own unit, offices for their level, supervisors for their region (§5.9).
"""

import secrets
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from agent_desktop.keys import ATTACHMENTS, LINE, PUBLIC_URL, SEARCHER
from agent_desktop.papers import BODY_KB, read_papers
from agent_desktop.window.forms import DOORS, KINDS, MOST_ITEMS, Item, Walk, walk_of
from core.clock import beijing
from core.errors import HotlineError, InvalidInput, NotFound
from core.people import Role
from core.units import Unit
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB, person
from core.web.requests import site_of
from core.web.routes import Routes
from core.web.uploads import Form
from tickets.intake import attachments
from tickets.intake.ask import Question, answer_at_once, ask, askable_units
from tickets.intake.disclosure import apply
from tickets.intake.models import WAYS
from tickets.intake.once import Sent, once
from tickets.intake.slip import Slip, slip_for
from tickets.lifecycle import STATE_NAMES
from tickets.models import Channel, Step, Ticket, TicketKind
from tickets.moves import open_step
from tickets.oversight.causes import CAUSES
from tickets.service import Issued, register_complaint

routes = Routes()
OF_BOTH = frozenset({Role.WINDOW, Role.OPERATOR})
OF_LEVEL = OF_BOTH | {Role.OFFICE, Role.SUPERVISOR}
ASKERS = OF_LEVEL | {Role.LIAISON}
COMPLAINT_TAKERS = OF_BOTH | {Role.INSPECTOR}
CLERKS = ASKERS | COMPLAINT_TAKERS
SHOWN = 30
SHOWN_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Given:
    """One item of the slip."""

    issued: Issued
    text: str
    unit_name: str
    step: Step | None
    images: Slip


@routes.get("/window", roles=CLERKS, nav="窗口受理")
async def page(request: web.Request) -> web.StreamResponse:
    """`kind` and `door` may be chosen beforehand by the address, as the desk's link does."""
    chosen = {name: request.query.get(name, "")[:20] for name in ("door", "kind")}
    return await _page(request, Form({"door": chosen["door"] or "window", "kind": chosen["kind"]}))


@routes.get("/window/search", roles=CLERKS)
async def search(request: web.Request) -> web.StreamResponse:
    """Answers in full, to be read out across the counter."""
    query, me = request.query.get("q", "").strip()[:100], person(request)
    searcher = request.app[SEARCHER]
    hits = (
        await searcher.search(query, limit=10, audience="staff", own_region_id=me.region_id) if query else []
    )
    if query and not hits:
        await searcher.not_found(query, me.user_id)
    entries: list[dict[str, Any]] = []
    for hit in hits:
        with suppress(NotFound):  # withdrawn a moment ago
            entries.append(await searcher.entry(hit.id, audience="staff"))
    return render(request, "window/search.html", query=query, entries=entries)


@routes.post("/window", roles=CLERKS, body_kb=BODY_KB)
async def register(request: web.Request) -> web.StreamResponse:
    form, papers = await read_papers(request)
    try:
        walk = walk_of(form, request.app[CLOCK])
        _may(request, walk)
        given = await _stored(request, form, walk, papers)
    except HotlineError as error:
        if error.status >= 500:
            raise
        return await _page(request, form, error)
    return render(request, "window/slip.html", given=given, walk=walk, doors=DOORS, line=request.app[LINE])


def _may(request: web.Request, walk: Walk) -> None:
    roles = person(request).roles
    is_complaint = walk.kind == TicketKind.COMPLAINT
    if not is_complaint and not roles & ASKERS:
        raise InvalidInput(field="类别", reason="监察窗口只登记投诉举报，提问请到政务服务窗口登记")
    if is_complaint and not roles & COMPLAINT_TAKERS:
        raise InvalidInput(field="类别", reason="投诉举报由监察窗口、政务服务窗口或话务员登记")
    if walk.door == Channel.PHONE and Role.OPERATOR not in roles:
        raise InvalidInput(field="来源", reason="电话申请由话务员代填")
    is_answered = any(item.answer.strip() for item in walk.items)
    if is_answered and (walk.kind != TicketKind.QUESTION or not roles & OF_BOTH):
        raise InvalidInput(field="当场答复", reason="请登记后在工单页上答复")


async def _stored(
    request: web.Request, form: Form, walk: Walk, papers: AbstractAsyncContextManager[attachments.Received]
) -> list[Given]:
    """All items or none, in one unit of work; the papers go with each."""
    async with papers as received, request.app[DB].unit_of_work() as session:
        return [
            await _one(request, session, walk, item, f"{form.text('form')}:{position}", received)
            for position, item in enumerate(walk.items)
        ]


async def _one(
    request: web.Request,
    session: AsyncSession,
    walk: Walk,
    item: Item,
    key: str,
    papers: attachments.Received,
) -> Given:
    clock, me = request.app[CLOCK], person(request)
    unit = await _unit(request, session, item.unit)
    is_first = key.endswith(":0")

    async def first_time(seed: str) -> Issued:
        issued = await _opened(request, session, walk, item, unit, seed)
        if is_first:
            await attachments.attach(session, clock, issued.ticket.id, papers, user_id=me.user_id)
        return issued

    sent = Sent(
        key=f"window:{me.user_id}:{key}",
        content=f"{walk.door} {walk.kind} {walk.cause} {walk.way} {walk.address} {item}",
    )
    issued = await once(session, clock, sent, first_time)
    site = site_of(request, request.app[PUBLIC_URL])
    step = await open_step(session, issued.ticket)
    return Given(issued, item.text, unit.name if unit else "", step, slip_for(site, issued.query_code))


async def _opened(
    request: web.Request, session: AsyncSession, walk: Walk, item: Item, unit: Unit | None, seed: str
) -> Issued:
    clock, me, line = request.app[CLOCK], person(request), request.app[LINE]
    if me.region_id is None:
        raise InvalidInput(field="账号", reason="没有设置地区，请联系管理员")
    if walk.kind == TicketKind.COMPLAINT:
        return await register_complaint(
            session, clock, call_id=None, region_id=me.region_id, line=line, caller_number="", recording_id=None,
            about=None, text=item.text, channel=walk.door, operator_id=me.user_id, received_at=walk.received_at,
            unit=unit, cause=walk.cause, asker_name=walk.name,
            callback_number=walk.phone, code_seed=seed,
        )  # fmt: skip
    question = Question(
        text=item.text, channel=walk.door, line=line, region_id=me.region_id, unit_id=unit.id if unit else None,
        asker_name=walk.name, callback_number=walk.phone, operator_id=me.user_id, received_at=walk.received_at,
    )  # fmt: skip
    if walk.kind == TicketKind.DISCLOSURE:
        return await apply(session, clock, question, way=walk.way, address=walk.address, code_seed=seed)
    if item.answer.strip():
        return await answer_at_once(session, clock, question, item.answer, code_seed=seed)
    return await ask(session, clock, question, code_seed=seed)


async def _unit(request: web.Request, session: AsyncSession, code: str) -> Unit | None:
    """The unit chosen: a unit's people have their own alone; a complaint may be about any."""
    units = await _units(request, session)
    if not code and person(request).roles & (OF_LEVEL | COMPLAINT_TAKERS):
        return None
    unit = next((one for one in units if one.code == code), None)
    if unit is None:
        raise InvalidInput(field="单位", reason="请从列表中选择")
    return unit


async def _units(request: web.Request, session: AsyncSession) -> list[Unit]:
    me = person(request)
    units = await askable_units(session, me.region_id) if me.region_id else []
    is_wide = bool(me.roles & (OF_LEVEL | COMPLAINT_TAKERS))
    return units if is_wide else [unit for unit in units if unit.id == me.unit_id]


async def _page(request: web.Request, given: Form, error: HotlineError | None = None) -> web.StreamResponse:
    clock, me = request.app[CLOCK], person(request)
    async with request.app[DB].reading() as session:
        units = await _units(request, session)
        mine = await _mine(session, clock.now() - SHOWN_FOR, me.user_id)
    return render(
        request, "window/index.html", status=error.status if error else 200, given=given, error=error, units=units,
        doors=_doors(me.roles), all_doors=DOORS, kinds=_kinds(me.roles), ways=WAYS, items=range(1, MOST_ITEMS + 1), today=beijing(clock.now()).date(), mine=mine, states=STATE_NAMES,
        form_number=secrets.token_urlsafe(12), papers=request.app[ATTACHMENTS],
        answers=bool(me.roles & OF_BOTH), causes=CAUSES, may_leave_open=bool(me.roles & (OF_LEVEL | COMPLAINT_TAKERS)),
    )  # fmt: skip


def _kinds(roles: frozenset[Role]) -> dict[TicketKind, str]:
    """What these people register."""
    takes = {kind: COMPLAINT_TAKERS if kind == TicketKind.COMPLAINT else ASKERS for kind in KINDS}
    return {kind: name for kind, name in KINDS.items() if roles & takes[kind]}


def _doors(roles: frozenset[Role]) -> dict[Channel, str]:
    """By which doors people come to them; callers come to operators alone."""
    return {door: name for door, name in DOORS.items() if door != Channel.PHONE or Role.OPERATOR in roles}


async def _mine(session: AsyncSession, since: Any, user_id: int) -> list[Ticket]:
    """What this person registered lately at the window; complaints are the inspectors' alone."""
    query = select(Ticket).where(
        Ticket.operator_id == user_id,
        Ticket.received_at >= since,
        Ticket.channel.in_(set(DOORS) - {Channel.PHONE}) | (Ticket.kind == TicketKind.DISCLOSURE),
        Ticket.kind != TicketKind.COMPLAINT,
    )
    newest = query.options(joinedload(Ticket.unit)).order_by(Ticket.id.desc()).limit(SHOWN)
    return list(await session.scalars(newest))


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.window", prefix="window")
    routes.register(app)
