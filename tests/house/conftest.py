"""A database for the house rules that need the running application; SQLite is enough to read routes."""

from pathlib import Path

import pytest
from support.blank import make_tables

from core.db import Database, DatabaseSettings


@pytest.fixture
async def db(tmp_path: Path):
    database = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/hotline.db"))
    await make_tables(database)
    yield database
    await database.close()
