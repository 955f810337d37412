"""The head's review of a reply somebody was not satisfied with (不满意复核, M-63 「对回复结果不满意」)."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput, NotAllowed
from core.people import Role, User
from tickets.access import ticket_for
from tickets.bodies import replying_step
from tickets.errors import NothingToDecide
from tickets.models import Step, Ticket
from tickets.moves import hit_one, leave_mark
from tickets.text import clean


async def review(session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, text: str) -> Ticket:
    """Once a reply, by a head of the unit that gave it, with a remark. Raises NotAllowed, NothingToDecide."""
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
    await leave_mark(
        session, clock, ticket, "review", actor_id=user.id, from_state=ticket.state, step=step, text=remark
    )
    return ticket
