"""News for the other processes (发件箱): what `core.bus` delivers here after a commit reaches them as well, and none is lost.

On PostgreSQL the events of a unit of work are stored with it, in one transaction, which also calls the other processes
(NOTIFY). They read what is new; one that was cut off reads it when it is back, and each looks every few seconds unasked.
On SQLite one process answers the telephone and the web, and tells nobody; it looks every second for what a command (`hotline
user add`, `hotline calendar import` …) has stored.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from cattrs.preconf.json import make_converter
from sqlalchemy import JSON, BigInteger, String, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.bus import Bus
from core.channel import Channel
from core.clock import SystemClock
from core.db import OF_THE_MOMENT, Base, Database, PrimaryKey, UtcDateTime, until_stored

log = structlog.get_logger()
TOPIC = "bus_news"
LOOK_S = 5.0
UNCALLED_LOOK_S = 1.0
"""Where nobody calls (SQLite)."""
FORGET_EVERY_S = 3600.0
KEPT = timedelta(days=1)
"""How long a process may be cut off and still read everything."""
_converter = make_converter()
_STORE = text(
    "WITH stored AS (INSERT INTO bus_news (writer, sender, kind, body, at) "
    "SELECT pg_current_xact_id()::text::bigint, :sender, one->>'kind', one->'body', now() "
    "FROM json_array_elements(CAST(:news AS json)) AS one RETURNING id) "
    "SELECT pg_notify(:topic, :sender) FROM stored LIMIT 1"
)
_ALL_ENDED_BEFORE = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


class BusNews(Base):
    """One event of a committed unit of work, for the other processes."""

    __tablename__ = "bus_news"
    __table_args__ = OF_THE_MOMENT

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    writer: Mapped[int] = mapped_column(BigInteger, index=True)
    """The transaction that wrote it: transactions end in another order than their rows are numbered."""
    sender: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(120))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Outbox:
    """One process's: it stores what is published here and delivers here what others have stored."""

    def __init__(self, db: Database, *, is_command: bool = False) -> None:
        """`is_command`: of a command beside a running hotline, which tells its news on SQLite too."""
        self._db = db
        self._bus: Bus = db.bus
        self._sender = uuid.uuid4().hex
        self._wake = asyncio.Event()
        self._since: int | None = None
        """Every transaction before this one has ended, and what it stored is delivered; on SQLite the last row delivered."""
        self._seen: set[int] = set()
        """Rows of later transactions that were delivered already."""
        if db.is_postgresql or is_command:
            db.before_commit = self.store

    async def store(self, session: AsyncSession, events: Sequence[object]) -> None:
        """Store events in the unit of work that makes them true."""
        news = [{"kind": kind_of(type(one)), "body": _converter.unstructure(one)} for one in events]
        if self._db.is_postgresql:
            await session.execute(
                _STORE, {"topic": TOPIC, "sender": self._sender, "news": _converter.dumps(news)}
            )
        else:
            at = SystemClock().now()
            session.add_all(BusNews(writer=0, sender=self._sender, at=at, **one) for one in news)

    async def listen(self, channel: Channel | None = None) -> None:
        """From now on nothing that others store is missed; call it before the channel runs. On SQLite there is no channel."""
        if channel:
            channel.listen(TOPIC, self._called)
            channel.when_up(self._wake.set)
        await self._look()

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`."""
        forget_at, look_s = 0.0, LOOK_S if self._db.is_postgresql else UNCALLED_LOOK_S
        while True:
            beat()
            if time.monotonic() >= forget_at:
                forget_at = time.monotonic() + FORGET_EVERY_S
                await until_stored(self._forget)
            with suppress(TimeoutError):
                async with asyncio.timeout(look_s):
                    await self._wake.wait()
            self._wake.clear()
            await until_stored(self._look)

    def _called(self, sender: str) -> None:
        if sender != self._sender:
            self._wake.set()

    async def _look(self) -> None:
        self._deliver(await self._by_transaction() if self._db.is_postgresql else await self._by_number())

    async def _by_number(self) -> Sequence[BusNews]:
        """SQLite has one writer at a time: rows appear in the order of their numbers."""
        if self._since is None:
            last = select(func.max(BusNews.id))
            self._since = await self._db.look(lambda session: session.scalar(last)) or 0
            return ()
        query = select(BusNews).where(BusNews.id > self._since).order_by(BusNews.id)
        fresh = await self._db.look(lambda session: session.scalars(query).all())
        self._since = fresh[-1].id if fresh else self._since
        return fresh

    async def _by_transaction(self) -> Sequence[BusNews]:
        async with self._db.reading() as session:
            ended = int(await session.scalar(_ALL_ENDED_BEFORE) or 0)
            if self._since is None:
                self._since = ended
            query = select(BusNews).where(BusNews.writer >= self._since, BusNews.sender != self._sender)
            rows = (await session.scalars(query.order_by(BusNews.id))).all()
        fresh = [row for row in rows if row.id not in self._seen]
        self._since, self._seen = ended, {row.id for row in rows if row.writer >= ended}
        return fresh

    def _deliver(self, rows: Sequence[BusNews]) -> None:
        """Those that somebody here has subscribed to."""
        kinds = {kind_of(kind): kind for kind in self._bus.kinds()}
        for row in rows:
            if kind := kinds.get(row.kind):
                self._bus.deliver(_converter.structure(row.body, kind))

    async def _forget(self) -> None:
        """Delete old rows, but never the last: SQLite would give its number again."""
        last = select(func.max(BusNews.id)).scalar_subquery()
        old = (BusNews.at < SystemClock().now() - KEPT) & (BusNews.id < last)
        async with self._db.unit_of_work() as session:
            await session.execute(delete(BusNews).where(old))


def kind_of(event: type) -> str:
    return f"{event.__module__}.{event.__qualname__}"
