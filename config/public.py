"""The public side (公众门户): what the citizens' pages need, and a process of their own without any telephony (M-97)."""

from functools import partial

from aiohttp import web

import portal.app
from config.common import Common
from config.settings import Settings
from config.web_server import WebServer
from core.clock import Clock
from core.web.app import make_app
from core.web.keys import WebDeps
from kb.searching.search import Searcher
from portal import keys


def public_side(settings: Settings, searcher: Searcher, app: web.Application) -> None:
    """The portal's pages and the channels' API in an application."""
    app[keys.SEARCHER], app[keys.PORTAL] = searcher, settings.portal
    app[keys.ATTACHMENTS] = settings.attachments
    portal.app.setup(app)


class PublicProcess(Common):
    """`hotline serve portal`: the same start and stop as the processes of `config.bootstrap`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._searcher = Searcher(settings.kb_index, self.db, clock)
        self._web = WebServer(settings.http)

    async def start(self) -> None:
        """Returns when the public pages are served."""
        await self._searcher.open()
        self.tasks.loop("kb-index", self._searcher.follow)
        deps = WebDeps(
            self.db, self.clock, self.bus, self.tasks, self.settings.http, probes=self.common_probes()
        )
        await self._web.start(make_app(deps, [partial(public_side, self.settings, self._searcher)]))
        await self.hear_others()

    async def stop(self) -> None:
        await self._web.stop()
        await self.tasks.close()
        await self._searcher.close()
        await self.db.close()
