"""What hand-overs leave on a ticket (办理轨迹), and the one that a transferred call is by itself; below every door of tickets."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from tickets.mayor.models import DIRECTIONS, WAYS, Direction, MayorReferral, Way
from tickets.models import Ticket
from tickets.moves import leave_mark


async def mark(
    session: AsyncSession,
    clock: Clock,
    ticket: Ticket,
    user_id: int,
    action: str,
    row: MayorReferral,
    text: str = "",
) -> None:
    """A line that names way, direction and their number."""
    number = f"，对方编号 {row.their_no}" if row.their_no else ""
    told = f"{WAYS[Way(row.way)]}{DIRECTIONS[Direction(row.direction)]}{number}"
    await leave_mark(
        session, clock, ticket, action, actor_id=user_id, from_state=ticket.state,
        text="\n".join(part for part in (told, text) if part),
    )  # fmt: skip


async def put_through(session: AsyncSession, clock: Clock, ticket: Ticket, operator_id: int) -> None:
    """The caller was put through to the mayor's hotline: registered as handed over, unless the operator has done so."""
    same = (MayorReferral.ticket_id == ticket.id) & (MayorReferral.direction == Direction.OUT)
    waiting = select(MayorReferral.id).where(same, MayorReferral.answered_at.is_(None))
    if await session.scalar(waiting) is not None:
        return
    row = MayorReferral(
        ticket_id=ticket.id, region_id=ticket.region_id, direction=Direction.OUT, way=Way.HOTLINE, at=clock.now(),
        by_id=operator_id, note="通话中转接",
    )  # fmt: skip
    session.add(row)
    await session.flush()
    await mark(session, clock, ticket, operator_id, "mayor_out", row, row.note)
