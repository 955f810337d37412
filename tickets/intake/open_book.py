"""What is told to everybody (公开): overdue explanations, without a word about who asked or what (M-51)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import beijing
from core.units import Region, Unit
from tickets.models import Step, StepResult, Ticket, TicketKind


@dataclass(frozen=True)
class Explanation:
    region_name: str
    unit_name: str
    due_on: date
    explained_on: date
    text: str
    since: str
    """What has become of it, in words."""


_ANSWERED = frozenset({StepResult.REPLIED, StepResult.PART_REPLIED, StepResult.ON_SPOT})
_PUBLIC = (
    select(Step, Unit.name, Region.name)
    .join(Ticket, Ticket.id == Step.ticket_id)
    .join(Unit, Unit.id == Step.unit_id)
    .join(Region, Region.id == Unit.region_id)
    .where(Step.explained_at.is_not(None), Ticket.kind != TicketKind.COMPLAINT, Ticket.sealed.is_(False))
    .order_by(Step.explained_at.desc(), Step.id.desc())
)


async def explanations(
    session: AsyncSession, *, limit: int, offset: int = 0, region_id: int | None = None
) -> Sequence[Explanation]:
    """The newest first, of one region's units or of all. Sealed tickets stay out."""
    query = _PUBLIC if region_id is None else _PUBLIC.where(Unit.region_id == region_id)
    return await _read(session, query.limit(limit).offset(offset))


async def explanations_between(
    session: AsyncSession, region_id: int, since: datetime, until: datetime
) -> Sequence[Explanation]:
    """Those of one region's units, explained from `since` up to, not including, `until`."""
    within = (Unit.region_id == region_id) & (Step.explained_at >= since) & (Step.explained_at < until)
    return await _read(session, _PUBLIC.where(within))


async def _read(session: AsyncSession, query: Select[Step, str, str]) -> Sequence[Explanation]:
    return [_told(*row) for row in await session.execute(query)]


def _told(step: Step, unit_name: str, region_name: str) -> Explanation:
    assert step.explained_at is not None
    return Explanation(
        region_name=region_name,
        unit_name=unit_name,
        due_on=step.due_on,
        explained_on=beijing(step.explained_at).date(),
        text=step.explanation,
        since=_since(step),
    )


def _since(step: Step) -> str:
    if step.finished_at is None:
        return "尚在办理"
    return "现已答复" if step.result in _ANSWERED else "现已转其他单位办理"
