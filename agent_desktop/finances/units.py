"""`/finances/units` (公开单位): which units publish; how many of each category sign there, and the meetings they hold."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.finances.forms import chosen, numbers_of
from agent_desktop.finances.page import WORDS, form_of, typed_into
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import HotlineError, NotFound
from core.units import Unit
from core.web.app import render, see_other
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.numbers import read_key
from core.web.routes import Routes
from core.web.uploads import Form
from tickets.finances import meetings, signing
from tickets.finances.access import PEOPLE, Reach, reach_of
from tickets.finances.dossier import numbers_of as stored_numbers
from tickets.finances.feedback_models import MeetingKind

routes = Routes()


@routes.get("/finances/units", roles=PEOPLE)
async def listing(request: web.Request) -> web.StreamResponse:
    """One's own units, and those watched that publish."""
    async with request.app[DB].reading() as session:
        reach = await reach_of(session, await who_asks(session, request))
        wanted = select(Unit).where(Unit.id.in_(reach.seen)).order_by(Unit.region_id, Unit.code)
        units = (await session.scalars(wanted)).all()
    return render(request, "finances/units.html", units=units)


@routes.get("/finances/units/{unit:[0-9]{1,9}}", roles=PEOPLE)
async def page(request: web.Request) -> web.StreamResponse:
    return await show(request)


@routes.post("/finances/units/{unit:[0-9]{1,9}}/numbers", roles=PEOPLE)
async def set_numbers(request: web.Request) -> web.StreamResponse:
    """A number for each category."""
    form = await form_of(request)
    unit_id = int(request.match_info["unit"])
    try:
        numbers = numbers_of(form)
        async with request.app[DB].unit_of_work() as session:
            user = await who_asks(session, request)
            await signing.set_numbers(
                session, request.app[CLOCK], user=user, unit_id=unit_id, numbers=numbers
            )
    except HotlineError as error:
        if error.status != 422:
            raise
        return await show(request, error, form, "numbers")
    return see_other(f"/finances/units/{unit_id}", flash="签字人数已保存。")


@routes.post("/finances/units/{unit:[0-9]{1,9}}/meetings", roles=PEOPLE)
async def enter_meeting(request: web.Request) -> web.StreamResponse:
    """`meeting`: kind and year; `held_on`, `people`, `result`."""
    form = await form_of(request)
    unit_id = int(request.match_info["unit"])
    kind, _, year = form.text("meeting").partition(":")
    try:
        async with request.app[DB].unit_of_work() as session:
            await meetings.enter(
                session, request.app[CLOCK], user=await who_asks(session, request), unit_id=unit_id,
                kind=chosen(MeetingKind, kind, "会议"), year=read_key(year, "会议"), people=form.text("people"),
                held_on=read_day(form.text("held_on"), "召开日期"), result=form.text("result"),
            )  # fmt: skip
    except HotlineError as error:
        if error.status not in {409, 422}:
            raise
        return await show(request, error, form, "meeting")
    return see_other(f"/finances/units/{unit_id}", flash="会议结果已登记。")


async def show(
    request: web.Request, error: HotlineError | None = None, given: Form | None = None, deed: str = ""
) -> web.StreamResponse:
    """The unit's page; after a refusal with its sentence and the form of this `deed` as it was filled in. Raises NotFound."""
    today = beijing(request.app[CLOCK].now()).date()
    async with request.app[DB].reading() as session:
        reach = await reach_of(session, await who_asks(session, request))
        unit = await unit_of(session, request, reach)
        numbers = await stored_numbers(session, unit.id)
        found = await meetings.meetings_of(session, [unit.id], today)
    return render(
        request, "finances/unit.html", status=error.status if error else 200, error=error, unit=unit, today=today,
        numbers=numbers, meetings=[one for one in found if one.is_shown(today)], typed=typed_into(given, deed),
        may_set=unit.id in reach.watched, works=unit.id in reach.own, **WORDS,
    )  # fmt: skip


async def unit_of(session: AsyncSession, request: web.Request, reach: Reach) -> Unit:
    """The unit of the address; raises NotFound for one out of reach."""
    unit = await session.get(Unit, int(request.match_info["unit"]))
    if unit is None or unit.id not in reach.seen:
        raise NotFound
    return unit
