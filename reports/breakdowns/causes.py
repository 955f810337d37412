"""Complaints by what they are about (投诉事由, M-136): how many were made, and how many were found true."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from reports.counting.passes import rows
from reports.counting.slices import Slice
from reports.counting.sources import COMPLAINTS, FINISHED_COMPLAINTS, Source
from tickets.models import Ticket
from tickets.oversight.causes import CAUSES, Cause
from tickets.oversight.oversight_models import ComplaintReply

UNNAMED = "未归类"
_UPHELD = FINISHED_COMPLAINTS.only(ComplaintReply.upheld.is_(True))


@dataclass(frozen=True)
class ByCause:
    name: str
    made: int
    """By the day they were made."""
    upheld: int
    """By the day they were decided."""


async def by_cause(session: AsyncSession, of: Slice) -> list[ByCause]:
    """Every cause of which there is anything to say, the most complained about first."""
    made, upheld = await _counts(session, COMPLAINTS, of), await _counts(session, _UPHELD, of)
    found = [
        ByCause(CAUSES[Cause(key)] if key else UNNAMED, made.get(key, 0), upheld.get(key, 0))
        for key in {*made, *upheld}
    ]
    return sorted(found, key=lambda one: (-one.made, -one.upheld, one.name))


async def _counts(session: AsyncSession, source: Source, of: Slice) -> dict[str | None, int]:
    query = rows(source, of).with_only_columns(Ticket.cause, func.count()).group_by(Ticket.cause)
    return {key: number for key, number in await session.execute(query)}  # noqa: C416 (types)
