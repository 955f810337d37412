"""A process with pages (带网页的进程): its search and its web server, started and stopped in order."""

from collections.abc import Callable
from functools import partial

from aiohttp import web

from config.common import Common
from config.settings import Settings
from config.web_server import WebServer
from core.clock import Clock
from core.web.app import make_app
from core.web.keys import Probe, WebDeps
from kb.searching.search import Searcher


class WithPages(Common):
    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._searcher = Searcher(settings.kb_index, self.db, clock)
        self._web = WebServer(settings.http)

    async def serve(
        self, probes: dict[str, Probe], *sides: Callable[[Settings, Searcher, web.Application], None]
    ) -> None:
        """Returns when the pages of `sides` are served."""
        await self._searcher.open()
        self.tasks.loop("kb-index", self._searcher.follow)
        deps = WebDeps(self.db, self.clock, self.bus, self.tasks, self.settings.http, probes=probes)
        rooms = [partial(side, self.settings, self._searcher) for side in sides]
        await self._web.start(make_app(deps, rooms))

    async def stop(self) -> None:
        await self._web.stop()
        await self.end_work()
        await self._searcher.close()
        await self.db.close()
