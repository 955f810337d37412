"""Restoring a backup (恢复) into an empty hotline (M-85): all of it or nothing, and never over what is there."""

import errno
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from config import database
from config.backup import rows
from config.backup.checking import checked, opened
from config.backup.layout import Manifest, RestoreRefused, folders, table_member
from config.backup.placing import Placing
from config.settings import Settings
from core import audit
from core.db import Database
from recordings.keeping import chain

Say = Callable[[str], None]


@dataclass(frozen=True)
class Restored:
    """What came back; a broken chain was broken in the backup already."""

    manifest: Manifest
    files: int
    broken_audit: int | None
    """Id of the first row of the audit log that does not fit its chain."""
    broken_recording: str | None
    """Public id of the first recording that does not."""


async def restore(settings: Settings, file: Path, say: Say) -> Restored:
    """Bring back the hotline in `file`; the settings come without generated secrets. Raises RestoreRefused or OSError."""
    try:
        with opened(file) as tar:
            say("正在核对备份……")
            state = await database.schema_state(settings.database.url)
            manifest = checked(tar, file, tuple(folders(settings)), state.head)
            with Placing(tar, folders(settings)) as placing:
                return await _restore(settings, tar, manifest, placing, state, say)
    except (SQLAlchemyError, ValueError, KeyError) as error:
        raise RestoreRefused(reason=f"数据库没有收下备份的内容（{type(error).__name__}）。") from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise RestoreRefused(reason="磁盘空间不足，请腾出空间后重试。") from error


async def _restore(
    settings: Settings, tar: tarfile.TarFile, manifest: Manifest, placing: Placing,
    state: database.SchemaState, say: Say,
) -> Restored:  # fmt: skip
    placing.refuse_occupied()
    if state.current not in ("", state.head):
        raise RestoreRefused(reason="数据库里已有较早版本的数据。请换一个空的数据库。")
    await database.upgrade(settings.database.url)
    async with database.opened(settings) as db:
        await _refuse_full(db)
        say("正在解开文件……")
        placing.stage()
        async with db.unit_of_work() as session:
            connection = await session.connection()
            await connection.run_sync(_load, tar, manifest, say)
            files = placing.put()
        async with db.reading() as session:
            recording = await chain.verify(session)
            return Restored(
                manifest, files, await audit.verify(session), recording.public_id if recording else None
            )


async def _refuse_full(db: Database) -> None:
    async with db.engine.connect() as connection:
        for table in rows.tables():
            if await connection.run_sync(rows.has_rows, table):
                raise RestoreRefused(reason=f"数据库不是空的（{table.name} 里有数据）。请换一个空的数据库。")


def _load(connection: Connection, tar: tarfile.TarFile, manifest: Manifest, say: Say) -> None:
    for table in rows.tables():
        lines = tar.extractfile(table_member(table.name))
        assert lines is not None
        count = rows.load(connection, table, lines)
        if count != manifest.rows.get(table.name):
            raise RestoreRefused(reason=f"数据表 {table.name} 的行数与清单不符，备份已损坏。")
        say(f"数据表 {table.name}：{count} 行")
    rows.set_sequences(connection)
