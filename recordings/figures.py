"""Today's figures of the queue (当日话务), as the wallboard shows them; the monthly indicators are the reports' affair.

A caller who gives up within 5 s never really waited and is counted apart (K-01).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, not_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.sql import beijing_hour, elapsed_ms
from recordings.models import Call, CallEnd, CallMark

QUICK_ABANDON_MS, PROMPT_ANSWER_MS = 5_000, 15_000
_answered, _wait_ms = Call.answered_at.is_not(None), elapsed_ms(Call.answered_at, Call.queued_at)
_gone = and_(not_(_answered), Call.ended_at.is_not(None))
_abandoned = and_(_gone, Call.end == CallEnd.QUEUE)
_SUMS = (
    func.count(),
    func.count().filter(_answered),
    func.count().filter(_wait_ms <= PROMPT_ANSWER_MS),
    func.coalesce(func.sum(_wait_ms), 0),
    func.count().filter(_gone),
    func.count().filter(_abandoned),
    func.count().filter(_abandoned, elapsed_ms(Call.ended_at, Call.queued_at) < QUICK_ABANDON_MS),
    func.count().filter(_gone, Call.end == CallEnd.VOICEMAIL),
)
"""Offered, answered, promptly so, time waited by the answered; gone unanswered, of those from the queue, at once, with a message."""


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
    """The figures of the calls begun in [since, until); `regions` None: of all.

    Counted by the database: the wall asks twice a second, and thousands of rows would halt every call meanwhile.
    """
    hour = beijing_hour(Call.queued_at)
    query = select(hour, *_SUMS).where(
        Call.started_at >= since, Call.started_at < until, Call.queued_at.is_not(None), Call.direction == "in",
        Call.mark == CallMark.NONE,
    )  # fmt: skip
    if regions is not None:
        query = query.where(Call.region_id.in_(regions))
    hours = (await session.execute(query.group_by(hour).order_by(hour))).all()
    sums = map(sum, zip([0] * len(_SUMS), *(row[1:] for row in hours), strict=True))
    offered, answered, promptly, waited_ms, gone, abandoned, quickly, left_message = map(int, sums)
    return QueueFigures(
        offered=offered,
        answered=answered,
        abandoned=abandoned - quickly,
        abandoned_quickly=quickly,
        left_message=left_message,
        waiting=offered - answered - gone,
        answered_promptly=promptly,
        mean_wait_ms=round(waited_ms / answered) if answered else None,
        by_hour=tuple((row[0], row[1], row[2]) for row in hours),
    )
