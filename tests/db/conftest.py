"""Both engines for every database test: SQLite in a file, PostgreSQL in a throw-away database; the small city, and its pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.blank import Blanks
from support.postgres import PostgresServer
from support.tickets import City, build_city
from support.web import Browser, browsing, give_password, web_app

import agent_desktop.keys
import portal.keys
from core.db import Database, DatabaseSettings
from tickets.settings import AttachmentSettings


@pytest.fixture(scope="session")
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def blanks() -> Blanks:
    return Blanks()


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path, blanks: Blanks) -> AsyncIterator[Database]:
    """An empty database with every table, on each engine in turn."""
    if request.param == "sqlite":
        url = await blanks.sqlite(tmp_path / "hotline.db")
    else:
        url = await blanks.postgresql(request.getfixturevalue("postgres"))
    database = Database(DatabaseSettings(url=url))
    try:
        yield database
    finally:
        await database.close()
        if request.param == "postgresql":
            await blanks.take_back(url)


@pytest.fixture
async def city(db: Database) -> City:
    return await build_city(db)


@pytest.fixture
async def browser(db: Database, city: City, tmp_path: Path) -> AsyncIterator[Browser]:
    """The staff's and the public's pages; everybody of the city may sign in with PASSWORD, papers lie in `papers`."""
    await give_password(db, city.users)
    app = web_app(db, city.clock)
    app[agent_desktop.keys.ATTACHMENTS] = app[portal.keys.ATTACHMENTS] = AttachmentSettings(
        folder=tmp_path / "papers"
    )
    async with browsing(app) as browser:
        yield browser
