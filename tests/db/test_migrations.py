"""Migrations lead from an empty database to exactly what the models say, on both engines."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from config.database import SchemaOutdated, alembic_config, load_models, opened, schema_state, upgrade
from config.settings import load
from core.db import Base


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database on each engine."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/hotline.db"
    return str(request.getfixturevalue("postgres").new_database())


def test_there_is_one_head_and_names_count_up():
    """`0001_…`, `0002_…`: one line of history, readable in a listing."""
    script = ScriptDirectory.from_config(alembic_config())
    names = sorted(revision.revision for revision in script.walk_revisions())
    assert script.get_heads() == [names[-1]]
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]


async def test_an_empty_database_comes_to_the_head(url: str):
    """Once is enough, twice does no harm."""
    before = await upgrade(url)
    assert before.current == ""
    again = await upgrade(url)
    assert again.is_current


async def test_models_and_head_do_not_drift(url: str):
    """What the rooms declare is what the migrations make; else `python -m config.migrations.revision` was forgotten."""
    await upgrade(url)
    load_models()
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(_drift) == []
    await engine.dispose()


async def test_a_failed_migration_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch):
    """All or nothing: the database is as empty as before."""

    def fail(_: Connection) -> None:
        monkeypatch.undo()
        raise RuntimeError("the last step fails")

    real = upgrade.__globals__["_upgrade"]
    monkeypatch.setitem(
        upgrade.__globals__, "_upgrade", lambda connection: (real(connection), fail(connection))
    )
    with pytest.raises(RuntimeError):
        await upgrade(url)
    assert (await schema_state(url)).current == ""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        tables = (
            "sqlite_master WHERE type = 'table'"
            if "sqlite" in url
            else "pg_tables WHERE schemaname = 'public'"
        )
        assert await connection.scalar(text(f"SELECT count(*) FROM {tables}")) == 0
    await engine.dispose()


async def test_commands_refuse_an_old_structure(tmp_path: Path):
    """Better a sentence than a missing column at night."""
    file = tmp_path / "hotline.toml"
    file.touch()
    settings = load({"HOTLINE_CONFIG": str(file), "HOTLINE__DATA_DIR": str(tmp_path)})
    with pytest.raises(SchemaOutdated):
        async with opened(settings):
            pass


def _drift(connection: Connection) -> list[Any]:
    return compare_metadata(
        MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata
    )
