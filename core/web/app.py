"""The application factory of the web side: middlewares in order, shared pages, then the rooms."""

from collections.abc import Callable, Sequence

from aiohttp import web

from core.web import api, headers, health, login, pages, push
from core.web.failures import failures
from core.web.guard import guard
from core.web.keys import BUS, CLOCK, DB, HUB, PROBES, SETTINGS, TASKS, WebDeps
from core.web.pages import add_room, render, render_part, see_other
from core.web.routes import DECLARED
from core.web.sessions import SignedOut

__all__ = ["add_room", "make_app", "render", "render_part", "see_other"]

Room = Callable[[web.Application], None]


def make_app(deps: WebDeps, rooms: Sequence[Room]) -> web.Application:
    """A web application that serves `rooms`; sign-in comes with the rooms that need it."""
    settings = deps.settings
    app = web.Application(
        middlewares=[health.measure, failures, guard], client_max_size=settings.max_body_kb * 1024
    )
    app[DB], app[CLOCK], app[BUS], app[TASKS] = deps.db, deps.clock, deps.bus, deps.tasks
    app[SETTINGS], app[PROBES], app[DECLARED] = settings, dict(deps.probes), {}
    hub = app[HUB] = push.Hub()
    deps.bus.subscribe(SignedOut, hub.end_person)
    pages.prepare(app)
    login.prepare(app)
    health.prepare(app)
    health.routes.register(app)
    api.routes.register(app)
    app.on_response_prepare.append(headers.on_prepare)
    app.on_startup.append(push.start)
    app.on_shutdown.append(push.stop)
    for room in rooms:
        room(app)
    return app
