"""The public pages: the hotline's front page, search of published answers, progress by query code."""

from aiohttp import web

from core.clock import beijing
from core.errors import HotlineError
from core.holidays import load_calendar
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.requests import source_of
from core.web.routes import PUBLIC, Routes
from portal.hours import hours_at
from portal.keys import SEARCHER
from portal.limits import LIMITS
from tickets.attempts import status_for_stranger

routes = Routes()
LONGEST_QUERY = 100
RESULTS = 20


@routes.get("/", roles=PUBLIC, nav="首页")
async def front(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    async with request.app[DB].reading() as session:
        calendar = await load_calendar(session)
    return render(request, "portal/front.html", hours=hours_at(calendar, now), today=beijing(now).date())


@routes.get("/search", roles=PUBLIC, nav="查政务信息")
async def search(request: web.Request) -> web.StreamResponse:
    query = request.query.get("q", "").strip()[:LONGEST_QUERY]
    searcher = request.app.get(SEARCHER)
    hits = []
    if query and searcher:
        request.app[LIMITS].visit(request)
        hits = await searcher.search(query, limit=RESULTS)
    return render(request, "portal/search.html", query=query, hits=hits, ready=searcher is not None)


@routes.get("/track", roles=PUBLIC, nav="查办理进度")
async def track_form(request: web.Request) -> web.StreamResponse:
    return render(request, "portal/track.html", error="", found=None, code="")


@routes.post("/track", roles=PUBLIC)
async def track(request: web.Request) -> web.StreamResponse:
    """The code comes in the body, so that it stays out of addresses and logs (§5.5: it is a bearer key)."""
    code = str((await request.post()).get("code", ""))[:40]
    try:
        request.app[LIMITS].visit(request)
        status = await status_for_stranger(
            request.app[DB], request.app[CLOCK], code, source=source_of(request), line="web"
        )
    except HotlineError as error:
        if error.status >= 500:
            raise
        page = render(request, "portal/track.html", error=error.message, found=None, code=code)
        page.set_status(error.status)
        return page
    return render(request, "portal/track.html", error="", found=status, code="")
