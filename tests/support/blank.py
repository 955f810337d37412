"""Empty databases with every table, for the tests: made once on each engine; SQLite's is copied, PostgreSQL's used again."""

import shutil
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from support.postgres import PostgresServer

from config.database import load_models
from core.db import Database, DatabaseSettings

_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# rows, not files: a TRUNCATE or a new copy makes every table's files anew, which takes a hundred times as long
_EMPTY = text("""
DO $$
DECLARE name text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
    FOR name IN SELECT format('%I', sequencename) FROM pg_sequences WHERE last_value IS NOT NULL LOOP
        PERFORM setval(name::regclass, 1, false);
    END LOOP;
END $$
""")


async def fill(url: str) -> None:
    """Every table of the hotline, in the empty database at this address."""
    load_models()
    database = Database(DatabaseSettings(url=url))
    await database.create_all()
    await database.close()


class Blanks:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "blank.db"
        self._returned: list[str] = []

    async def sqlite(self, file: Path) -> str:
        """The SQLAlchemy address of a copy at `file`."""
        if not self._file.exists():
            await fill(f"sqlite+aiosqlite:///{self._file}")
        shutil.copy(self._file, file)
        return f"sqlite+aiosqlite:///{file}"

    async def postgresql(self, server: PostgresServer) -> str:
        """The SQLAlchemy address of one on `server`, to be given back with `take_back`."""
        if not self._returned:
            self._returned.append(server.new_database())
            await fill(self._returned[0])
        return self._returned.pop()

    async def take_back(self, url: str) -> None:
        """Ends whoever is still connected, and empties every table for the next test."""
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.execute(_END_OTHERS)
            await connection.execute(_EMPTY)
        await engine.dispose()
        self._returned.append(url)
