"""Database plumbing: engine, units of work and column types; SQLite and PostgreSQL alike.

SQLite takes one writer at a time: `unit_of_work` queues writers on a lock and begins IMMEDIATE, so that no
transaction fails half-way for want of the write lock. Readers never wait (WAL). A database that cannot be written, or does not
answer, fails whoever asks within `LOCK_LIMIT_S` and what `core.pulse` takes to notice.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import structlog
from sqlalchemy import (
    BigInteger,
    CursorResult,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    TypeDecorator,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session

from core.bus import Bus, take_pending
from core.looks import POSTGRES_ARGUMENTS, Looks, PostgresLooks
from core.pulse import DatabaseSilent, Pulse

log = structlog.get_logger()
PrimaryKey = BigInteger().with_variant(Integer, "sqlite")
"""A key that numbers itself on both engines (SQLite numbers only INTEGER keys)."""


Settings = TypeVar("Settings")
Result = TypeVar("Result")
AWAY_PAUSE_S = 1.0
LOCK_LIMIT_S = 5.0
"""How long somebody else's lock, on a row (PostgreSQL) or on the file (SQLite), is waited for."""
LEAST_LOCK_S = 0.1
"""Of who has waited for the turn to write that long already."""
POOL_LIMIT_S = 10.0
_CONNECTING = (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
"""What comes from the driver itself while there is no connection."""
_OUR_FAULT = (IntegrityError, DataError, ProgrammingError)
_PROVIDED = "provided_settings"
_WAITS_MS = "waits_ms"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: refuses naive values, stores UTC, returns aware UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime is not an instant")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def only_where(condition: str) -> dict[str, Any]:
    """What makes an `Index` a partial one, on both engines."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


OF_THE_MOMENT = {"info": {"of_the_moment": True}}
"""For `__table_args__`: the rows mean nothing at another time or place, so that backups leave the table out."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


@dataclass(frozen=True)
class DatabaseSettings:
    url: str = ""
    """SQLAlchemy address; empty means SQLite in data_dir."""
    pool_size: int = 10


class Database:
    """One engine and the only way to a transaction."""

    def __init__(self, settings: DatabaseSettings, bus: Bus | None = None) -> None:
        self.url = make_url(settings.url)
        self.bus = bus or Bus()
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = asyncio.Lock()
        if self._is_sqlite and self.url.database not in (None, "", ":memory:"):
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        self.engine = create_async_engine(self.url, **self._engine_options(settings))
        if self._is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
        self.before_commit: Callable[[AsyncSession, Sequence[object]], Awaitable[None]] | None = None
        """Given the events of a unit of work within its transaction; the outbox's."""
        self._provided: dict[type, object] = {}
        info = {_PROVIDED: self._provided}
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, info=info)
        self._looks: Looks | PostgresLooks = (
            Looks(self.url, info) if self._is_sqlite else PostgresLooks(self.url, info)
        )
        self.pulse: Pulse | None = None if self._is_sqlite else Pulse(self.url)
        """Run by whoever runs for long."""
        if self.pulse and isinstance(self._looks, PostgresLooks):
            self.pulse.guard(self.engine)
            self.pulse.guard(self._looks.engine)

    @property
    def is_postgresql(self) -> bool:
        return not self._is_sqlite

    @property
    def answers(self) -> bool:
        """False while it is known to be away."""
        return self.pulse is None or self.pulse.is_felt

    def provide(self, settings: object) -> None:
        """Hand a room's settings to every session of this database; `provided` reads them back."""
        self._provided[type(settings)] = settings

    def _engine_options(self, settings: DatabaseSettings) -> dict[str, Any]:
        if self._is_sqlite:
            return {"connect_args": {"timeout": LOCK_LIMIT_S}}
        return {
            "pool_size": settings.pool_size,
            "max_overflow": settings.pool_size,
            "pool_timeout": POOL_LIMIT_S,
            "pool_pre_ping": True,
            "connect_args": POSTGRES_ARGUMENTS,
        }

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[AsyncSession]:
        """The only commit: all that happens inside is stored together or not at all."""
        since = time.monotonic()
        async with _held(self._writer if self._is_sqlite else None), self._sessions() as session:
            if self._is_sqlite:
                left_s = max(LOCK_LIMIT_S - (time.monotonic() - since), LEAST_LOCK_S)
                await session.connection(execution_options={"sqlite_write_s": left_s})
            yield session
            events = take_pending(session)
            if events and self.before_commit:
                await self.before_commit(session, events)
            await session.commit()
        for item in events:
            self.bus.deliver(item)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for looking; whatever it changed is rolled back."""
        async with self._sessions() as session:
            yield session

    async def look(self, ask: Callable[[Session], Result]) -> Result:
        """What `ask` reads with a plain session, which writes nothing; cheaper than `reading`."""
        return await self._looks.look(ask)

    async def create_all(self) -> None:
        """Make every table at once (tests only; a real database is migrated)."""
        async with self.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    async def close(self) -> None:
        await self.engine.dispose()
        await self._looks.close()


def hit_one(result: object) -> bool:
    """Whether a compare-and-set changed its row: nobody was quicker."""
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


@asynccontextmanager
async def _held(lock: asyncio.Lock | None) -> AsyncIterator[None]:
    if lock is None:
        yield
        return
    async with lock:
        yield


async def until_stored(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do `work`, again and again while the database is away (M-14); it must bear being done twice."""
    while True:
        try:
            return await work()
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("database_away", error=type(error).__name__)
        await asyncio.sleep(AWAY_PAUSE_S)


def is_away(error: Exception) -> bool:
    """Whether the database could not be reached, as opposed to having refused what it was asked."""
    return isinstance(error, _CONNECTING) or is_database_away(error)


def is_database_away(error: Exception) -> bool:
    """The same of an error that may come from elsewhere, such as a file that is missing."""
    return isinstance(error, DatabaseSilent | PoolExhausted) or (
        isinstance(error, DBAPIError) and not isinstance(error, _OUR_FAULT)
    )


def provided(session: AsyncSession | Session, kind: type[Settings]) -> Settings:
    """The settings of this kind that the composition root gave to the session's database."""
    try:
        return session.info[_PROVIDED][kind]  # type: ignore[no-any-return]
    except KeyError:
        raise RuntimeError(f"Database.provide({kind.__name__}(...)) was never called") from None


_PRAGMAS = (
    "foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL",
    "cache_size=-32768",  # 32 MB a connection: with the default of two every list reads its tickets from the disk's cache again
)  # fmt: skip


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _begin_sqlite(connection: Any) -> None:
    if left_s := connection.get_execution_options().get("sqlite_write_s"):
        _wait_at_most(connection, left_s)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:  # cannot fail, so it goes past the cursor: one trip to the connection's thread instead of three
        connection.connection.run_async(lambda driver: driver.execute("BEGIN"))


def _wait_at_most(connection: Any, left_s: float) -> None:
    """Who comes late, after others have waited in vain for the same lock, waits no longer than they."""
    wait_ms = int((LOCK_LIMIT_S if left_s > LOCK_LIMIT_S * 0.8 else left_s) * 1000)
    if connection.info.get(_WAITS_MS, int(LOCK_LIMIT_S * 1000)) != wait_ms:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={wait_ms}")
        connection.info[_WAITS_MS] = wait_ms
