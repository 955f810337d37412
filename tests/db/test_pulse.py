"""A database that hangs or is locked instead of refusing (数据库无应答): whoever asks is told within seconds, nothing is stored twice."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from support.blank import Blanks
from support.postgres import PostgresServer
from support.web import browsing, web_app

from core import db as plumbing
from core import pulse
from core.clock import SystemClock
from core.db import Database, DatabaseSettings, is_away, until_stored

_ADD = text("INSERT INTO marks VALUES (:mark)")


@pytest.fixture
async def served(
    postgres: PostgresServer, blanks: Blanks, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """PostgreSQL with a table, and somebody who feels its pulse, quickly."""
    monkeypatch.setattr(pulse, "LOOK_S", 0.1)
    monkeypatch.setattr(pulse, "ANSWER_LIMIT_S", 0.5)
    monkeypatch.setattr(plumbing, "AWAY_PAUSE_S", 0.1)
    url = await blanks.postgresql(postgres)
    db = Database(DatabaseSettings(url=url))
    assert db.pulse
    async with db.unit_of_work() as session:
        await session.execute(text("CREATE TABLE marks (mark integer)"))
    feeling = asyncio.create_task(db.pulse.run(lambda: None))
    yield db
    feeling.cancel()
    async with db.unit_of_work() as session:
        await session.execute(text("DROP TABLE marks"))
    await db.close()
    await blanks.take_back(url)


async def add(db: Database, mark: int) -> None:
    async with db.unit_of_work() as session:
        await session.execute(_ADD, {"mark": mark})


async def read(db: Database) -> list[int]:
    async with db.reading() as session:
        return list(await session.scalars(text("SELECT mark FROM marks ORDER BY mark")))


async def test_a_server_that_hangs(served: Database, postgres: PostgresServer):
    """M-14: a transaction under way, a read, a quick look and a page all fail within seconds, nobody tries in vain meanwhile; back, what was to be
    stored is, once, and the broken transaction is not.
    """
    begun = asyncio.Event()

    async def breaks_off() -> None:
        async with served.unit_of_work() as session:
            await session.execute(_ADD, {"mark": 1})
            begun.set()
            await hangs.wait()
            await session.execute(_ADD, {"mark": 2})

    hangs = asyncio.Event()
    under_way = asyncio.create_task(breaks_off())
    await begun.wait()
    async with browsing(web_app(served, SystemClock())) as browser:
        with postgres.hanging():
            hangs.set()
            stored = asyncio.create_task(until_stored(partial(add, served, 3)))
            asked = (
                under_way, read(served), served.look(lambda session: session.execute(text("SELECT 1"))),
                browser.get("/bulletin"), browser.get("/readyz"),
            )  # fmt: skip
            async with asyncio.timeout(20):
                *failed, page, readyz = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(error, Exception) and is_away(error) for error in failed), failed
            assert not served.answers
            with pytest.raises(pulse.DatabaseSilent):
                await read(served)
            assert (page.status, readyz.status) == (503, 503)
            assert "数据库暂时无法访问" in await page.text()
            assert not (await readyz.json())["parts"]["database"]["ok"]
        async with asyncio.timeout(20):
            await stored
    assert await read(served) == [3]
    assert served.answers


async def test_a_file_that_somebody_else_writes_to_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """However many wait to write, each is told after the same few seconds; readers notice nothing, and afterwards all can write."""
    monkeypatch.setattr(plumbing, "LOCK_LIMIT_S", 1.0)
    file = tmp_path / "hotline.db"
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{file}"))
    async with db.unit_of_work() as session:
        await session.execute(text("CREATE TABLE marks (mark integer)"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(4):
        errors = await asyncio.gather(*(add(db, mark) for mark in range(6)), return_exceptions=True)
    assert all(isinstance(error, OperationalError) and is_away(error) for error in errors), errors
    assert await read(db) == []
    other.execute("ROLLBACK")
    other.close()
    await asyncio.gather(*(add(db, mark) for mark in range(3)))
    assert await read(db) == [0, 1, 2]
    await db.close()
