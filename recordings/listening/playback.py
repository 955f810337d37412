"""Playing a recording (收听, M-59, M-91): asking for permission, and the audit log's row of each play, written before a byte is sent.

`permit` is the only way to a recording's sound (`recordings.listening.sound`).
"""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core import audit
from core.clock import Clock
from recordings.errors import ReasonMissing, RecordingClosed, RecordingGone, RecordingUnknown
from recordings.listening.permission import Listener, Permission, facts_of, may_listen
from recordings.models import Call, Recording
from recordings.settings import RecordingSettings

MIN_REASON = 4
"""Characters of the reason that taking a recording out of the system needs."""


async def find(session: AsyncSession, public_id: str) -> tuple[Recording, Call | None]:
    """The recording and its call with the ledger; raises RecordingUnknown."""
    recording = await session.scalar(select(Recording).where(Recording.public_id == public_id))
    if recording is None:
        raise RecordingUnknown(recording=public_id)
    query = select(Call).where(Call.id == recording.call_id).options(selectinload(Call.events))
    return recording, await session.scalar(query)


async def permit(
    session: AsyncSession,
    clock: Clock,
    settings: RecordingSettings,
    who: Listener,
    public_id: str,
    *,
    held_by_unit_id: int | None = None,
) -> tuple[Recording, Permission]:
    """The recording and what may be heard of it; raises RecordingUnknown, RecordingClosed, RecordingGone."""
    recording, call = await find(session, public_id)
    facts = await facts_of(session, recording, call, held_by_unit_id)
    found = may_listen(who, facts, clock.now(), settings)
    if found is None:
        raise RecordingClosed(recording=public_id)
    if recording.deleted_at is not None:
        raise RecordingGone(recording=public_id)
    return recording, found


async def log_play(
    session: AsyncSession, clock: Clock, who: Listener, recording: Recording, permission: Permission
) -> None:
    """One row for one play; call it before the sound is sent."""
    await _log(session, clock, who, recording, permission, "recording.play", "")


async def log_download(
    session: AsyncSession,
    clock: Clock,
    who: Listener,
    recording: Recording,
    permission: Permission,
    reason: str,
) -> None:
    """One row for taking the file out; raises ReasonMissing without a real reason."""
    if len(reason.strip()) < MIN_REASON:
        raise ReasonMissing
    await _log(session, clock, who, recording, permission, "recording.download", reason.strip())


async def _log(
    session: AsyncSession,
    clock: Clock,
    who: Listener,
    recording: Recording,
    permission: Permission,
    action: str,
    reason: str,
) -> None:
    await audit.record(
        session,
        clock,
        actor=who.username,
        role=permission.role,
        action=action,
        target=f"recording:{recording.public_id}",
        reason=reason,
        source=who.source,
    )


async def was_played(
    session: AsyncSession, clock: Clock, who: Listener, recording: Recording, within_s: int
) -> bool:
    """Whether this person's play of it is in the audit log within the last `within_s` seconds."""
    rows = select(audit.AuditRow.id).where(
        audit.AuditRow.actor == who.username,
        audit.AuditRow.target == f"recording:{recording.public_id}",
        audit.AuditRow.action.in_(("recording.play", "recording.download")),
        audit.AuditRow.at >= clock.now() - timedelta(seconds=within_s),
    )
    return await session.scalar(rows.limit(1)) is not None
