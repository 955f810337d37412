"""Showing a caller's number in full (查看完整号码, §5.9, §5.10): who may, and the audit row it leaves.

Everywhere else numbers are masked; there is no other way to a whole one on a ticket.
"""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from core.errors import InvalidInput, NotAllowed
from core.people import Role, User
from recordings.models import Call
from tickets.access import is_shielded, ticket_for
from tickets.models import Feedback, State, Step, Ticket, TicketKind
from tickets.moves import open_step
from tickets.requests import acts_for

SHORTEST_REASON = 4


@dataclass(frozen=True)
class Right:
    """Under which role the number may be seen."""

    role: Role
    needs_reason: bool = False


@dataclass(frozen=True)
class Numbers:
    caller: str
    callback: str
    """The number to call back, where the asker named another one."""


async def reveal(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, reason: str = "", source: str = ""
) -> Numbers:
    """The ticket's numbers in full; the audit row is written first. Raises TicketNotFound, NotAllowed, InvalidInput."""
    ticket = await ticket_for(session, user, ticket_no)
    right = await right_to(session, user, ticket, await open_step(session, ticket))
    if right is None:
        raise NotAllowed
    told = reason.strip()[:200]
    if right.needs_reason and len(told) < SHORTEST_REASON:
        raise InvalidInput(field="查看理由", reason=f"请填写，不少于 {SHORTEST_REASON} 个字")
    await audit.record(
        session, clock, actor=user.username, role=right.role, action="number.reveal",
        target=f"ticket:{ticket.ticket_no}", reason=told, source=source,
    )  # fmt: skip
    return Numbers(ticket.caller_number, ticket.callback_number)


async def right_to(session: AsyncSession, user: User, ticket: Ticket, step: Step | None) -> Right | None:
    """The row “full caller number” of §5.9 for a ticket this person sees; `step` is the open one."""
    if ticket.kind == TicketKind.COMPLAINT:
        return Right(Role.INSPECTOR) if Role.INSPECTOR in user.roles else None
    if await is_shielded(session, user, ticket):
        return None
    if Role.OPERATOR in user.roles and ticket.operator_id == user.id and await _is_at_hand(session, ticket):
        return Right(Role.OPERATOR)
    if step is not None and await acts_for(session, user, step.unit_id):
        by_unit = next((role for role in (Role.LIAISON, Role.HEAD) if role in user.roles), None)
        if by_unit:
            return Right(by_unit)
        if Role.OFFICE in user.roles and ticket.state == State.DISPATCH:
            return Right(Role.OFFICE)
    return Right(Role.SUPERVISOR, needs_reason=True) if Role.SUPERVISOR in user.roles else None


async def _is_at_hand(session: AsyncSession, ticket: Ticket) -> bool:
    """An operator's: while the call lives, or to call back."""
    if ticket.feedback == Feedback.CALL_BACK:
        return True
    call = await session.get(Call, ticket.call_id) if ticket.call_id else None
    return call is not None and call.ended_at is None
