"""Quick looks (一次读完): reading through a plain session, with one trip to the database for each question.

aiosqlite crosses to its connection's thread three or four times for one statement, and in a busy process each crossing
waits for Python's lock; PostgreSQL is asked three times whether it is there and once more to begin and to end. What asks
often and only reads goes this way instead, by `Database.look`.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import URL, create_engine, event
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

THREADS = 2
CONNECTIONS = 4
_SERVER = {
    "jit": "off",  # compiling a query takes PostgreSQL longer than any of ours runs
    "lock_timeout": "5s",  # somebody else's lock; `core.db.LOCK_LIMIT_S`
    # A machine of ours that has lost its power or its network must not keep its locks for hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
POSTGRES_ARGUMENTS = {"timeout": 3.0, "server_settings": _SERVER}
"""Of every connection: `timeout` is for making it."""
Result = TypeVar("Result")


class Looks:
    """Reading sessions of one SQLite file, in a few threads with connections of their own."""

    def __init__(self, url: URL, info: dict[Any, Any]) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="db-look")
        self._engine = create_engine(url.set(drivername="sqlite"), pool_size=THREADS)
        event.listen(self._engine, "connect", _prepare)
        self._sessions = sessionmaker(self._engine, info=info)

    async def look(self, ask: Callable[[Session], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look, ask)

    async def close(self) -> None:
        self._threads.shutdown()
        self._engine.dispose()

    def _look(self, ask: Callable[[Session], Result]) -> Result:
        with self._sessions() as session:
            return ask(session)


class PostgresLooks:
    """Reading sessions without transactions, on a few connections of their own."""

    def __init__(self, url: URL, info: dict[Any, Any]) -> None:
        self.engine = create_async_engine(
            url, isolation_level="AUTOCOMMIT", pool_size=CONNECTIONS, max_overflow=0, pool_pre_ping=True,
            connect_args=POSTGRES_ARGUMENTS,
        )  # fmt: skip
        self._sessions = async_sessionmaker(self.engine, info=info)

    async def look(self, ask: Callable[[Session], Result]) -> Result:
        async with self._sessions() as session:
            return await session.run_sync(ask)

    async def close(self) -> None:
        await self.engine.dispose()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = (
        None  # each statement sees what is committed by then, as PostgreSQL's sessions do
    )
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA busy_timeout=5000")
