"""What is told to everybody (公开): overdue explanations, without a word about who asked or what (M-51)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import beijing
from core.units import Unit
from tickets.models import Step, Ticket, TicketKind


@dataclass(frozen=True)
class Explanation:
    unit_name: str
    due_on: date
    explained_on: date
    text: str
    is_done: bool
    """The unit has finished its step since."""


_PUBLIC = (
    select(Step, Unit.name)
    .join(Ticket, Ticket.id == Step.ticket_id)
    .join(Unit, Unit.id == Step.unit_id)
    .where(Step.explained_at.is_not(None), Ticket.kind == TicketKind.QUESTION, Ticket.sealed.is_(False))
    .order_by(Step.explained_at.desc(), Step.id)
)


async def explanations(session: AsyncSession, *, limit: int, offset: int = 0) -> Sequence[Explanation]:
    """The newest first, of all units. Sealed tickets stay out."""
    return await _read(session, _PUBLIC.limit(limit).offset(offset))


async def explanations_between(
    session: AsyncSession, region_id: int, since: datetime, until: datetime
) -> Sequence[Explanation]:
    """Those of one region's units, explained from `since` up to, not including, `until`."""
    within = (Unit.region_id == region_id) & (Step.explained_at >= since) & (Step.explained_at < until)
    return await _read(session, _PUBLIC.where(within))


async def _read(session: AsyncSession, query: Select[Step, str]) -> Sequence[Explanation]:
    return [_told(row[0], row[1]) for row in await session.execute(query)]


def _told(step: Step, unit_name: str) -> Explanation:
    assert step.explained_at is not None
    return Explanation(
        unit_name=unit_name,
        due_on=step.due_on,
        explained_on=beijing(step.explained_at).date(),
        text=step.explanation,
        is_done=step.finished_at is not None,
    )
