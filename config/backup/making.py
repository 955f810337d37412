"""Making a backup (备份) of a hotline that may be running: rows as of one moment, then the files.

A file is stored before the row that names it, so every row of the moment finds its file, unless it was purged meanwhile.
"""

import errno
import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import IO

from sqlalchemy import Connection

from config.backup import rows
from config.backup.layout import FORMAT, MANIFEST, BackupRefused, Manifest, fingerprint, folders, table_member
from config.database import schema_state
from config.settings import Settings
from core.clock import Clock
from core.db import Database

Say = Callable[[str], None]


async def make(db: Database, clock: Clock, settings: Settings, target: Path, say: Say) -> Manifest:
    """Write the tar `target`, mode 0600, whole or not at all. Raises BackupRefused or OSError."""
    revision = (await schema_state(settings.database.url)).head
    keyring = _content(settings.recordings.keyring)
    with _new_file(target) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        writer = _Writer(tar, target.parent, say)
        async with db.engine.connect() as connection:
            if db.is_postgresql:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            counts = await connection.run_sync(writer.add_tables)
        for prefix, folder in folders(settings).items():
            writer.add_folder(prefix, folder)
        if _content(settings.recordings.keyring) != keyring:
            raise BackupRefused(reason="备份期间更换了录音密钥，请重新备份。")
        key = fingerprint(settings.tickets.code_secret)
        manifest = Manifest(FORMAT, revision, clock.now().isoformat(), counts, dict(writer.sha256), key)
        writer.add(MANIFEST, BytesIO(json.dumps(asdict(manifest), indent=1).encode()))
    return manifest


class _Writer:
    """Puts members into the tar and remembers their checksums."""

    def __init__(self, tar: tarfile.TarFile, scratch: Path, say: Say) -> None:
        self.sha256: dict[str, str] = {}
        self._tar, self._scratch, self._say = tar, scratch, say

    def add_tables(self, connection: Connection) -> dict[str, int]:
        counts = {}
        for table in rows.tables():
            with tempfile.TemporaryFile(dir=self._scratch) as lines:
                counts[table.name] = rows.dump(connection, table, lines)
                self.add(table_member(table.name), lines)
            self._say(f"数据表 {table.name}：{counts[table.name]} 行")
        return counts

    def add_folder(self, prefix: str, folder: Path) -> None:
        """Every finished file below the folder; one that goes away meanwhile is left out."""
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink() or path.suffix == ".part":
                continue
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                self.add(f"{prefix}/{path.relative_to(folder).as_posix()}", file)
            self._say(f"文件 {len(self.sha256)}")

    def add(self, name: str, file: IO[bytes]) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = file.seek(0, os.SEEK_END), 0o600
        file.seek(0)
        hashing = _Hashing(file)
        self._tar.addfile(member, hashing)  # type: ignore[arg-type]  # it only ever reads
        self.sha256[name] = hashing.digest.hexdigest()


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._file = file

    def read(self, size: int) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


@contextmanager
def _new_file(target: Path) -> Iterator[IO[bytes]]:
    """`target` once everything is written; never one that exists."""
    if target.exists():
        raise BackupRefused(reason=f"{target} 已经存在，请另取文件名。")
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise BackupRefused(reason=f"{target.parent} 空间不足。") from error
    finally:
        part.unlink(missing_ok=True)


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""
