"""`/reports/liaisons` (联络员情况, M-34): each liaison's figures, for the head and the offices above; a liaison sees the own."""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports import items
from agent_desktop.reports.ask import Question, periods, question_of, unit_name
from agent_desktop.reports.reach import LEVELS, reach_of
from core.clock import beijing
from core.people import Role, User
from core.units import Liaison, Unit
from core.web.app import render
from core.web.keys import CLOCK, DB, person
from core.web.lists import export_answer
from core.web.routes import Routes
from reports.breakdowns.liaisons import OF_LIAISONS, RATE
from reports.counting import figures
from reports.counting.figures import DENOMINATOR, NUMERATOR, Figure

routes = Routes()
Row = tuple[User, str, list[Figure]]
READERS = LEVELS | {Role.HEAD, Role.LIAISON}
SHOWN = 300


@routes.get("/reports/liaisons", roles=READERS, nav="联络员")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        found = await figures.table(session, OF_LIAISONS, asked.of, "person")
        people = await _people(session, request, asked, frozenset(found[RATE.key]))
    rows = [
        (user, units, [found[one.key].get(user.id, Figure(one)) for one in OF_LIAISONS])
        for user, units in people
    ]
    if kind := request.query.get("export", ""):
        return await export_answer(request, "liaisons", "联络员情况", _sheet(rows), kind)
    return render(
        request, "reports/liaisons.html", asked=asked, reach=reach, rows=rows[:SHOWN], left_out=max(len(rows) - SHOWN, 0),
        indicators=OF_LIAISONS, number=figures.number_text, link=items.link_to, unit_name=unit_name,
        periods=periods(beijing(request.app[CLOCK].now()).date()),
    )  # fmt: skip


async def _people(
    session: AsyncSession, request: web.Request, asked: Question, rung: frozenset[int]
) -> list[tuple[User, str]]:
    """The liaisons of the units asked for and whoever else was rung there, each with their units' names."""
    of, roles = asked.of, person(request).roles
    here = Unit.region_id.in_(of.region_ids or ()) if of.unit_ids is None else Unit.id.in_(of.unit_ids)
    wanted = (
        select(User, Unit)
        .outerjoin(Liaison, Liaison.user_id == User.id)
        .outerjoin(Unit, Unit.id == Liaison.unit_id)
        .where(or_(here & User.is_active, User.id.in_(rung)))
        .order_by(Unit.region_id, Unit.code, Liaison.position, User.id)
    )
    if not roles & (LEVELS | {Role.HEAD}):
        wanted = wanted.where(User.id == person(request).user_id)
    if of.person_id is not None:
        wanted = wanted.where(User.id == of.person_id)
    units: dict[User, list[str]] = {}
    for user, unit in await session.execute(wanted):
        units.setdefault(user, []).append(unit.short_name or unit.name if unit else "")
    return [(user, "、".join(filter(None, names))) for user, names in units.items()]


def _sheet(rows: Sequence[Row]) -> list[list[str]]:
    """Each figure with its numerator and denominator."""
    head = ["单位", "姓名", "用户名"]
    for one in OF_LIAISONS:
        head += [one.name, "分子", "分母"]
    return [
        head,
        *(
            [units, user.display_name, user.username,
             *(text for one in found for text in
               (one.text, figures.number_text(one, NUMERATOR), figures.number_text(one, DENOMINATOR)))]
            for user, units, found in rows
        ),
    ]  # fmt: skip
