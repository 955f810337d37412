"""`/supervise` (通话记录): the calls of one's scope, as a list, as a file, and each with its story (M-57, M-59)."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.supervise import access, forms, listen, live, owed, phrases, retention, scores
from agent_desktop.supervise.alarms import alarms_for, of_service
from agent_desktop.supervise.export import call_rows
from agent_desktop.supervise.one_call import GIVEN, call_page
from agent_desktop.supervise.plays import PLAYS, Plays
from core import audit
from core.errors import InvalidInput
from core.people import Role, RoleGrant, User
from core.units import Liaison, Region, Unit
from core.web import changes
from core.web.app import add_room, render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.lists import EXPORT_MOST, export_answer, page_of
from core.web.requests import source_of
from core.web.routes import Routes
from recordings import calls
from recordings.call_story import story
from recordings.calls import Scope
from recordings.models import CallEnd, CallMark
from tickets.events import CodeGuessing

routes = Routes()


@routes.get("/supervise", roles=access.CALLS, nav="通话记录")
async def listing(request: web.Request) -> web.StreamResponse:
    query = request.query
    wanted, page = forms.call_filter(query), page_of(query)
    async with request.app[DB].reading() as session:
        who = await access.listener(request, session)
        scope = access.scope(request, who)
        counts = await calls.counts_by_end(session, wanted, scope)
        found = await calls.listing(session, wanted, scope, page=page)
        choices = await _choices(session, scope)
        alarms, service = await alarms_for(request, session), await of_service(request, session, who)
    total = sum(counts.values())
    return render(
        request,
        "supervise/calls.html",
        found=found,
        alarms=alarms,
        service=service,
        total=total,
        counts=[(text, counts[end]) for end, text in forms.ENDS.items() if counts.get(end)],
        running=counts.get(None, 0),
        page=page,
        pages=max(1, -(-total // calls.PAGE)),
        query=query,
        wanted=wanted,
        link=lambda **changes: forms.link(query, **changes),
        ends=forms.ENDS,
        scores=forms.SCORE_CHOICES,
        story=story,
        CallEnd=CallEnd,
        **choices,
    )


async def _choices(session: AsyncSession, scope: Scope) -> dict[str, Any]:
    """What the form offers: people, units and lines within the scope."""
    operators = (
        select(User).join(RoleGrant, RoleGrant.user_id == User.id).where(RoleGrant.role == Role.OPERATOR)
    )
    units = select(Unit).where(Unit.id.in_(select(Liaison.unit_id)))
    if not scope.everything:
        regions = scope.region_ids
        operators = operators.where(User.region_id.in_(regions) | (User.id == scope.operator_id))
        units = units.where(Unit.region_id.in_(regions) | (Unit.id == scope.unit_id))
    return {
        "operators": (await session.scalars(operators.order_by(User.staff_number, User.id))).all(),
        "units": (await session.scalars(units.order_by(Unit.region_id, Unit.code))).all(),
        "regions": await _region_names(session),
    }


async def _region_names(session: AsyncSession) -> dict[int, str]:
    return {region.id: region.name for region in await session.scalars(select(Region))}


@routes.get("/supervise/export.{kind}", roles=access.CALLS)
async def export(request: web.Request) -> web.StreamResponse:
    """The filtered list as a file; numbers stay masked, and the export is written down."""
    wanted = forms.call_filter(request.query)
    async with request.app[DB].reading() as session:
        scope = access.scope(request, await access.listener(request, session))
        found = await calls.listing(session, wanted, scope, size=EXPORT_MOST)
        regions = await _region_names(session)
    return await export_answer(
        request, "calls", "通话记录", call_rows(found, regions), request.match_info["kind"]
    )


@routes.get("/supervise/calls/{linkedid}", roles=access.CALLS)
async def one(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        who = await access.listener(request, session)
        context = await call_page(request, session, who, request.match_info["linkedid"])
    return render(request, "supervise/call.html", **context)


@routes.post("/supervise/calls/{linkedid}/mark", roles=access.MARK)
async def mark(request: web.Request) -> web.StreamResponse:
    """Set or take off `mark`, test or mystery: the figures leave such a call out (M-135)."""
    linkedid = request.match_info["linkedid"]
    wanted = str((await request.post()).get("mark", ""))
    if wanted not in GIVEN:
        raise InvalidInput(field="标记", reason="请选择试拨、暗访或不标记")
    async with request.app[DB].unit_of_work() as session:
        scope = access.scope(request, await access.listener(request, session))
        found = await calls.one(session, linkedid, scope)
        if found.call.mark == CallMark.PRACTICE:
            raise InvalidInput(field="标记", reason="练习来电不能改标记")
        found.call.mark = CallMark(wanted)
        await audit.record(
            session, request.app[CLOCK], actor=person(request).username, action=f"calls.mark.{wanted or 'none'}",
            target=linkedid, source=source_of(request),
        )  # fmt: skip
    return see_other(f"/supervise/calls/{linkedid}", flash="标记已保存，统计指标随之更新。")


def setup(app: web.Application) -> None:
    """Add these pages; the key RECORDINGS must be set before the first request."""
    app[PLAYS] = Plays(app[CLOCK])
    add_room(app, "agent_desktop.supervise", prefix="supervise")
    changes.announce(app, CodeGuessing, "codes")
    routes.register(app)
    listen.routes.register(app)
    live.setup(app)
    owed.setup(app)
    scores.routes.register(app)
    retention.routes.register(app)
    phrases.routes.register(app)
