"""A database for the house rules that need the running application; SQLite is enough to read routes."""

from pathlib import Path

import pytest

from core.db import Database, DatabaseSettings


@pytest.fixture
async def db(tmp_path: Path):
    import core.people
    import core.web.models
    import ivr.models
    import kb.models
    import recordings.models
    import tickets.models  # noqa: F401

    database = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/hotline.db"))
    await database.create_all()
    yield database
    await database.close()
