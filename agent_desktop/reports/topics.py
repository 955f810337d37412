"""`/reports/topics` (热点难点, M-80): most asked, fastest growing, forwarded and complained about.

And bursts, complaints by cause (M-136), searches in vain.
"""

from collections.abc import Sequence

from aiohttp import web

from agent_desktop.reports.ask import periods, question_of
from agent_desktop.reports.reach import LEVELS, reach_of
from core.clock import beijing
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from kb import feedback
from reports.breakdowns import causes, topics
from reports.breakdowns.topics import Topic

routes = Routes()
SHOWN = 15
WAYS = {"asked": "咨询最多", "growth": "增长最快", "forwarded": "转发最多", "complained": "投诉最多"}
"""Number of a topic → title of the table ordered by it."""


@routes.get("/reports/topics", roles=LEVELS, nav="热点难点")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        found = await topics.topics(session, asked.of)
        bursts = await topics.bursts(session, asked.of)
        complained = await causes.by_cause(session, asked.of)
        gaps = await feedback.gaps(session, asked.of.since, SHOWN, until=asked.of.until)
    tables = [(title, key, _first(found, key)) for key, title in WAYS.items()]
    return render(
        request, "reports/topics.html", asked=asked, reach=reach, tables=tables, bursts=bursts, gaps=gaps,
        causes=complained,
        periods=periods(beijing(request.app[CLOCK].now()).date()),
    )  # fmt: skip


def _first(found: Sequence[Topic], key: str) -> list[Topic]:
    """Those of whom there is anything to say, the most first."""
    some = [one for one in found if getattr(one, key) > 0]
    return sorted(some, key=lambda one: -getattr(one, key))[:SHOWN]
