"""The front page (首页): the number, the hours, and where to go from here."""

from aiohttp import web

from core.clock import beijing
from core.web.app import render
from core.web.keys import CLOCK
from core.web.routes import PUBLIC, Routes
from portal.hours import hours_at
from portal.kept import CALENDAR, HEADLINES
from portal.reading.answers import address_of

routes = Routes()
HOT = 8
NEWS = 3


@routes.get("/", roles=PUBLIC, nav="首页")
async def front(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    today = beijing(now).date()
    questions, news = await request.app[HEADLINES].get()
    return render(
        request,
        "portal/front.html",
        hours=hours_at(await request.app[CALENDAR].get(), now),
        today=today,
        questions=[(entry.title, address_of(entry)) for entry in questions[:HOT]],
        news=[(entry.title, address_of(entry)) for entry in news[:NEWS]],
    )
