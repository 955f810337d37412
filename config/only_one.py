"""One controller only (防止重复启动): a second one on the same data folder or database is refused before it touches anything.

The folder is guarded by a lock on a file, which the system takes back when the process dies, however it dies. On PostgreSQL a
controller of the same system name, perhaps on another machine, is guarded by an advisory lock.
"""

import asyncio
import contextlib
import fcntl
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import Database, is_away
from core.errors import HotlineError

log = structlog.get_logger()
LOOK_S = 5.0
_SPACE = 96128


class AlreadyRunning(HotlineError):
    """Another controller holds the lock; `where` names the folder or the database."""

    code = "already_running"
    status = 409
    text = "已有一个呼叫控制进程在使用{where}，不能再启动一个。请先停止它；要并行运行另一套，请另设 data_dir、端口和 asterisk.system_name。"


class OnlyOne:
    """Held from `take` to `release`."""

    def __init__(self, data_dir: Path, db: Database, system_name: str) -> None:
        self._file_name = data_dir / "hotline.lock"
        self._db = db
        self._name = system_name
        self._file: IO[str] | None = None
        self._connection: AsyncConnection | None = None

    async def take(self) -> None:
        """Raises AlreadyRunning."""
        self.take_folder()
        if self._db.is_postgresql and not await self._take_database():
            await self.release()
            raise AlreadyRunning(where=f"数据库（系统名 {self._name}）")

    def take_folder(self) -> None:
        """The folder alone, while there is no database. Raises AlreadyRunning."""
        self._file_name.parent.mkdir(parents=True, exist_ok=True)
        file = self._file_name.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "？"
            file.close()
            raise AlreadyRunning(where=f"数据目录 {self._file_name.parent}（进程 {holder}）") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    async def _take_database(self) -> bool:
        connection = await self._db.engine.connect()
        lock = text("SELECT pg_try_advisory_lock(:space, :name)")
        key = zlib.crc32(self._name.encode()) - 2**31
        is_taken = bool(await connection.scalar(lock, {"space": _SPACE, "name": key}))
        await connection.commit()
        if is_taken:
            self._connection = connection
        else:
            await connection.close()
        return is_taken

    async def keep(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`: a database that was away has forgotten the lock."""
        while True:
            beat()
            await asyncio.sleep(LOOK_S)
            if self._db.is_postgresql:
                try:
                    await self._renew()
                except Exception as error:
                    if not is_away(error):
                        raise

    async def _renew(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await self._connection.execute(text("SELECT 1"))
                await self._connection.commit()
                return
            lost, self._connection = self._connection, None
            await lost.invalidate()
            await lost.close()
        if not await self._take_database():
            log.error("another_controller_on_this_database", system_name=self._name)

    async def release(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await self._connection.invalidate()
                await self._connection.close()
        self._connection = None
        if self._file:
            self._file.close()
        self._file = None
