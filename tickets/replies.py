"""What the holder's liaison does with a ticket: answer it (答复), or fill in what was said on the phone (补录).

A parallel case is answered by its lead when no part is being worked on any more (P5, M-129).
"""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import Conflict
from core.people import Role, User
from core.units import Liaison
from kb import todo
from recordings.models import Call
from tickets.access import ticket_for
from tickets.errors import StepTaken
from tickets.guards import Facts, NotHolder
from tickets.lifecycle import Action, transition
from tickets.models import Step, StepResult, Ticket, TicketKind
from tickets.moves import finish_step, move, open_step
from tickets.parallel.cases import tell_lead
from tickets.parallel.shares import all_done
from tickets.text import clean

_ANSWERERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE})


class _Said(NamedTuple):
    answer: str
    guidance: str


class QuestionMissing(Conflict):
    """A ticket made by a direct call is answered with what was asked."""

    code = "question_missing"
    status = 422
    text = "请补录公众提出的问题，再填写答复。"


async def answer(
    session: AsyncSession,
    clock: Clock,
    *,
    ticket_no: str,
    user: User,
    answer: str = "",
    guidance: str = "",
    question: str = "",
) -> Ticket:
    """The holder's reply (T13, of a parallel case P5), or the record of what its liaison said on the call (T2b).

    Either `answer` or, when it cannot be answered, `guidance`: the other ways and procedure (M-27). Filled in
    before its cut-off, an answer given on the call counts as given at call time.
    Raises TicketNotFound for another unit's ticket, NotHolder, GuardFailed, IllegalTransition, StepTaken.
    """
    ticket = await ticket_for(session, user, ticket_no)
    said = _Said(clean("answer", answer), clean("guidance", guidance))
    if typed := clean("question", question):
        ticket.question = ticket.question or typed
    step = await open_step(session, ticket)
    action = _action(ticket, step)
    transition(ticket.state, action)
    if step is None:
        raise StepTaken
    if ticket.kind == TicketKind.COMPLAINT or not await _may_answer(session, user, step):
        raise NotHolder
    if not ticket.question and ticket.recording_id is None:
        raise QuestionMissing
    await _finish(session, clock, ticket, step, action, user, said)
    if (
        not said.answer
    ):  # the editors are asked to write what was missing (M-84); the question's own words stay here
        await todo.add_question(
            session, clock, text=ticket.subject or f"工单 {ticket.ticket_no} 的提问", unit_id=step.unit_id,
            ticket_no=ticket.ticket_no, user_id=user.id,
        )  # fmt: skip
    return ticket


def _action(ticket: Ticket, step: Step | None) -> Action:
    if ticket.kind == TicketKind.PARALLEL:
        return Action.FINISH_CASE
    return Action.FILL_IN if step and step.answered_call_id else Action.REPLY


async def _finish(
    session: AsyncSession,
    clock: Clock,
    ticket: Ticket,
    step: Step,
    action: Action,
    user: User,
    said: _Said,
) -> None:
    now = clock.now()
    call = await session.get(Call, step.answered_call_id) if step.answered_call_id else None
    facts = Facts(
        actor_id=user.id,
        actor_unit_id=step.unit_id,
        holder_unit_id=step.unit_id,
        call_unit_id=call.liaison_unit_id if call else None,
        answer=said.answer,
        guidance=said.guidance,
        parts_done=action == Action.FINISH_CASE and await all_done(session, ticket.id),
    )
    on_call = action == Action.FILL_IN
    finished_at = step.started_at if on_call and now <= step.cut_off_at else now
    await move(
        session, clock, ticket, action, facts=facts, actor_id=user.id, step=step, from_unit_id=step.unit_id
    )  # fmt: skip
    reply = "\n\n".join(text for text in said if text)
    result = StepResult.ON_SPOT if on_call else StepResult.REPLIED
    await finish_step(session, step, result, finished_at, reply=reply, person_id=step.person_id or user.id)
    ticket.answer, ticket.guidance = said.answer, said.guidance or ticket.guidance
    if on_call:
        ticket.closed_at = finished_at
    if ticket.kind == TicketKind.PART:
        await tell_lead(session, clock, ticket, step)


async def _may_answer(session: AsyncSession, user: User, step: Step) -> bool:
    if not user.roles & _ANSWERERS or step.unit_id is None:
        return False
    duty = (Liaison.user_id == user.id) & (Liaison.unit_id == step.unit_id)
    return user.unit_id == step.unit_id or await session.scalar(select(Liaison.id).where(duty)) is not None
