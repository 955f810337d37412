"""How many seats the calls of this hour need (此刻应有座席), by Erlang C over what the ledger says."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.models import Call, CallMark
from reports.erlang import seats_needed

LOOKED_BACK, HANDLED_OVER = timedelta(hours=1), timedelta(hours=24)
USUAL_TALK_S, WRAP_UP_S = 150.0, 30.0
"""[I] how long a talk lasts while none has been heard, and how long an operator writes after it."""
SHARE, WITHIN_S = 0.90, 15.0
"""What is promised: nine in ten answered within 15 s."""


@dataclass(frozen=True)
class Need:
    seats: int = 0
    calls: int = 0
    """Of the last hour that asked for an operator."""
    handling_s: float = USUAL_TALK_S + WRAP_UP_S


async def need(session: AsyncSession, now: datetime) -> Need:
    """The need as of now; without calls in the last hour none."""
    ours = (Call.direction == "in", Call.mark == CallMark.NONE)
    asked = select(func.count()).where(
        *ours, Call.started_at >= now - LOOKED_BACK, Call.started_at <= now, Call.queued_at.is_not(None)
    )
    talked = select(func.avg(Call.talk_ms)).where(
        *ours,
        Call.started_at >= now - HANDLED_OVER,
        Call.answered_at.is_not(None),
        Call.ended_at.is_not(None),
    )
    calls, talk_ms = await session.scalar(asked) or 0, await session.scalar(talked)
    handling_s = (float(talk_ms) / 1000 if talk_ms else USUAL_TALK_S) + WRAP_UP_S
    per_hour = calls * (timedelta(hours=1) / LOOKED_BACK)
    return Need(seats_needed(per_hour, handling_s, SHARE, WITHIN_S), calls, handling_s)
