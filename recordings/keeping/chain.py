"""The chain of checksums (校验链): every recording's row hashes the one before, so that none can be swapped or removed.

Purging a file leaves its row, and a change of keys leaves the file: neither breaks the chain.
"""

import hashlib
import json

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.models import Recording

GENESIS = "0" * 64
_CHAIN_LOCK = 96128_3


async def append(session: AsyncSession, recording: Recording) -> None:
    """Add the new recording as the chain's next link; two writers cannot both follow the same row."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
        await session.execute(select(func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    newest = select(Recording.chain_hash).order_by(Recording.id.desc()).limit(1)
    previous = await session.scalar(newest)
    recording.chain_hash = link(previous or GENESIS, recording)
    session.add(recording)
    await session.flush()


def link(previous: str, recording: Recording) -> str:
    """The hash over the link before and what must not change of this recording."""
    fields = [previous, recording.public_id, recording.path, recording.sha256, recording.audio_sha256]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


async def verify(session: AsyncSession) -> Recording | None:
    """The first recording that does not fit the chain, or None when all is whole."""
    previous = GENESIS
    rows = select(Recording).order_by(Recording.id).execution_options(yield_per=1000)
    async for row in await session.stream_scalars(rows):
        if row.chain_hash != link(previous, row):
            return row
        previous = row.chain_hash
    return None
