"""What became of several tickets together (办理效果): how many are answered, and how those who asked rated them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tickets.lifecycle import REPLIED_STATES
from tickets.models import SatisfactionRating, Ticket

SATISFIED = 2
"""1 满意 and 2 基本满意 count as satisfied (K-09)."""


@dataclass(frozen=True)
class Outcomes:
    """Of `tickets`, so many `solved`; of `rated` answers, so many `satisfied`. No key is no rating."""

    tickets: int
    solved: int
    rated: int
    satisfied: int


async def outcomes_of(session: AsyncSession, ticket_nos: Collection[str]) -> Outcomes:
    rows = (
        await session.execute(
            select(Ticket.id, Ticket.call_id, Ticket.state).where(Ticket.ticket_no.in_(ticket_nos))
        )
    ).all()
    solved = sum(row.state in REPLIED_STATES for row in rows)
    theirs = or_(
        SatisfactionRating.ticket_id.in_([row.id for row in rows]),
        SatisfactionRating.call_id.in_([row.call_id for row in rows if row.call_id]),
    )
    counted = (
        select(SatisfactionRating.score, func.count())
        .where(theirs, SatisfactionRating.score.is_not(None))
        .group_by(SatisfactionRating.score)
    )
    rated = satisfied = 0
    for score, number in await session.execute(counted):
        rated += number
        satisfied += number if score is not None and score <= SATISFIED else 0
    return Outcomes(len(rows), solved, rated, satisfied)
