"""The front page (首页): the number, the hours, and where to go from here."""

from aiohttp import web

from core.clock import beijing
from core.holidays import load_calendar
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import PUBLIC, Routes
from kb.entries import hot, notices
from portal.answers import address_of
from portal.hours import hours_at

routes = Routes()
HOT = 8
NEWS = 3


@routes.get("/", roles=PUBLIC, nav="首页")
async def front(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    today = beijing(now).date()
    async with request.app[DB].reading() as session:
        calendar = await load_calendar(session)
        questions = [(entry.title, address_of(entry)) for entry in (await hot(session, today))[:HOT]]
        news = [(entry.title, address_of(entry)) for entry in (await notices(session, today))[:NEWS]]
    return render(
        request,
        "portal/front.html",
        hours=hours_at(calendar, now),
        today=today,
        questions=questions,
        news=news,
    )
