"""`python -m config.migrations.revision NAME`: writes the next migration from the models; `--fresh` begins anew.

The models are compared with an empty SQLite database brought to the present head. Read the file before
committing it: a renamed column looks like one dropped and one added. `--fresh` removes every migration first; it is
for the time before the first release only.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from config.database import MIGRATIONS, alembic_config

VERSIONS = MIGRATIONS / "versions"


async def write(name: str, *, fresh: bool = False) -> Path:
    """The new migration's file, numbered after the last."""
    if fresh:
        for file in VERSIONS.glob("[0-9]*.py"):
            file.unlink()
    revision = f"{len(list(VERSIONS.glob('[0-9]*.py'))) + 1:04}_{name}"
    with tempfile.TemporaryDirectory() as folder:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/empty.db")
        async with engine.begin() as connection:
            await connection.run_sync(_generate, revision, name)
        await engine.dispose()
    return VERSIONS / f"{revision}.py"


def _generate(connection: Connection, revision: str, name: str) -> None:
    config = alembic_config(connection)
    command.upgrade(config, "head")
    command.revision(config, name.replace("_", " "), autogenerate=True, rev_id=revision)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args()
    if not re.fullmatch(r"[a-z0-9_]{3,40}", given.name):
        raise SystemExit("名称请用 3～40 位小写字母、数字和下划线")
    file = asyncio.run(write(given.name, fresh=given.fresh))
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "-q", file], check=True)
