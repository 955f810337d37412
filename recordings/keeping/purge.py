"""Removing recordings past their time (录音清除, M-60): one person asks, another approves, a certificate stays.

A recording on legal hold is never removed, not even when the hold came after the asking. The rows stay, with the
chain of checksums over them; only the audio goes. Which recordings are past their time is not decided here.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from core.db import Database
from core.errors import InvalidInput
from recordings.errors import NothingToPurge, PurgeDecided, PurgeOwnRequest, ReasonMissing
from recordings.keeping.depot import depot_of
from recordings.listening.permission import Listener
from recordings.listening.playback import MIN_REASON
from recordings.models import Purge, PurgeState, Recording
from recordings.settings import RecordingSettings

log = structlog.get_logger()


async def ask(
    session: AsyncSession, clock: Clock, who: Listener, due: ColumnElement[bool], reason: str
) -> Purge:
    """Name every recording that is `due` and free; raises NothingToPurge or ReasonMissing."""
    if len(reason.strip()) < MIN_REASON:
        raise ReasonMissing
    free = due & free_to_go()
    count, size = (await session.execute(select(func.count(), func.sum(Recording.size)).where(free))).one()
    if not count:
        raise NothingToPurge
    purge = Purge(
        region_id=who.region_id, asked_by_id=who.user_id, asked_at=clock.now(), reason=reason.strip(),
        count=count, size=size,
    )  # fmt: skip
    session.add(purge)
    await session.flush()
    await session.execute(update(Recording).where(free).values(purge_id=purge.id))
    await _log(session, clock, who, purge, "recording.purge_ask")
    return purge


async def approve(session: AsyncSession, clock: Clock, who: Listener, purge_id: int) -> Purge:
    """Mark the recordings as removed and write the certificate; `remove_files` then takes the audio away.

    Raises PurgeOwnRequest when it is one's own request, PurgeDecided when it was decided before.
    """
    purge = await _decide(session, clock, who, purge_id, PurgeState.DONE)
    going = select(Recording).where(Recording.purge_id == purge.id, Recording.legal_hold.is_(False))
    rows = (await session.scalars(going.order_by(Recording.id))).all()
    for row in rows:
        row.deleted_at = purge.decided_at
    purge.count, purge.size = len(rows), sum(row.size for row in rows)
    purge.certificate = "\n".join(_lines(rows))
    purge.certificate_sha256 = hashlib.sha256(purge.certificate.encode()).hexdigest()
    await _free(session, purge)
    await _log(session, clock, who, purge, "recording.purge")
    return purge


async def refuse(session: AsyncSession, clock: Clock, who: Listener, purge_id: int) -> Purge:
    """Leave everything as it is; raises PurgeOwnRequest or PurgeDecided."""
    purge = await _decide(session, clock, who, purge_id, PurgeState.REFUSED)
    await _free(session, purge)
    await _log(session, clock, who, purge, "recording.purge_refuse")
    return purge


async def hold(
    session: AsyncSession, clock: Clock, who: Listener, recording: Recording, *, on: bool, reason: str
) -> None:
    """Put a recording on legal hold, or lift it; raises ReasonMissing, or InvalidInput for one already purged."""
    if len(reason.strip()) < MIN_REASON:
        raise ReasonMissing
    if recording.deleted_at is not None:
        raise InvalidInput(field="录音", reason="该录音已清除，无法保留。")
    recording.legal_hold = on
    await audit.record(
        session, clock, actor=who.username, action="recording.hold" if on else "recording.release",
        target=f"recording:{recording.public_id}", reason=reason.strip(), source=who.source,
    )  # fmt: skip


def free_to_go() -> ColumnElement[bool]:
    """Neither held, nor removed, nor named by a purge already."""
    return Recording.legal_hold.is_(False) & Recording.deleted_at.is_(None) & Recording.purge_id.is_(None)


async def remove_files(db: Database, settings: RecordingSettings) -> int:
    """Take the audio of purged recordings away; a crash in between, or DepotAway, is made good by the next call."""
    removed = 0
    async with db.reading() as session:
        paths = (await session.scalars(select(Recording.path).where(Recording.deleted_at.is_not(None)))).all()
    for path in paths:
        removed += await asyncio.to_thread(_unlink, settings, path)
    if removed:
        log.info("recordings_removed", count=removed)
    return removed


def _unlink(settings: RecordingSettings, path: str) -> bool:
    file, depot = settings.archive_dir / path, depot_of(settings)
    for picture in file.parent.glob(f"{file.name.partition('.opus')[0]}.*.peaks"):
        picture.unlink()
    was_near = file.exists()
    file.unlink(missing_ok=True)
    return (depot is not None and depot.remove(path)) or was_near


async def _decide(
    session: AsyncSession, clock: Clock, who: Listener, purge_id: int, state: PurgeState
) -> Purge:
    purge = await session.get_one(Purge, purge_id)
    if purge.asked_by_id == who.user_id:
        raise PurgeOwnRequest
    decided = update(Purge).where(Purge.id == purge_id, Purge.state == PurgeState.ASKED)
    decided = decided.values(state=state, decided_by_id=who.user_id, decided_at=clock.now())
    if (await session.execute(decided)).rowcount != 1:  # type: ignore[attr-defined]
        raise PurgeDecided
    await session.refresh(purge)
    return purge


async def _free(session: AsyncSession, purge: Purge) -> None:
    """What the purge named but did not remove may be asked for again."""
    left = (Recording.purge_id == purge.id) & Recording.deleted_at.is_(None)
    await session.flush()
    await session.execute(update(Recording).where(left).values(purge_id=None))


def _lines(rows: Sequence[Recording]) -> Iterable[str]:
    for row in rows:
        fact = {
            "id": row.public_id, "kind": row.kind, "started_at": row.started_at.isoformat(),
            "duration_ms": row.duration_ms, "size": row.size, "sha256": row.sha256,
        }  # fmt: skip
        yield json.dumps(fact)


async def _log(session: AsyncSession, clock: Clock, who: Listener, purge: Purge, action: str) -> None:
    await audit.record(
        session, clock, actor=who.username, action=action, target=f"purge:{purge.id}",
        reason=f"{purge.count} 个录音：{purge.reason}", source=who.source,
    )  # fmt: skip
