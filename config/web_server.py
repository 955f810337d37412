"""One process's HTTP server (网页服务): the application on its address, from start to stop."""

import structlog
from aiohttp import web

from core.web.settings import HttpSettings

log = structlog.get_logger()
LONGEST_ADDRESS = 128 * 1024
"""Bytes of a request's address: ten thousand characters in a search box are only a search."""


class WebServer:
    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._runner: web.AppRunner | None = None

    async def start(self, app: web.Application) -> None:
        """Returns when pages are served; raises OSError when the port is taken."""
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2, max_line_size=LONGEST_ADDRESS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()
        log.info("web_started", host=self._settings.host, port=self._settings.port)

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
