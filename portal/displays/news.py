"""Standing pages hear of changes (公共屏幕自动更新): terminal and display take a withdrawn answer down at once (M-18).

The line says only that what is published has changed; the page then asks as it always does.
"""

from aiohttp import web

from core.errors import HotlineError
from core.web.changes import Changes
from core.web.keys import BUS, HUB, TASKS
from core.web.routes import PUBLIC, Routes
from kb.events import EntriesChanged
from portal.limits import LIMITS

TOPIC = "public-news"
MOST_LINES = 2_000
"""Open at once in this process; a page that gets none asks from time to time."""
NEWS = web.AppKey("NEWS", Changes)
routes = Routes()


class TooManyLines(HotlineError):
    """More pages listen than this process serves."""

    code = "too_many_lines"
    status = 503
    text = "实时更新的连接已满，页面会定时更新。"


@routes.get("/news", roles=PUBLIC)
async def line(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    if request.app[HUB].watching(TOPIC) >= MOST_LINES:
        raise TooManyLines
    return await request.app[HUB].serve(request, topic=TOPIC)


def setup(app: web.Application) -> None:
    routes.register(app)
    app[NEWS] = Changes(app, TOPIC)
    app[BUS].subscribe(EntriesChanged, lambda event: app[NEWS].add("kb") if event.is_said else None)
    app.on_startup.append(_start)


async def _start(app: web.Application) -> None:
    app[TASKS].loop("public-news", app[NEWS].run)
