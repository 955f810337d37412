"""Asterisk without a controller while the database is away (应急接听): callers get the dialplan's own short path, for there is no heartbeat.

The embedded Asterisk runs as the last run has configured it. It goes on when the database is back and ends when it is given up.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from config.only_one import OnlyOne
from config.settings import Settings
from config.without_database import CALLS_TEXT
from core.db import Database
from ivr.asterisk.embedded import EmbeddedAsterisk
from ivr.asterisk.site import Folders

log = structlog.get_logger()


@asynccontextmanager
async def asterisk_alone(settings: Settings) -> AsyncIterator[str]:
    """Raises AlreadyRunning when another controller has the folder."""
    only_one = OnlyOne(settings.data_dir, Database(settings.database), settings.asterisk.system_name)
    only_one.take_folder()
    asterisk = _asterisk(settings)
    try:
        async with _watched(asterisk):
            yield CALLS_TEXT
    except BaseException:
        if asterisk:
            await asterisk.stop()
        raise
    finally:
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
