"""One process's HTTP server (网页服务): the application on its address, from start to stop."""

import asyncio

import structlog
from aiohttp import web

from core.web.malformed import Connection
from core.web.settings import HttpSettings

log = structlog.get_logger()
LONGEST_ADDRESS = 128 * 1024
"""Bytes of a request's address: ten thousand characters in a search box are only a search."""
BACKLOG = 128


class WebServer:
    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None

    async def start(self, app: web.Application) -> None:
        """Returns when pages are served; raises OSError when the port is taken."""
        self._runner = web.AppRunner(app, shutdown_timeout=2)
        await self._runner.setup()
        loop, host, port = asyncio.get_running_loop(), self._settings.host, self._settings.port
        self._listening = await loop.create_server(self._connection, host, port, backlog=BACKLOG)
        log.info("web_started", host=host, port=port)

    async def stop(self) -> None:
        if self._listening:
            self._listening.close()
        if self._runner:
            await self._runner.cleanup()

    def _connection(self) -> Connection:
        assert self._runner
        assert self._runner.server
        loop = asyncio.get_running_loop()
        return Connection(self._runner.server, loop=loop, access_log=None, max_line_size=LONGEST_ADDRESS)  # type: ignore[arg-type]
