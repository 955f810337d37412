"""`/reports/dashboard` (数据看板): a period at a glance, as charts that one reads from across the room, each with its table."""

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports import items
from agent_desktop.reports.ask import Question, periods, question_of
from agent_desktop.reports.reach import LEVELS, reach_of
from core.clock import beijing
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from reports.breakdowns import topics
from reports.breakdowns.rhythm import Load, rhythm
from reports.counting import balance, figures
from reports.counting.indicators import BY_KEY
from reports.words import NAMES, named

routes = Routes()
TILES = ("K-01", "K-02.offered", "K-12", "K-13", "K-14", "K-09")
SHOWN = 8


@routes.get("/reports/dashboard", roles=LEVELS, nav="数据看板")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        context = {
            "tiles": await figures.figures(session, [BY_KEY[key] for key in TILES], asked.of),
            "whole": await balance.balance(session, asked.of),
            **await _charts(session, asked),
        }
    return render(
        request, "reports/dashboard.html", asked=asked, reach=reach, number=figures.number_text, link=items.link_to,
        periods=periods(beijing(request.app[CLOCK].now()).date()), **context,
    )  # fmt: skip


async def _charts(session: AsyncSession, asked: Question) -> dict[str, Any]:
    """Calls by day and hour, what was asked by channel and subject."""
    times = await rhythm(session, asked.of)
    channels = await balance.split(session, asked.of, "channel")
    return {
        "calls": [("每日来电", times.days, _most(times.days)), ("各时来电", times.hours, _most(times.hours))],
        "channels": [(named(NAMES, "channel", one.key), one.registered) for one in channels],
        "subjects": (await topics.topics(session, asked.of))[:SHOWN],
    }


def _most(loads: list[Load]) -> int:
    return max((one.calls for one in loads), default=0) or 1
