"""Empty databases with every table, for the tests: made once on each engine, then copied."""

import shutil
from pathlib import Path

from support.postgres import PostgresServer

from config.database import load_models
from core.db import Database, DatabaseSettings


async def fill(url: str) -> None:
    """Every table of the hotline, in the empty database at this address."""
    load_models()
    database = Database(DatabaseSettings(url=url))
    await database.create_all()
    await database.close()


class Blanks:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "blank.db"
        self._template = ""

    async def sqlite(self, file: Path) -> str:
        """The SQLAlchemy address of a copy at `file`."""
        if not self._file.exists():
            await fill(f"sqlite+aiosqlite:///{self._file}")
        shutil.copy(self._file, file)
        return f"sqlite+aiosqlite:///{file}"

    async def postgresql(self, server: PostgresServer) -> str:
        """The SQLAlchemy address of a copy on `server`."""
        if not self._template:
            self._template = server.new_database()
            await fill(self._template)
        return server.new_database(template=self._template)
