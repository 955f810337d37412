"""A start while PostgreSQL is away (数据库停机时启动, M-14): the process waits, says so, and goes on by itself when it is back.

Meanwhile every page answers 503 with the reason, and whoever has an Asterisk lets it serve callers alone
(`config.makeshift`). A database in a file of this machine is not waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from aiohttp import web

from config.database import DatabaseUnreachable
from config.settings import Settings
from config.web_server import WebServer
from core.db import is_away
from core.web.settings import HttpSettings

LOOK_S = 1.0
CALLS_TEXT = "数据库暂时无法连接，热线正在等待它恢复；来电由电话系统的应急流程接听（转话务员或留言），恢复后自动转为正常服务。"
PAGES_TEXT = "数据库暂时无法连接，网页正在等待它恢复，恢复后自动转为正常服务。"
Meanwhile = AbstractAsyncContextManager[str]
"""Something served as well as can be without the database; says so in a sentence."""


async def database_there(
    settings: Settings,
    look: Callable[[], Awaitable[object]],
    tell: Callable[[str], None],
    meanwhile: Sequence[Meanwhile],
) -> None:
    """Return when `look` finds the database as it should be; while PostgreSQL is away, `tell` so and do what there is `meanwhile`."""
    try:
        await look()
    except Exception as error:
        if not settings.database.url.startswith("postgresql") or not _is_away(error):
            raise
        async with AsyncExitStack() as stack:
            for text in dict.fromkeys([await stack.enter_async_context(one) for one in meanwhile]):
                tell(text)
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
async def one_page(settings: HttpSettings, text: str) -> AsyncIterator[str]:
    """Every address answers 503 and the reason."""

    async def away(_: web.Request) -> web.Response:
        return web.Response(status=503, text=text, headers={"Retry-After": "5"})

    app, page = web.Application(), WebServer(settings)
    app.router.add_route("*", "/{path:.*}", away)
    try:
        await page.start(app)
        yield text
    finally:
        await page.stop()
