"""`/wallboard` (大屏): one page for the wall of the call centre, live."""

from aiohttp import web

from agent_desktop.wallboard.live import PUSH, TOPIC, WallPush
from core.people import Role
from core.web.app import add_room, render
from core.web.keys import HUB
from core.web.routes import Routes

routes = Routes()
WATCHERS = frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.OFFICE, Role.ADMIN})


@routes.get("/wallboard", roles=WATCHERS, nav="大屏")
async def page(request: web.Request) -> web.StreamResponse:
    return render(request, "wallboard/index.html", state=await request.app[PUSH].state())


@routes.get("/wallboard/ws", roles=WATCHERS)
async def socket(request: web.Request) -> web.StreamResponse:
    return await request.app[HUB].serve(request, topic=TOPIC, first=request.app[PUSH].state)


def setup(app: web.Application) -> None:
    """Add the page; the key EVERYWHERE must be set before the first request."""
    push = app[PUSH] = WallPush(app)
    add_room(app, "agent_desktop.wallboard", prefix="wallboard")
    routes.register(app)
    app.on_startup.append(push.start)
    app.on_cleanup.append(push.stop)
