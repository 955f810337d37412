"""Two controllers started by mistake: the second is refused, with a sentence that says where the first one is."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.only_one import AlreadyRunning, OnlyOne
from core.db import Database


@pytest.fixture
async def first(db: Database, tmp_path: Path) -> AsyncIterator[OnlyOne]:
    running = OnlyOne(tmp_path / "one", db, "n1")
    await running.take()
    yield running
    await running.release()


async def test_same_data_folder(db: Database, first: OnlyOne, tmp_path: Path):
    """The second one on a folder is refused, and told which process has it."""
    with pytest.raises(AlreadyRunning) as refused:
        await OnlyOne(tmp_path / "one", db, "n2").take()
    assert f"进程 {os.getpid()}" in refused.value.message
    assert str(tmp_path / "one") in refused.value.message


async def test_free_again_after_the_first_has_gone(db: Database, first: OnlyOne, tmp_path: Path):
    """What the first gives back the next one gets."""
    await first.release()
    second = OnlyOne(tmp_path / "one", db, "n1")
    await second.take()
    await second.release()


async def test_same_name_on_one_server_database(db: Database, first: OnlyOne, tmp_path: Path):
    """On PostgreSQL a second machine with the same system name is refused; another name is another node."""
    if db.is_postgresql:
        with pytest.raises(AlreadyRunning, match="系统名 n1"):
            await OnlyOne(tmp_path / "two", db, "n1").take()
    other = OnlyOne(tmp_path / "three", db, "n2")
    await other.take()
    await other.release()
