"""The public side (公众门户): what the citizens' pages need, and a process of their own without any telephony (M-97)."""

from functools import partial

from aiohttp import web

import portal.app
from config.parts import calendar_state, disk_state
from config.settings import Settings
from config.web_server import WebServer
from core.bus import Bus
from core.clock import Clock
from core.db import Database
from core.tasks import Tasks
from core.web.app import make_app
from core.web.keys import WebDeps
from kb.search import Searcher
from portal import keys


def public_side(settings: Settings, searcher: Searcher, app: web.Application) -> None:
    """The portal's pages and the channels' API in an application."""
    app[keys.SEARCHER], app[keys.PORTAL] = searcher, settings.portal
    app[keys.ATTACHMENTS] = settings.attachments
    portal.app.setup(app)


class PublicProcess:
    """`hotline serve portal`: the same start and stop as `config.bootstrap.Hotline`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.bus = Bus()
        self.tasks = Tasks(clock)
        self.db = Database(settings.database, self.bus)
        for provided in (settings.tickets, settings.calendar):
            self.db.provide(provided)
        self._searcher = Searcher(settings.kb_index, self.db, clock)
        self._web = WebServer(settings.http)

    async def start(self) -> None:
        """Returns when the public pages are served."""
        await self._searcher.open()
        self.tasks.loop("kb-index", self._searcher.follow)
        probes = {
            "disk": partial(disk_state, self._settings.data_dir),
            "calendar": partial(calendar_state, self.db, self._clock),
        }
        deps = WebDeps(self.db, self._clock, self.bus, self.tasks, self._settings.http, probes=probes)
        await self._web.start(make_app(deps, [partial(public_side, self._settings, self._searcher)]))

    async def stop(self) -> None:
        await self._web.stop()
        await self.tasks.close()
        await self._searcher.close()
        await self.db.close()
