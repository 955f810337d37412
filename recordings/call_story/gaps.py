"""Missing audio (录音缺口): compares what was recorded with the time in which the ledger says people talked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from recordings.call_story import timeline
from recordings.call_story.legs import LedgerLine
from recordings.calls import lines_of
from recordings.models import Call, RecordingKind

TOLERANCE_MS = 300


@dataclass(frozen=True)
class Gap:
    linkedid: str
    bridged_ms: int
    recorded_ms: int

    @property
    def missing_ms(self) -> int:
        """Negative when more was recorded than the ledger knows of."""
        return self.bridged_ms - self.recorded_ms


def gap_of(linkedid: str, lines: Sequence[LedgerLine], recorded_ms: int) -> Gap | None:
    """The gap of one call, or None when recording and ledger agree within the tolerance."""
    gap = Gap(linkedid, timeline.bridged_ms(lines), recorded_ms)
    return gap if abs(gap.missing_ms) > TOLERANCE_MS else None


async def find(session: AsyncSession, since: datetime, until: datetime) -> list[Gap]:
    """Every call that ended in the period with talk audio missing or too long; purged audio does not count."""
    query = select(Call).where(Call.started_at >= since, Call.started_at < until, Call.ended_at.is_not(None))
    query = query.where(Call.talk_ms > 0).options(selectinload(Call.events), selectinload(Call.recordings))
    found: list[Gap] = []
    for call in await session.scalars(query.order_by(Call.id)):
        talks = [r for r in call.recordings if r.kind == RecordingKind.TALK]
        if any(r.deleted_at for r in talks):
            continue
        recorded_ms = sum(r.duration_ms for r in talks)
        if gap := gap_of(call.linkedid, lines_of(call.events), recorded_ms):
            found.append(gap)
    return found
