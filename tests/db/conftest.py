"""Both engines for every database test: SQLite in a file, PostgreSQL in a throw-away database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.blank import Blanks
from support.postgres import PostgresServer

from core.db import Database, DatabaseSettings


@pytest.fixture(scope="session")
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def blanks(tmp_path_factory: pytest.TempPathFactory) -> Blanks:
    return Blanks(tmp_path_factory.mktemp("blank"))


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
            request.getfixturevalue("postgres").drop(url)
