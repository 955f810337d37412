"""`/reports/gathering` (两集中、两到位, M-130): the departments of one's level with their checklists; one department's page to report and check."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports.reach import Reach, reach_of
from agent_desktop.ticket.page import who_asks
from core.errors import HotlineError, InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from core.units import Unit, UnitDuty
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from reports.gathering import checklist
from reports.gathering.checklist import ITEMS, NAMES, NOT_BEGUN, OF_DEPARTMENT, OF_OFFICE
from reports.gathering.models import Item, Progress
from tickets.requests import acts_for

routes = Routes()
READERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR})
MOVERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE})
TONES = {Progress.BEGUN: "", Progress.DONE: "info", Progress.CHECKED: "ok", Progress.RETURNED: "bad"}
WORDS: dict[str, Any] = {"items": ITEMS, "names": NAMES, "tones": TONES, "not_begun": NOT_BEGUN}


@routes.get("/reports/gathering", roles=READERS, nav="两集中两到位")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        found = await checklist.standing(session, _departments(reach))
    whole = sum(len(ITEMS) == one.reached for one in found)
    return render(
        request, "reports/gatherings.html", found=found, regions=reach.regions, whole=whole, **WORDS
    )


@routes.get("/reports/gathering/{id:[0-9]{1,9}}", roles=READERS)
async def page(request: web.Request) -> web.StreamResponse:
    return await _page(request)


@routes.post("/reports/gathering/{id:[0-9]{1,9}}", roles=MOVERS)
async def move(request: web.Request) -> web.StreamResponse:
    """`item`, `progress` and `note`; what a department reports, or what the office found."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    item, progress = form.get("item", ""), form.get("progress", "")
    if item not in set(Item) or progress not in set(Progress):
        raise InvalidInput(field="进度", reason="请从列表中选择")
    try:
        async with request.app[DB].unit_of_work() as session:
            unit = await _unit(request, session)
            user = await who_asks(session, request)
            if progress not in await _may(session, user, unit):
                raise NotAllowed
            await checklist.move(
                session, request.app[CLOCK], user, unit, Item(item), Progress(progress), form.get("note", "")
            )
    except HotlineError as error:
        if error.status not in {409, 422}:
            raise
        return await _page(request, error, form)
    return see_other(
        f"/reports/gathering/{unit.id}", flash=f"{ITEMS[Item(item)][0]}：{NAMES[Progress(progress)]}。"
    )


async def _page(
    request: web.Request, error: HotlineError | None = None, typed: dict[str, str] | None = None
) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        unit = await _unit(request, session)
        user = await who_asks(session, request)
        steps = await checklist.history(session, unit.id)
        people = select(User.id, User.display_name).where(User.id.in_({step.user_id for step in steps}))
        return render(
            request, "reports/gathering.html", status=error.status if error else 200, error=error, typed=typed or {},
            one=(await checklist.standing(session, [unit]))[0], steps=steps, may=await _may(session, user, unit),
            people={key: name for key, name in await session.execute(people)}, **WORDS,  # noqa: C416 (types)
        )  # fmt: skip


async def _may(session: AsyncSession, user: User, unit: Unit) -> list[Progress]:
    """Whose turn an item may be: the department's people report, the office of its level checks."""
    reports = bool(user.roles & {Role.LIAISON, Role.HEAD}) and await acts_for(session, user, unit.id)
    checks = Role.OFFICE in user.roles and user.region_id == unit.region_id
    return [one for one in Progress if (reports and one in OF_DEPARTMENT) or (checks and one in OF_OFFICE)]


async def _unit(request: web.Request, session: AsyncSession) -> Unit:
    reach = await reach_of(request, session)
    wanted = int(request.match_info["id"])
    unit = next((unit for unit in _departments(reach) if unit.id == wanted), None)
    if unit is None:
        raise NotFound
    return unit


def _departments(reach: Reach) -> list[Unit]:
    return [unit for unit in reach.units.values() if unit.duty == UnitDuty.DEPARTMENT and unit.is_active]
