"""Parallel cases as they go (并联件, M-129): opened by the unit that leads, its parts given out, sent back, withdrawn.

Theory of operation. The case and each part are tickets: so clocks, inbox, reminders, orders and figures are theirs as of
every ticket. Whoever changes what the lead's answer rests on (a part given out, sent back or withdrawn) holds the case
first, as its finish does (`shares.all_done`): the two exclude each other, and the later one meets the case as it stands
then. A unit that answers its part touches that part alone, so that two never wait for each other.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from core.units import Unit, UnitDuty
from tickets.access import ticket_for
from tickets.clocks.deadlines import clock_for
from tickets.errors import StepTaken, UnitUnknown
from tickets.guards import Facts, Guard, NotHolder, check
from tickets.lifecycle import Action
from tickets.models import (
    Channel,
    Feedback,
    Outcome,
    QuestionClass,
    State,
    Step,
    StepResult,
    Ticket,
    TicketKind,
)
from tickets.moves import finish_step, leave_mark, move, open_step, start_step
from tickets.notices import post, post_about
from tickets.oversight.oversight_models import NoticeKind
from tickets.parallel.shares import shares_of
from tickets.recipients import Audience
from tickets.requests import acts_for
from tickets.service import Issued, open_ticket, store_ticket
from tickets.text import clean

LEADERS = frozenset({Role.LIAISON, Role.HEAD})


class TakesPartAlready(Conflict):
    """The unit has a part of the case that is not withdrawn."""

    code = "takes_part_already"
    text = "{unit}已在参加该并联件，需要补充的请退回其事项。"


@dataclass(frozen=True)
class Wanted:
    """What one unit is asked to do."""

    unit_id: int
    text: str
    question_class: QuestionClass = QuestionClass.GENERAL


@dataclass(frozen=True)
class NewCase:
    """What somebody applied for; texts as typed."""

    unit_id: int
    """Who leads (牵头单位)."""
    subject: str
    text: str
    line: str
    asker_name: str = ""
    callback_number: str = ""
    parts: tuple[Wanted, ...] = ()


async def open_case(
    session: AsyncSession, clock: Clock, *, user: User, new: NewCase, code_seed: str = ""
) -> Issued:
    """P1, and P2 for each part: one code for the whole. Raises NotAllowed, InvalidInput, UnitUnknown, TakesPartAlready."""
    if not user.roles & LEADERS or not await acts_for(session, user, new.unit_id):
        raise NotAllowed
    unit = await _department(session, new.unit_id)
    subject, number = clean("subject", new.subject), clean("callback_number", new.callback_number)
    if not subject or not new.parts:
        raise InvalidInput(field="事项名称" if not subject else "参加单位", reason="请填写")
    issued = await open_ticket(
        session, clock, Action.LEAD, TicketKind.PARALLEL, Channel.WINDOW,
        line=new.line, region_id=unit.region_id, caller_number="", question=clean("question", new.text), subject=subject,
        asker_name=clean("asker_name", new.asker_name), callback_number=number,
        feedback=Feedback.CALL_BACK if number else Feedback.BY_CODE, outcome=Outcome.ASSIGNED, operator_id=user.id,
        first_unit_id=unit.id, first_person_id=user.id, code_seed=code_seed,
    )  # fmt: skip
    await start_step(session, issued.ticket, unit, clock_for(issued.ticket), issued.ticket.received_at)
    for wanted in new.parts:
        await _give(session, clock, issued.ticket, user, wanted)
    return issued


async def involve(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, wanted: Wanted
) -> Ticket:
    """P2: one more unit; gives its part. Raises TicketNotFound, NotHolder, GuardFailed, UnitUnknown, TakesPartAlready."""
    case = await _led(session, user, await ticket_for(session, user, ticket_no))
    check((Guard.CASE_RUNS,), Facts(case_runs=case.state == State.WORKING))
    return await _give(session, clock, case, user, wanted)


async def return_part(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, reason: str
) -> Ticket:
    """P3: the answered part `ticket_no` once more, with a clock of its own. Raises as `involve`, and IllegalTransition."""
    part, facts = await _part_of_lead(session, user, ticket_no, reason)
    unit = await _department(session, part.unit_id)
    part.closed_at = None
    step = await start_step(session, part, unit, clock_for(part), clock.now())
    await move(
        session, clock, part, Action.RETURN_PART, facts=facts, actor_id=user.id, step=step,
        from_unit_id=facts.holder_unit_id, to_unit_id=unit.id, text=facts.reason,
    )  # fmt: skip
    await post_about(session, clock, NoticeKind.PART_RETURNED, step, _people_of(unit.id))
    return part


async def withdraw_part(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, reason: str
) -> Ticket:
    """P4: the part `ticket_no` ends unanswered. Raises as `return_part`, and StepTaken."""
    part, facts = await _part_of_lead(session, user, ticket_no, reason)
    step = await open_step(session, part)
    await move(
        session, clock, part, Action.WITHDRAW_PART, facts=facts, actor_id=user.id, step=step,
        from_unit_id=facts.holder_unit_id, to_unit_id=part.unit_id, text=facts.reason,
    )  # fmt: skip
    if step is None:
        raise StepTaken
    await finish_step(session, step, StepResult.WITHDRAWN, clock.now())
    part.closed_at = step.finished_at
    await post_about(session, clock, NoticeKind.PART_WITHDRAWN, step, _people_of(step.unit_id))
    return part


async def coordinate(session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, text: str) -> Ticket:
    """信息通报、协调办理: a line that every unit of the case reads; raises TicketNotFound, NotHolder, InvalidInput."""
    case = await ticket_for(session, user, ticket_no)
    if case.kind != TicketKind.PARALLEL:
        raise NotFound
    units = {case.unit_id} | {share.step.unit_id for share in await shares_of(session, case.id)}
    if not user.roles & LEADERS or not [one for one in units if await acts_for(session, user, one)]:
        raise NotHolder
    said = clean("note", text)
    if not said:
        raise InvalidInput(field="协调内容", reason="请填写内容")
    await leave_mark(
        session, clock, case, "coordinate", actor_id=user.id, from_state=case.state, from_unit_id=user.unit_id, text=said
    )  # fmt: skip
    told = {one for unit_id in units - {user.unit_id} for one in _people_of(unit_id)}
    about = {"at": clock.now(), "kind": NoticeKind.COORDINATION, "ticket_id": case.id, "step_id": None}
    await post(session, [about | audience._asdict() for audience in sorted(told)], told)
    return case


async def tell_lead(session: AsyncSession, clock: Clock, part: Ticket, step: Step) -> None:
    """The lead hears that a part was answered; the case itself is left alone."""
    lead_id = await session.scalar(select(Ticket.unit_id).where(Ticket.id == part.case_id))
    await post_about(session, clock, NoticeKind.PART_DONE, step, _people_of(lead_id))


async def _give(session: AsyncSession, clock: Clock, case: Ticket, user: User, wanted: Wanted) -> Ticket:
    unit = await _department(session, wanted.unit_id)
    if unit.region_id != case.region_id or unit.id == case.unit_id:
        raise UnitUnknown(wanted.unit_id)
    takes_part = (Ticket.case_id == case.id) & (Ticket.unit_id == unit.id) & (Ticket.state != State.VOID)
    if await session.scalar(select(Ticket.id).where(takes_part).limit(1)) is not None:
        raise TakesPartAlready(unit=unit.name)
    text = clean("question", wanted.text)
    if not text:
        raise InvalidInput(field="办理事项", reason=f"请写明需要{unit.name}办理什么")
    part = await store_ticket(
        session, clock, Action.INVOLVE, TicketKind.PART, Channel(case.channel),
        line=case.line, region_id=case.region_id, caller_number="", question=text, subject=case.subject,
        question_class=wanted.question_class, outcome=Outcome.ASSIGNED, operator_id=user.id, first_unit_id=unit.id,
        case_id=case.id,
    )  # fmt: skip
    step = await start_step(session, part, unit, clock_for(part), part.received_at)
    await leave_mark(
        session, clock, case, Action.INVOLVE, actor_id=user.id, from_state=case.state, from_unit_id=case.unit_id,
        to_unit_id=unit.id, text=text,
    )  # fmt: skip
    await post_about(session, clock, NoticeKind.PART, step, _people_of(unit.id))
    return part


async def _part_of_lead(
    session: AsyncSession, user: User, ticket_no: str, reason: str
) -> tuple[Ticket, Facts]:
    """The part, and what its moves' guards ask about the case, which is held from now on."""
    part = await ticket_for(session, user, ticket_no)
    if part.case_id is None:
        raise NotFound
    case = await _led(session, user, await session.get_one(Ticket, part.case_id))
    return part, Facts(
        actor_unit_id=case.unit_id,
        holder_unit_id=case.unit_id,
        case_runs=case.state == State.WORKING,
        reason=clean("reason", reason),
    )


async def _led(session: AsyncSession, user: User, case: Ticket) -> Ticket:
    """The case as it stands now, held until the commit, for somebody of the unit that leads it."""
    if case.kind != TicketKind.PARALLEL:
        raise NotFound
    now = select(Ticket).where(Ticket.id == case.id).with_for_update()
    held = (await session.scalars(now.execution_options(populate_existing=True))).one()
    if not user.roles & LEADERS or not await acts_for(session, user, held.unit_id):
        raise NotHolder
    return held


async def _department(session: AsyncSession, unit_id: int | None) -> Unit:
    unit = await session.get(Unit, unit_id) if unit_id is not None else None
    if unit is None or not unit.is_active or unit.duty != UnitDuty.DEPARTMENT:
        raise UnitUnknown(unit_id)
    return unit


def _people_of(unit_id: int | None) -> set[Audience]:
    return {Audience(role, unit_id) for role in LEADERS} if unit_id is not None else set()
