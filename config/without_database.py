"""A start while PostgreSQL is away (数据库停机时启动, M-14): Asterisk alone serves callers until the database is back.

The embedded Asterisk runs as the last run has configured it and finds no heartbeat, so that callers get the dialplan's own
short path. Every page answers 503 with the reason, where this process has pages. A database in a file of this machine is not waited for.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from config.database import DatabaseUnreachable
from config.only_one import OnlyOne
from config.settings import Settings
from config.web_server import WebServer
from core.db import Database, is_away
from ivr.embedded import EmbeddedAsterisk
from ivr.site import Folders

log = structlog.get_logger()
LOOK_S = 1.0
TEXT = "数据库暂时无法连接，热线正在等待它恢复；来电由电话系统的应急流程接听（转话务员或留言），恢复后自动转为正常服务。"


async def database_there(
    settings: Settings, look: Callable[[], Awaitable[object]], tell: Callable[[str], None], *, pages: bool
) -> None:
    """Return when `look` finds the database as it should be; while PostgreSQL is away, `tell` so and let callers be served."""
    try:
        await look()
    except Exception as error:
        if not settings.database.url.startswith("postgresql") or not _is_away(error):
            raise
        async with _makeshift(settings, pages=pages):
            tell(TEXT)
            await _until(look)
            tell("数据库已恢复，继续启动。")


async def _until(look: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await look()
        except Exception as error:
            if not _is_away(error):
                raise
        else:
            return


def _is_away(error: Exception) -> bool:
    return isinstance(error, DatabaseUnreachable) or is_away(error)


@asynccontextmanager
async def _makeshift(settings: Settings, *, pages: bool) -> AsyncIterator[None]:
    """Asterisk, and one page for all; Asterisk goes on when the database is back and ends when it is given up."""
    only_one = OnlyOne(settings.data_dir, Database(settings.database), settings.asterisk.system_name)
    only_one.take_folder()
    asterisk, page = _asterisk(settings), WebServer(settings.http)
    try:
        if pages:
            await page.start(_app())
        async with _watched(asterisk):
            yield
    except BaseException:
        if asterisk:
            await asterisk.stop()
        raise
    finally:
        await page.stop()
        await only_one.release()


def _asterisk(settings: Settings) -> EmbeddedAsterisk | None:
    folders = Folders(settings.data_dir / "asterisk")
    is_configured = (folders.etc / "asterisk.conf").exists()
    if settings.asterisk.mode == "embedded" and is_configured:
        return EmbeddedAsterisk(settings.asterisk, folders)
    log.warning("callers_not_served", mode=settings.asterisk.mode, configured=is_configured)
    return None


@asynccontextmanager
async def _watched(asterisk: EmbeddedAsterisk | None) -> AsyncIterator[None]:
    """Started, and started again should it die."""
    if asterisk is None:
        yield
        return
    await asterisk.start()
    watch = asyncio.create_task(asterisk.watch(lambda: None), name="asterisk-watch")
    try:
        yield
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch


def _app() -> web.Application:
    async def away(_: web.Request) -> web.Response:
        return web.Response(status=503, text=TEXT, headers={"Retry-After": "5"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", away)
    return app
