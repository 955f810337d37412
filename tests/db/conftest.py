"""Both engines for every database test: SQLite in a file, PostgreSQL in a throw-away database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.postgres import PostgresServer

from config.database import load_models
from core.db import Database, DatabaseSettings


@pytest.fixture(scope="session")
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with every table, on each engine in turn."""
    load_models()
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/hotline.db"
    else:
        url = request.getfixturevalue("postgres").new_database()
    database = Database(DatabaseSettings(url=url))
    try:
        await database.create_all()
        yield database
    finally:
        await database.close()
