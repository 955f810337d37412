"""Calling the asker back (回拨, M-28 「按照限时办结制要求,向查询人进行反馈」): each try is logged on the ticket.

After three tries that reached nobody the reply stays readable by code, and the ticket says so. How a call is made is
the telephone's matter; this module says whom, lets nobody else, and notes what became of it.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import Conflict, NotAllowed
from core.people import Role, User
from recordings.models import Call
from tickets.access import ticket_for
from tickets.bodies import replying_step
from tickets.callback_models import BackOutcome, CallBack
from tickets.models import Feedback, State, Ticket, TicketKind
from tickets.moves import leave_mark, open_step
from tickets.requests import acts_for

MOST_FAILED = 3


class NoNumberToCall(Conflict):
    """The caller hid the number and left no other."""

    code = "no_number_to_call"
    status = 422
    text = "来电号码未显示，也没有留下回复电话，不能回拨；提问人可凭查询码查看答复。"


class TriedEnough(Conflict):
    """Three tries reached nobody (M-28)."""

    code = "tried_enough"
    text = "已三次回拨未接通，不再回拨；提问人可凭查询码查看答复。"


async def number_to_call(session: AsyncSession, *, ticket_no: str, user: User) -> str:
    """The number to dial, for who may. Raises TicketNotFound, NotAllowed, NoNumberToCall, TriedEnough."""
    ticket = await ticket_for(session, user, ticket_no)
    if not await may_call(session, user, ticket):
        raise NotAllowed
    if await _failed(session, ticket.id) >= MOST_FAILED:
        raise TriedEnough
    number = "".join(c for c in ticket.callback_number or ticket.caller_number if c.isdigit() or c == "+")
    if not number.strip("+"):
        raise NoNumberToCall
    return number


async def may_call(session: AsyncSession, user: User, ticket: Ticket) -> bool:
    """The holder's people, those of the unit that replied, and the operator who took the question."""
    if ticket.kind == TicketKind.COMPLAINT:
        return False
    if Role.OPERATOR in user.roles and ticket.operator_id == user.id:
        return True
    step = await open_step(session, ticket) or await replying_step(session, ticket.id)
    is_worked = ticket.state in {State.DISPATCH, State.WORKING, State.FWD_REVIEW, State.REPLIED}
    return is_worked and step is not None and await acts_for(session, user, step.unit_id)


async def note_try(session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, linkedid: str) -> None:
    """The call is being made."""
    ticket = await ticket_for(session, user, ticket_no)
    session.add(CallBack(ticket_id=ticket.id, user_id=user.id, linkedid=linkedid, at=clock.now()))
    await leave_mark(session, clock, ticket, "call_back", actor_id=user.id, from_state=ticket.state)


async def note_end(session: AsyncSession, clock: Clock, linkedid: str) -> None:
    """The call is over: reached or not; does nothing for calls that were no call back."""
    attempt = await session.scalar(select(CallBack).where(CallBack.linkedid == linkedid))
    if attempt is None or attempt.outcome is not None:
        return
    call = await session.scalar(select(Call).where(Call.linkedid == linkedid))
    reached = call is not None and call.talk_ms > 0
    attempt.outcome = BackOutcome.ANSWERED if reached else BackOutcome.FAILED
    await session.flush()
    ticket = await session.get_one(Ticket, attempt.ticket_id)
    text = "已接通" if reached else "未接通"
    if not reached and await _failed(session, ticket.id) >= MOST_FAILED:
        ticket.feedback = Feedback.BY_CODE
        text = "第三次未接通，改为凭查询码查看答复"
    await leave_mark(session, clock, ticket, "call_back_ended", from_state=ticket.state, text=text)


async def tries(session: AsyncSession, ticket_id: int) -> Sequence[CallBack]:
    query = select(CallBack).where(CallBack.ticket_id == ticket_id).order_by(CallBack.id)
    return (await session.scalars(query)).all()


async def _failed(session: AsyncSession, ticket_id: int) -> int:
    failed = (CallBack.ticket_id == ticket_id) & (CallBack.outcome == BackOutcome.FAILED)
    return await session.scalar(select(func.count(CallBack.id)).where(failed)) or 0
