"""Open pages that follow what they show (页面自动更新): one live line per page, which only says what kind has changed.

A room says which news make which pages old: `announce(app, TicketChanged, "tickets")`. On the page every element with
an id and `data-live="tickets"` is then fetched anew by `/static/core/changes.js`, by the person's own request, so
nothing about the change itself travels here.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from core.tasks import woken
from core.web.keys import BUS, HUB, TASKS
from core.web.routes import SIGNED_IN, Routes

GATHER_S = 0.5
"""Changes that come within this time reach a page as one."""
TOPIC = "changes"
routes = Routes()


class Changes:
    """The kinds that have changed since the pages on this topic were last told."""

    def __init__(self, app: web.Application, topic: str = TOPIC) -> None:
        self._hub = app[HUB]
        self._topic = topic
        self._kinds: set[str] = set()
        self._wake = asyncio.Event()

    def add(self, kind: str) -> None:
        self._kinds.add(kind)
        self._wake.set()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            await woken(self._wake, beat)
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            kinds, self._kinds = self._kinds, set()
            self._hub.send(self._topic, {"kind": "changed", "what": sorted(kinds)})


CHANGES = web.AppKey("CHANGES", Changes)


@routes.get("/live", roles=SIGNED_IN)
async def line(request: web.Request) -> web.StreamResponse:
    return await request.app[HUB].serve(request, topic=TOPIC)


def announce(app: web.Application, event: type, kind: str) -> None:
    """Pages that show `kind` are old after each `event` on the bus; call it while setting up."""
    app[BUS].subscribe(event, lambda _: app[CHANGES].add(kind))


def setup(app: web.Application) -> None:
    routes.register(app)
    app[CHANGES] = Changes(app)
    app.on_startup.append(_start)


async def _start(app: web.Application) -> None:
    app[TASKS].loop("changes", app[CHANGES].run)
