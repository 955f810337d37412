"""A new key for the archive (更换录音密钥): every file's own key is wrapped anew, no file is touched."""

from collections.abc import AsyncIterator

from sqlalchemy import func, select

from core.db import Database
from recordings.keeping.keyring import Keyring
from recordings.models import Recording
from recordings.settings import RecordingSettings

_BATCH = 500


async def rotate(db: Database, settings: RecordingSettings) -> AsyncIterator[int]:
    """Yields how many are still to do, 0 at the end. Broken off, it is taken up again by the next call.

    The old keys are forgotten only when nothing needs them; a copy of the keyring in an old backup still opens
    what that backup holds.
    """
    keyring = Keyring(settings.keyring)
    if not await _behind(db, keyring.current):
        keyring.add_key()
    while left := await _behind(db, keyring.current):
        yield left
        await _rewrap_some(db, keyring)
    keyring.keep_only_current()
    yield 0


async def _behind(db: Database, current: str) -> int:
    async with db.reading() as session:
        return (
            await session.scalar(select(func.count(Recording.id)).where(Recording.wrapped_by != current)) or 0
        )


async def _rewrap_some(db: Database, keyring: Keyring) -> None:
    async with db.unit_of_work() as session:
        behind = select(Recording).where(Recording.wrapped_by != keyring.current).limit(_BATCH)
        for row in await session.scalars(behind):
            fresh = keyring.rewrap(row.wrapped_key, row.wrapped_by)
            row.wrapped_key, row.wrapped_by = fresh.wrapped, fresh.wrapped_by
