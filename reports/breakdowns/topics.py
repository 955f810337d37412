"""What people ask about most (热点难点, M-80 「及时掌握群众关心关注的难点和重点问题」): subjects and their bursts.

A subject is the ticket's own 主题. Tickets of test and mystery calls are no part of it, as everywhere in the figures;
searches without a hit are the knowledge base's (`kb.feedback`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from reports.counting.passes import rows
from reports.counting.slices import Slice
from reports.counting.sources import COMPLAINTS, QUESTIONED, QUESTIONS, STEPS, Source
from tickets.models import Step, StepResult, Ticket, TicketKind

BURST = timedelta(hours=3)
BURST_LEAST, BURST_TIMES = 5, 3
"""A burst is so many questions on one subject within BURST, and so many times as many as usual."""
LOOKED_AT_MOST = 20_000
"""Questions among which bursts are looked for, the newest first."""
_FORWARDED = STEPS.only(
    Ticket.kind == TicketKind.QUESTION, Step.result == StepResult.FORWARDED, at=Step.finished_at
)


@dataclass(frozen=True)
class Topic:
    subject: str
    asked: int
    before: int
    """In the same length of time before the period."""
    forwarded: int
    complained: int

    @property
    def growth(self) -> int:
        return self.asked - self.before


@dataclass(frozen=True)
class Burst:
    """One subject asked about unusually often within hours (突发)."""

    subject: str
    number: int
    first_at: datetime
    last_at: datetime


async def topics(session: AsyncSession, of: Slice) -> list[Topic]:
    """Every subject that was asked, forwarded or complained about in the period, the most asked first."""
    earlier = replace(of, since=of.since - (of.until - of.since), until=of.since)
    asked = await _by(session, QUESTIONS, of, Ticket.subject)
    before = await _by(session, QUESTIONS, earlier, Ticket.subject)
    forwarded = await _by(session, _FORWARDED, of, Ticket.subject)
    complained = await _by(session, COMPLAINTS, of, QUESTIONED.subject)
    found = [
        Topic(name, asked.get(name, 0), before.get(name, 0), forwarded.get(name, 0), complained.get(name, 0))
        for name in {*asked, *forwarded, *complained}
    ]
    return sorted(found, key=lambda one: (-one.asked, one.subject))


async def bursts(session: AsyncSession, of: Slice) -> list[Burst]:
    """Each subject's thickest three hours, where they are a burst; the newest first."""
    query = (
        rows(QUESTIONS, of).with_only_columns(Ticket.subject, Ticket.received_at).where(Ticket.subject != "")
    )
    times: dict[str, list[datetime]] = defaultdict(list)
    for subject, at in await session.execute(query.order_by(Ticket.received_at.desc()).limit(LOOKED_AT_MOST)):
        times[subject].append(at)
    found = [burst(subject, at[::-1], of.until - of.since) for subject, at in times.items()]
    return sorted((one for one in found if one), key=lambda one: one.last_at, reverse=True)


def burst(subject: str, times: Sequence[datetime], length: timedelta) -> Burst | None:
    """The thickest BURST among the instants (in order, of a period so long); None where it is nothing unusual."""
    best, first = (0, 0), 0
    for last, at in enumerate(times):
        while at - times[first] > BURST:
            first += 1
        if last - first >= best[1] - best[0]:
            best = (first, last)
    if not times:
        return None
    number = best[1] - best[0] + 1
    usual = (len(times) - number) * (BURST / length)
    if number < BURST_LEAST or number < usual * BURST_TIMES:
        return None
    return Burst(subject, number, times[best[0]], times[best[1]])


async def _by(session: AsyncSession, source: Source, of: Slice, subject: Any) -> dict[str, int]:
    query = rows(source, of).with_only_columns(subject, func.count()).where(subject != "").group_by(subject)
    return {name: number for name, number in await session.execute(query)}  # noqa: C416 (types)
