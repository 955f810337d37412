"""News between processes on PostgreSQL, and of commands on SQLite: heard once, after the commit, by everybody else, and none is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from support.killable import until
from support.postgres import PostgresServer

from config.database import load_models
from core import bus
from core.accounts import AccountChanged
from core.bus import Bus
from core.channel import Channel
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.outbox import BusNews, Outbox
from core.people import Role
from core.tasks import Tasks
from kb.events import EntriesChanged
from tickets.events import NoticesPosted, TicketChanged


@dataclass
class Process:
    """One process's part of the hotline, as far as news go."""

    db: Database
    tasks: Tasks
    heard: list[object]

    async def publish(self, *events: object) -> None:
        async with self.db.unit_of_work() as session:
            for event in events:
                bus.publish(session, event)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    load_models()
    return postgres.new_database()


@pytest.fixture
async def start(url: str) -> AsyncIterator[Callable[[], object]]:
    started: list[Process] = []

    async def one() -> Process:
        db = Database(DatabaseSettings(url=url), Bus())
        if not started:
            await db.create_all()
        process = Process(db, Tasks(SystemClock()), [])
        for kind in (TicketChanged, NoticesPosted, EntriesChanged):
            db.bus.subscribe(kind, process.heard.append)
        channel, outbox = Channel(db), Outbox(db)
        await outbox.listen(channel)
        process.tasks.loop("channel", channel.run)
        process.tasks.loop("outbox", outbox.run)
        started.append(process)
        return process

    yield one
    for process in started:
        await process.tasks.close()
        await process.db.close()


async def test_news_reach_every_process_once(start):
    """Who published hears it from its own bus, the others through the database, whatever its shape and length."""
    here, there, third = await start(), await start(), await start()
    news = [
        TicketChanged("Q20260601000001"),
        NoticesPosted(frozenset({(Role.OFFICE, 1), (Role.HEAD, 2)})),
        EntriesChanged(tuple(range(5_000))),
    ]
    await here.publish(*news)
    await until(lambda: there.heard == third.heard == news)
    await there.publish(TicketChanged("Q2"))
    await until(lambda: here.heard == third.heard == [*news, TicketChanged("Q2")])
    assert there.heard == [*news, TicketChanged("Q2")]


async def test_news_of_what_was_undone_reach_nobody(start):
    """A unit of work that fails tells nothing; what came after it is heard."""
    here, there = await start(), await start()
    with pytest.raises(ZeroDivisionError):
        async with here.db.unit_of_work() as session:
            bus.publish(session, TicketChanged("undone"))
            await session.execute(text("SELECT 1"))
            raise ZeroDivisionError
    await here.publish(TicketChanged("done"))
    await until(lambda: bool(there.heard))
    assert there.heard == [TicketChanged("done")]


async def test_a_connection_that_drops_loses_nothing(start):
    """While the listeners' connections are cut again and again, each news arrives, once and in order."""
    here, there = await start(), await start()
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND (query LIKE 'LISTEN%' OR query = 'SELECT 1' OR query LIKE '%pg_notify($1%') AND pid <> pg_backend_pid()"
    )
    for number in range(20):
        if number % 4 == 0:
            async with here.db.engine.connect() as connection:
                await connection.execute(cut)
        await here.publish(TicketChanged(str(number)))
        await asyncio.sleep(0.05)  # spread over the cuts; nothing is asserted by the clock
    await until(lambda: len(there.heard) >= 20)
    assert there.heard == [TicketChanged(str(number)) for number in range(20)]


async def test_a_slow_transaction_is_heard_after_a_quick_one(start):
    """Rows are numbered before they are committed: what was begun first and committed last is not skipped."""
    here, there = await start(), await start()
    async with here.db.unit_of_work() as slow:
        await here.db.before_commit(slow, [TicketChanged("slow")])  # stored, not yet committed
        await here.publish(TicketChanged("quick"))
        await until(lambda: there.heard == [TicketChanged("quick")])
    await until(lambda: there.heard == [TicketChanged("quick"), TicketChanged("slow")])


async def stored(db: Database) -> int:
    async with db.reading() as session:
        return await session.scalar(select(func.count()).select_from(BusNews)) or 0


async def test_old_news_are_forgotten(start):
    """After a day nobody needs them; the last row stays, so that numbers go on."""
    here = await start()
    await here.publish(TicketChanged("1"))
    await here.publish(TicketChanged("2"))
    async with here.db.unit_of_work() as session:
        await session.execute(text("UPDATE bus_news SET at = at - interval '2 days'"))
    await start()  # looks at its start
    async with asyncio.timeout(20):
        while await stored(here.db) > 1:
            await asyncio.sleep(0.05)


async def test_on_sqlite_a_running_hotline_hears_what_commands_change(tmp_path: Path):
    """`hotline user add` beside a running hotline is heard, once and only what is committed; the hotline itself stores nothing."""
    load_models()
    url = f"sqlite+aiosqlite:///{tmp_path / 'hotline.db'}"
    running, command = (Database(DatabaseSettings(url=url), Bus()) for _ in range(2))
    await running.create_all()
    heard: list[object] = []
    running.bus.subscribe(AccountChanged, heard.append)
    running.bus.subscribe(NoticesPosted, heard.append)
    outbox, _ = Outbox(running), Outbox(command, is_command=True)
    news = [AccountChanged(7), NoticesPosted(frozenset({(Role.OFFICE, 1)}))]
    await Process(command, Tasks(SystemClock()), []).publish(AccountChanged(1))
    await outbox.listen()
    await Process(command, Tasks(SystemClock()), []).publish(*news)
    for _ in range(2):
        await outbox._look()
    assert heard == news
    await Process(running, Tasks(SystemClock()), []).publish(AccountChanged(8))
    assert (await stored(running), heard) == (3, [*news, AccountChanged(8)])
    async with running.unit_of_work() as session:
        await session.execute(update(BusNews).values(at=datetime(2026, 1, 1, tzinfo=UTC)))
    await outbox._forget()
    await Process(command, Tasks(SystemClock()), []).publish(AccountChanged(9))
    await outbox._look()
    assert heard[-1] == AccountChanged(9)
    await running.close()
    await command.close()
