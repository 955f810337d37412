"""The head's review of a reply somebody was not satisfied with (不满意复核, M-63 「对回复结果不满意」).

The reply stands, or the unit does it again with a new clock; whoever is not satisfied with that either is heard one
level further (`tickets.satisfaction`).
"""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import hit_one
from core.errors import InvalidInput, NotAllowed
from core.people import Role, User
from core.units import Unit
from tickets.access import ticket_for
from tickets.bodies import replying_step
from tickets.clocks.deadlines import clock_for
from tickets.errors import NothingToDecide
from tickets.guards import Facts
from tickets.lifecycle import Action
from tickets.models import Step, Ticket
from tickets.moves import leave_mark, move, start_step
from tickets.text import clean


async def review(session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, text: str) -> Ticket:
    """Once a reply, by a head of the unit that gave it, with a remark. Raises NotAllowed, NothingToDecide."""
    ticket, step, remark = await _reviewed(session, clock, ticket_no, user, text)
    await leave_mark(
        session, clock, ticket, "review", actor_id=user.id, from_state=ticket.state, step=step, text=remark
    )
    return ticket


async def rework(session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, text: str) -> Ticket:
    """Instead of `review`: the unit answers anew, within a clock of its own (T20). Raises also IllegalTransition."""
    ticket, judged, remark = await _reviewed(session, clock, ticket_no, user, text)
    unit = await session.get_one(Unit, judged.unit_id)
    facts = Facts(
        actor_unit_id=user.unit_id, holder_unit_id=unit.id, target_in_service=unit.is_active, reason=remark
    )
    ticket.closed_at = None
    step = await start_step(session, ticket, unit, clock_for(ticket), clock.now())
    await move(
        session, clock, ticket, Action.REWORK, facts=facts, actor_id=user.id, step=step, to_unit_id=unit.id, text=remark
    )  # fmt: skip
    return ticket


async def _reviewed(
    session: AsyncSession, clock: Clock, ticket_no: str, user: User, text: str
) -> tuple[Ticket, Step, str]:
    """The ticket, the reply that this head has reviewed now, and the remark."""
    ticket = await ticket_for(session, user, ticket_no)
    step = await replying_step(session, ticket.id)
    if step is None or Role.HEAD not in user.roles or user.unit_id != step.unit_id:
        raise NotAllowed
    remark = clean("note", text)
    if not remark:
        raise InvalidInput(field="复核意见", reason="请填写")
    waiting = (Step.id == step.id) & Step.review_wanted_at.is_not(None) & Step.reviewed_at.is_(None)
    if not hit_one(await session.execute(update(Step).where(waiting).values(reviewed_at=clock.now()))):
        raise NothingToDecide
    return ticket, step, remark
