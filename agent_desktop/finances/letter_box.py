"""`/finances/letter-box` (举报箱, M-116): inspectors register what was found in the box on a unit they supervise, as a complaint.

Handled and protected like every complaint; a letter counts from the day it was taken out (M-108).
"""

import secrets

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.keys import ATTACHMENTS, LINE, PUBLIC_URL
from agent_desktop.papers import BODY_KB, read_papers
from agent_desktop.ticket.page import who_asks
from agent_desktop.window.forms import came_at
from core.clock import beijing
from core.errors import HotlineError, InvalidInput
from core.people import Role, User
from core.units import Unit
from core.web.app import render
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.numbers import read_key
from core.web.requests import site_of
from core.web.routes import Routes
from core.web.uploads import Form
from tickets.finances.access import reach_of
from tickets.intake import attachments
from tickets.intake.once import Sent, once
from tickets.intake.slip import slip_for
from tickets.models import Channel
from tickets.moves import open_step
from tickets.oversight.causes import Cause
from tickets.service import Issued, register_complaint

routes = Routes()
MON = (Role.INSPECTOR,)


@routes.get("/finances/letter-box", roles=MON)
async def page(request: web.Request) -> web.StreamResponse:
    return await _page(request, Form())


@routes.post("/finances/letter-box", roles=MON, body_kb=BODY_KB)
async def register(request: web.Request) -> web.StreamResponse:
    """`unit`, `received_on`, `text`, perhaps `name`, `phone` and the scan; the slip has the query code, shown once."""
    form, papers = await read_papers(request)
    try:
        async with papers as received, request.app[DB].unit_of_work() as session:
            user = await who_asks(session, request)
            issued = await _stored(request, session, user, form, received)
            step = await open_step(session, issued.ticket)
    except HotlineError as error:
        if error.status >= 500:
            raise
        return await _page(request, form, error)
    site = site_of(request, request.app[PUBLIC_URL])
    return render(
        request, "finances/letter_slip.html", issued=issued, step=step, images=slip_for(site, issued.query_code),
        line=request.app[LINE],
    )  # fmt: skip


async def _stored(
    request: web.Request, session: AsyncSession, user: User, form: Form, papers: attachments.Received
) -> Issued:
    clock = request.app[CLOCK]
    unit = await _unit(session, user, form)
    received_at = came_at(read_day(form.text("received_on"), "开箱日期"), "开箱日期", clock)
    if not form.text("text").strip():
        raise InvalidInput(field="内容", reason="请填写信中反映的问题")

    async def first_time(seed: str) -> Issued:
        issued = await register_complaint(
            session, clock, call_id=None, region_id=unit.region_id, line=request.app[LINE], caller_number="",
            recording_id=None, about=None, text=form.text("text"), channel=Channel.LETTER, operator_id=user.id,
            received_at=received_at, cause=Cause.FINANCE, unit=unit, asker_name=form.text("name"),
            callback_number=form.text("phone"), code_seed=seed,
        )  # fmt: skip
        await attachments.attach(session, clock, issued.ticket.id, papers, user_id=user.id)
        return issued

    fields = ("unit", "received_on", "text", "name", "phone")
    sent = Sent(
        key=f"letter-box:{user.id}:{form.text('form')}", content=repr([form.text(name) for name in fields])
    )
    return await once(session, clock, sent, first_time)


async def _unit(session: AsyncSession, user: User, form: Form) -> Unit:
    key = read_key(form.text("unit"), "公开单位")
    unit = await session.get(Unit, key) if key in (await reach_of(session, user)).watched else None
    if unit is None:
        raise InvalidInput(field="公开单位", reason="请从列表中选择")
    return unit


async def _page(request: web.Request, given: Form, error: HotlineError | None = None) -> web.StreamResponse:
    today = beijing(request.app[CLOCK].now()).date()
    async with request.app[DB].reading() as session:
        reach = await reach_of(session, await who_asks(session, request))
        units = await session.scalars(
            select(Unit).where(Unit.id.in_(reach.watched)).order_by(Unit.region_id, Unit.code)
        )
    return render(
        request, "finances/letter_box.html", status=error.status if error else 200, error=error, given=given,
        units=units.all(), today=today, papers=request.app[ATTACHMENTS], form_number=secrets.token_urlsafe(12),
    )  # fmt: skip
