"""Empty databases with every table, for the tests: made once on each engine; SQLite's is copied, PostgreSQL's used again."""

import atexit
import shutil
import tempfile
from functools import cache
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


async def make_tables(db: Database) -> None:
    """The same for one that nobody has opened yet, and cheap on SQLite."""
    if db.is_postgresql:
        await fill(db.url.render_as_string(hide_password=False))
    else:
        await _copy_blank(Path(db.url.database or ""))


async def _copy_blank(file: Path) -> None:
    blank = _folder() / "blank.db"
    if not blank.exists():
        await fill(f"sqlite+aiosqlite:///{blank}")
    shutil.copy(blank, file)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="hotline-blank-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Blanks:
    def __init__(self) -> None:
        self._returned: list[str] = []

    async def sqlite(self, file: Path) -> str:
        """The SQLAlchemy address of a copy at `file`."""
        await _copy_blank(file)
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
