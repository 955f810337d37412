"""`/reports/efficiency` (五项效能, M-126): exactly the five figures and 受理件数, their targets, and the cases that missed (M-128)."""

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports import items
from agent_desktop.reports.ask import Question, periods, question_of, unit_name
from agent_desktop.reports.reach import READERS, Reach, reach_of
from core.clock import beijing
from core.db import provided
from core.people import Role
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from reports.counting import efficiency, figures
from reports.counting.efficiency import FIVE
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY
from reports.returns.beside import beside
from reports.settings import ReportSettings

routes = Routes()
KEYS = (*FIVE, "K-12")
"""K-12's denominator is 受理件数."""
SHOWN = 20


@routes.get("/reports/efficiency", roles=READERS - {Role.OPERATOR}, nav="五项效能")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        settings = provided(session, ReportSettings)
        found = await figures.figures(session, [BY_KEY[key] for key in KEYS], asked.of)
        known = {one.indicator.key: one for one in found}
        aimed = efficiency.aimed(settings, known)
        context: dict[str, Any] = {
            "short": [
                (one, await efficiency.cases(session, asked.of, one, SHOWN)) for one in aimed if one.is_short
            ],
            "units": await _units(session, reach, asked, settings),
            "reported": await _reported(session, asked, known),
        }
    return render(
        request, "reports/efficiency.html", asked=asked, reach=reach, aimed=aimed, taken=known["K-12"], number=figures.number_text,
        link=items.link_to, unit_name=unit_name, periods=periods(beijing(request.app[CLOCK].now()).date()),
        complaint=efficiency.COMPLAINT, by_key=BY_KEY, **context,
    )  # fmt: skip


async def _units(
    session: AsyncSession, reach: Reach, asked: Question, settings: ReportSettings
) -> list[dict[str, Any]]:
    """The same for each unit in reach of which there is anything to say."""
    if len(reach.units) < 2 or (asked.of.unit_ids is not None and len(asked.of.unit_ids) == 1):
        return []
    by_key = await figures.table(session, [BY_KEY[key] for key in KEYS], asked.of, "unit")
    known = {unit_id for found in by_key.values() for unit_id in found}
    rows = []
    for unit in reach.units.values():
        if unit.id in known:
            own = {key: by_key[key].get(unit.id, Figure(BY_KEY[key])) for key in KEYS}
            rows.append({"unit": unit, "taken": own["K-12"], "aimed": efficiency.aimed(settings, own)})
    return rows


async def _reported(
    session: AsyncSession, asked: Question, known: dict[str, Figure]
) -> dict[str, Any] | None:
    """What centres without the system reported; only of whole regions, for they have neither units nor lines."""
    if asked.of.narrowed != {"region"} or asked.of.region_ids is None:
        return None
    return await beside(session, asked.of.region_ids, asked.first, asked.last, known)
