"""From the archive's folder into the depot (录音转存): each file once its row is stored; until then it is kept and heard here.

A depot that is away costs nothing but room on this machine's disk: what waits is moved when it is back.
"""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy import select

from core.db import Database
from recordings.keeping.archive import SUFFIX, in_background
from recordings.keeping.depot import Depot, DepotAway, depot_of
from recordings.models import Recording
from recordings.settings import RecordingSettings

log = structlog.get_logger()
LOOK_S = 5.0
AWAY_PAUSE_S = 15.0


class Mover:
    """`fault` says why the depot could not be reached the last time; empty when all is well."""

    def __init__(self, db: Database, settings: RecordingSettings) -> None:
        self._db = db
        self._settings = settings
        self.fault = ""

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`."""
        while True:
            beat()
            try:
                await self.move()
            except DepotAway:
                log.warning("depot_away", waiting=self.waiting(), error=self.fault)
                await asyncio.sleep(AWAY_PAUSE_S)
            await asyncio.sleep(LOOK_S)

    async def move(self) -> int:
        """Move what is finished; returns the number of files. Raises DepotAway."""
        moved = 0
        try:
            depot = await asyncio.to_thread(depot_of, self._settings)
            for file in await asyncio.to_thread(self._near):
                moved += depot is not None and await self._moved(depot, file)
        except DepotAway as away:
            self.fault = str(away)
            raise
        self.fault = ""
        if moved:
            log.info("recordings_moved", count=moved)
        return moved

    def waiting(self) -> int:
        """How many recordings are still to be moved."""
        return len(self._near())

    async def _moved(self, depot: Depot, file: Path) -> bool:
        """Only the very bytes that a row names: nobody writes that file again, so it may be taken away."""
        content = await asyncio.to_thread(file.read_bytes)
        path = file.relative_to(self._settings.archive_dir).as_posix()
        async with self._db.reading() as session:
            known = select(Recording.sha256).where(Recording.path == path, Recording.deleted_at.is_(None))
            sha256 = await session.scalar(known)
        if sha256 != hashlib.sha256(content).hexdigest():
            return False
        await in_background(depot.put, path, content)
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return True

    def _near(self) -> list[Path]:
        return sorted(self._settings.archive_dir.rglob(f"*{SUFFIX}"))
