"""A database for the house rules that need the running application; SQLite is enough to read routes."""

from importlib import import_module
from pathlib import Path

import pytest

from core.db import Database, DatabaseSettings

ROOMS_WITH_TABLES = ("core.web", "ivr", "kb", "recordings", "tickets")


@pytest.fixture
async def db(tmp_path: Path):
    for room in ROOMS_WITH_TABLES:
        import_module(f"{room}.models")
    database = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/hotline.db"))
    await database.create_all()
    yield database
    await database.close()
