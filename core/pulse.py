"""Whether PostgreSQL answers (数据库脉搏): one that hangs is treated like one that is down, so that nobody hangs with it.

A server that is stopped, or behind a network that swallows what is sent, refuses nothing: statements wait for ever, and whoever
waits for them too. So it is asked every second on a connection of its own. When it leaves two questions unanswered, every
connection is broken off and no new one is tried until it answers again. A file (SQLite) has no pulse: there only a lock is
waited for, and not for long.
"""

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Protocol

import asyncpg
import structlog
from sqlalchemy import URL, Dialect, event
from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger()
LOOK_S = 1.0
ANSWER_LIMIT_S = 2.0
MISSES = 2
"""Unanswered in a row: a single one may be a stall of our own process."""
UNANSWERED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What comes from the driver itself while there is no connection."""
_SQLALCHEMYS = {"prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn"}
"""What an address may tell SQLAlchemy alone."""


class DatabaseSilent(ConnectionError):
    """There is no connection to PostgreSQL: it refuses, or has not answered lately."""


class Driver(Protocol):
    """A connection of asyncpg's, as far as it matters here."""

    def terminate(self) -> None: ...


class Pulse:
    def __init__(self, url: URL) -> None:
        arguments, named = url.get_dialect()().create_connect_args(url)
        self._address = {key: value for key, value in named.items() if key not in _SQLALCHEMYS}
        assert not arguments
        self._drivers: weakref.WeakSet[Driver] = weakref.WeakSet()
        self._misses = 0

    @property
    def is_felt(self) -> bool:
        """Whether the server answers, as far as is known."""
        return self._misses < MISSES

    def guard(self, engine: AsyncEngine) -> None:
        """This engine's connections are broken off when the server is silent, and none is made meanwhile."""
        event.listen(engine.sync_engine, "do_connect", self._connect)

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`."""
        while True:
            beat()
            try:
                await self._ask_for_ever(beat)
            except UNANSWERED as error:
                self._missed(error)
            if not self.is_felt:  # after the first miss it is asked again at once, on another connection
                await asyncio.sleep(LOOK_S)

    async def _ask_for_ever(self, beat: Callable[[], None]) -> None:
        driver = await asyncpg.connect(timeout=ANSWER_LIMIT_S, **self._address)
        try:
            while True:
                await driver.fetchval("SELECT 1", timeout=ANSWER_LIMIT_S)
                if not self.is_felt:  # what it had in hand when it hung is finished before it is tried again
                    await asyncio.sleep(LOOK_S)
                self._answered()
                beat()
                await asyncio.sleep(LOOK_S)
        finally:
            driver.terminate()

    def _answered(self) -> None:
        if not self.is_felt:
            log.info("database_answers_again")
        self._misses = 0

    def _missed(self, error: Exception) -> None:
        self._misses += 1
        if self._misses == MISSES:
            log.error("database_silent", error=type(error).__name__, connections=len(self._drivers))
        if not self.is_felt:
            for driver in list(self._drivers):
                driver.terminate()

    def _connect(self, dialect: Dialect, _: Any, arguments: Any, named: Any) -> Any:
        if not self.is_felt:
            raise DatabaseSilent
        try:
            connection: Any = dialect.connect(*arguments, **named)
        except OSError as error:
            raise DatabaseSilent from error
        self._drivers.add(connection.driver_connection)
        return connection
