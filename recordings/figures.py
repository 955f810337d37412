"""Today's figures of the queue (当日话务), as the wallboard shows them; the monthly indicators are the reports' affair.

A caller who gives up within 5 s never really waited and is counted apart (K-01).
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import beijing
from recordings.models import Call, CallEnd, CallMark

QUICK_ABANDON = timedelta(seconds=5)
PROMPT_ANSWER = timedelta(seconds=15)


@dataclass(frozen=True)
class QueueFigures:
    """Numbers of calls that asked for an operator."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    """Gave up in the queue after 5 s or more."""
    abandoned_quickly: int = 0
    left_message: int = 0
    waiting: int = 0
    answered_promptly: int = 0
    """Within 15 s."""
    mean_wait_ms: int | None = None
    """Of the answered; None without any."""
    by_hour: tuple[tuple[int, int, int], ...] = ()
    """(hour of the Beijing day, offered, answered) of the hours that had any, by when they joined the queue."""

    @property
    def decided(self) -> int:
        """The denominator of the rates: offered, without those still waiting and those who gave up at once."""
        return self.offered - self.waiting - self.abandoned_quickly


async def queue_figures(
    session: AsyncSession, since: datetime, until: datetime, regions: Collection[int] | None = None
) -> QueueFigures:
    """The figures of the calls begun in [since, until); `regions` None: of all."""
    query = select(Call.queued_at, Call.answered_at, Call.ended_at, Call.end).where(
        Call.started_at >= since, Call.started_at < until, Call.queued_at.is_not(None), Call.direction == "in",
        Call.mark == CallMark.NONE,
    )  # fmt: skip
    if regions is not None:
        query = query.where(Call.region_id.in_(regions))
    rows = [
        (queued, answered, ended, end)
        for queued, answered, ended, end in await session.execute(query)
        if queued
    ]
    waits = [answered - queued for queued, answered, _, _ in rows if answered]
    gone = [(ended - queued, end) for queued, answered, ended, end in rows if ended and not answered]
    abandons = [waited for waited, end in gone if end == CallEnd.QUEUE]
    offered = Counter(beijing(queued).hour for queued, _, _, _ in rows)
    answered = Counter(beijing(queued).hour for queued, answered, _, _ in rows if answered)
    quick = sum(waited < QUICK_ABANDON for waited in abandons)
    mean_ms = round(sum(waits, timedelta()) / len(waits) / timedelta(milliseconds=1)) if waits else None
    return QueueFigures(
        offered=len(rows),
        answered=len(waits),
        abandoned=len(abandons) - quick,
        abandoned_quickly=quick,
        left_message=sum(end == CallEnd.VOICEMAIL for _, end in gone),
        waiting=len(rows) - len(waits) - len(gone),
        answered_promptly=sum(wait <= PROMPT_ANSWER for wait in waits),
        mean_wait_ms=mean_ms,
        by_hour=tuple((hour, number, answered[hour]) for hour, number in sorted(offered.items())),
    )
