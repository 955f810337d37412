"""Is the archive whole (录音校验)? Every file against the size and checksum taken when it was stored (M-60)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import func, select

from core.db import Database
from recordings.keeping.archive import file_content
from recordings.models import Recording
from recordings.settings import RecordingSettings

_BATCH = 200


@dataclass(frozen=True)
class Checked:
    """One recording looked at; `fault` is empty when it is whole, else `missing`, `size` or `checksum`."""

    public_id: str
    path: str
    fault: str


async def total(db: Database) -> int:
    """How many recordings `verify` will look at."""
    async with db.reading() as session:
        kept = select(func.count(Recording.id)).where(Recording.deleted_at.is_(None))
        return await session.scalar(kept) or 0


async def verify(db: Database, settings: RecordingSettings) -> AsyncIterator[Checked]:
    """Look at every recording that was not purged, oldest first, one result each."""
    last = 0
    while True:
        async with db.reading() as session:
            rows = select(Recording).where(Recording.id > last, Recording.deleted_at.is_(None))
            batch = (await session.scalars(rows.order_by(Recording.id).limit(_BATCH))).all()
        if not batch:
            return
        last = batch[-1].id
        for row in batch:
            fault = await asyncio.to_thread(_fault, row, settings)
            yield Checked(row.public_id, row.path, fault)


def _fault(row: Recording, settings: RecordingSettings) -> str:
    try:
        content = file_content(row.path, settings)
    except FileNotFoundError:
        return "missing"
    if len(content) != row.size:
        return "size"
    return "" if hashlib.sha256(content).hexdigest() == row.sha256 else "checksum"
