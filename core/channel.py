"""Messages between processes (进程间消息): PostgreSQL's LISTEN and NOTIFY, on one connection of its own.

A message reaches those who listen at that moment, and nobody later. Where nothing may be missed, the content is in a table
and the message only says that there is something new (`core.outbox`), or messages are numbered and asked for again
(`ivr.apart`).
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import Database, is_away

log = structlog.get_logger()
LOOK_S = 2.0
ANSWER_LIMIT_S = 5.0
PAUSE_S = 0.5
LONGEST = 7_900
"""Bytes of one message; PostgreSQL takes less than 8000."""
_BROKEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class ChannelDown(Exception):
    """There is no connection to say it on."""


class Channel:
    """Handlers are plain functions that never wait; set them before `run`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._handlers: dict[str, Callable[[str], None]] = {}
        self._on_up: list[Callable[[], None]] = []
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self._lost = asyncio.Event()

    def listen(self, topic: str, handler: Callable[[str], None]) -> None:
        self._handlers[topic] = handler

    def when_up(self, call: Callable[[], None]) -> None:
        """Call it each time the connection is there again: messages may have been missed."""
        self._on_up.append(call)

    async def send(self, topic: str, text: str) -> None:
        """Raises ChannelDown."""
        async with self._turn:
            if self._connection is None:
                raise ChannelDown
            try:
                await self._connection.execute(
                    "SELECT pg_notify($1, $2)", topic, text, timeout=ANSWER_LIMIT_S
                )
            except _BROKEN as error:
                self._lost.set()
                raise ChannelDown from error

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`: listens for ever, over every interruption."""
        while True:
            try:
                async with self._db.engine.connect() as connection:
                    await self._hold(connection, beat)
            except Exception as error:
                if not (is_away(error) or isinstance(error, _BROKEN)):
                    raise
                log.warning("channel_down", error=type(error).__name__)
            beat()
            await asyncio.sleep(PAUSE_S)

    async def _hold(self, connection: AsyncConnection, beat: Callable[[], None]) -> None:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        self._lost.clear()
        driver.add_termination_listener(lambda _: self._lost.set())
        try:
            for topic, handler in self._handlers.items():
                await driver.add_listener(topic, lambda _c, _p, _t, text, handler=handler: handler(text))
            self._connection = driver
            for call in self._on_up:
                call()
            await self._until_lost(beat)
        finally:
            self._connection = None
            with contextlib.suppress(Exception):
                await connection.invalidate()

    async def _until_lost(self, beat: Callable[[], None]) -> None:
        while not self._lost.is_set():
            beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._lost.wait()
            async with self._turn:  # a peer that is silently gone ends no connection
                await self._connection.execute("SELECT 1", timeout=ANSWER_LIMIT_S)
