"""How a ticket leaves the operator (整理、登记结果): one outcome, compulsory, in one unit of work (M-23)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput
from core.units import Unit, UnitDuty
from kb import todo
from recordings import ledger
from recordings.models import Call, CallEvent
from tickets.bodies import body_of, is_within
from tickets.clocks.deadlines import clock_for
from tickets.errors import OfficeMissing, OutcomeMissing, TicketNotFound, UnitUnknown
from tickets.guards import Facts, Guard, check
from tickets.lifecycle import Action, transition
from tickets.mayor.trail import put_through
from tickets.models import ClockKind, Outcome, StepResult, Ticket, TicketKind
from tickets.moves import finish_step, move, open_step, start_step, ticket_by_no

PRACTICE = "练习工单"
_VOID_TEXTS = {
    Outcome.OUT_OF_SCOPE: "日常事务，超出范围",
    Outcome.DUPLICATE: "与其他工单并案",
}


@dataclass(frozen=True)
class _Case:
    session: AsyncSession
    clock: Clock
    ticket: Ticket
    operator_id: int | None
    """Nobody's when the ticket leaves by itself."""
    outcome: Outcome
    other: Ticket | None


async def finish(
    session: AsyncSession,
    clock: Clock,
    *,
    ticket_no: str,
    operator_id: int,
    outcome: Outcome | str | None,
    duplicate_of: str = "",
) -> Ticket:
    """End the operator's part of a ticket with an outcome; what it needs was saved by `save_draft` before.

    answered: `answer` · other_ways: `guidance` (M-27) · transferred: `unit_id` that took the call, `answer` if
    known · assigned: `unit_id`, `question` · unclear: `reason` · out_of_scope: `guidance` · duplicate:
    `duplicate_of` (a ticket number) · invalid: `reason`.
    Raises OutcomeMissing, GuardFailed with the sentence of the missing part, IllegalTransition when it was done.
    """
    chosen = _outcome(outcome)
    ticket = await ticket_by_no(session, ticket_no)
    if ticket.kind != TicketKind.QUESTION or ticket.operator_id not in (None, operator_id):
        raise TicketNotFound
    other = (
        await ticket_by_no(session, duplicate_of) if chosen == Outcome.DUPLICATE and duplicate_of else None
    )
    if other is not None and other.id == ticket.id:
        raise InvalidInput(field="并案工单", reason="不能与自身并案")
    action, leave = _OUTCOMES[chosen]
    transition(ticket.state, action)
    case = _Case(session, clock, ticket, operator_id, chosen, other)
    await (_practised(case, action) if ticket.is_practice else leave(case))
    ticket.outcome = chosen
    ticket.operator_id = operator_id
    return ticket


async def assign(session: AsyncSession, clock: Clock, ticket: Ticket) -> Outcome:
    """T3 without an operator: the unit chosen on the ticket has it from now on; T4 where that works on no ticket."""
    unit = await session.get(Unit, ticket.unit_id) if ticket.unit_id else None
    if unit is not None and unit.duty == UnitDuty.MAYOR:
        ticket.reason = f"来电人要求转接{unit.name}，未能接通"
        await _unclear(_Case(session, clock, ticket, None, Outcome.UNCLEAR, None))
        return Outcome.UNCLEAR
    await _assigned(_Case(session, clock, ticket, None, Outcome.ASSIGNED, None))
    return Outcome.ASSIGNED


def _outcome(value: Outcome | str | None) -> Outcome:
    if not value:
        raise OutcomeMissing
    try:
        return Outcome(value)
    except ValueError:
        raise InvalidInput(field="处理结果", reason="请从列表中选择") from None


async def _answered(case: _Case) -> None:
    """T2: the operator answered, or told other ways."""
    ticket = case.ticket
    told = case.outcome == Outcome.OTHER_WAYS
    facts = Facts(answer="" if told else ticket.answer, guidance=ticket.guidance if told else "")
    await _end_registration(case, StepResult.ON_SPOT)
    ticket.closed_at = case.clock.now()
    if told:  # the editors are asked to write what was missing (M-84); the question's own words stay here
        await todo.add_question(
            case.session, case.clock, text=ticket.subject or f"工单 {ticket.ticket_no} 的提问", unit_id=ticket.unit_id,
            ticket_no=ticket.ticket_no, user_id=case.operator_id,
        )  # fmt: skip
    await _move(case, Action.ANSWER_ON_SPOT, facts)


async def _transferred(case: _Case) -> None:
    """T3, and T2b at once when the answer is known: the unit took the call (M-31, M-33)."""
    ticket, session = case.ticket, case.session
    unit = await _chosen_unit(case)
    call = await session.get(Call, ticket.call_id) if ticket.call_id else None
    facts = await _unit_facts(case, unit, call_unit_id=call.liaison_unit_id if call else None)
    check((Guard.UNIT_TOOK_CALL,), facts)
    if unit.duty == UnitDuty.MAYOR:
        await _to_mayor(case, unit)
        return
    await _end_registration(case, StepResult.REGISTERED)
    person_id = (call.liaison_id if call else None) or ticket.liaison_id
    taken_at = await _taken_at(session, ticket) or case.clock.now()
    kind = clock_for(ticket)
    step = await start_step(
        session, ticket, unit, kind, taken_at, answered_call_id=ticket.call_id, person_id=person_id
    )
    await _fix_first(case, unit, person_id)
    await _move(case, Action.ASSIGN, facts, to_unit_id=unit.id)
    if ticket.answer:
        await finish_step(session, step, StepResult.ON_SPOT, taken_at, reply=ticket.answer)
        ticket.closed_at = taken_at
        await _move(case, Action.FILL_IN, facts, from_unit_id=unit.id)


async def _to_mayor(case: _Case, unit: Unit) -> None:
    """T2: the mayor's hotline has the caller; that is told as another way, and registered as handed over (M-122)."""
    ticket = case.ticket
    assert case.operator_id is not None
    ticket.guidance = ticket.guidance or f"已将电话转接{unit.name}。"
    ticket.closed_at, ticket.unit_id = case.clock.now(), None
    await _move(case, Action.ANSWER_ON_SPOT, Facts(guidance=ticket.guidance))
    await put_through(case.session, case.clock, ticket, case.operator_id)


async def _assigned(case: _Case) -> None:
    """T3: the unit's clock starts now."""
    unit = await _chosen_unit(case)
    if unit.duty == UnitDuty.MAYOR:
        raise InvalidInput(field="单位", reason="市长热线不承办工单，请在工单页登记移交")
    facts = await _unit_facts(case, unit)
    await _end_registration(case, StepResult.REGISTERED)
    _need_question(case.ticket)
    await start_step(case.session, case.ticket, unit, clock_for(case.ticket), case.clock.now())
    await _fix_first(case, unit, None)
    await _move(case, Action.ASSIGN, facts, to_unit_id=unit.id)


async def _unclear(case: _Case) -> None:
    """T4: to the government office of the same level, with the reason (M-25)."""
    ticket = case.ticket
    office = await body_of(case.session, ticket.region_id, UnitDuty.OFFICE)
    if office is None:
        raise OfficeMissing
    _need_question(ticket)
    await _end_registration(case, StepResult.REGISTERED)
    await start_step(case.session, ticket, office, ClockKind.G5, case.clock.now())
    await _move(
        case, Action.SEND_TO_OFFICE, Facts(reason=ticket.reason), to_unit_id=office.id, text=ticket.reason
    )


async def _void(case: _Case) -> None:
    """T5: no clock; counted apart (M-19)."""
    ticket, other = case.ticket, case.other
    reason = ticket.reason or _VOID_TEXTS.get(case.outcome, "")
    facts = Facts(
        reason=reason,
        guidance=ticket.guidance,
        is_out_of_scope=case.outcome == Outcome.OUT_OF_SCOPE,
        is_duplicate=case.outcome == Outcome.DUPLICATE,
        other_ticket_id=other.id if other else None,
    )
    await _end_registration(case, StepResult.VOIDED)
    ticket.reason, ticket.duplicate_of_id, ticket.closed_at = reason, facts.other_ticket_id, case.clock.now()
    await _move(case, Action.VOID, facts, text=reason)


async def _practised(case: _Case, action: Action) -> None:
    """A practice ticket (练习) is held to what a real one of this outcome needs, and then goes nowhere."""
    ticket = case.ticket
    if case.outcome in (Outcome.ASSIGNED, Outcome.TRANSFERRED):
        await _chosen_unit(case)
    if case.outcome in (Outcome.ASSIGNED, Outcome.UNCLEAR):
        _need_question(ticket)
    needs = Facts(
        answer=ticket.answer if case.outcome == Outcome.ANSWERED else "",
        guidance=ticket.guidance,
        reason=ticket.reason or _VOID_TEXTS.get(case.outcome, ""),
        is_out_of_scope=case.outcome == Outcome.OUT_OF_SCOPE,
        is_duplicate=case.outcome == Outcome.DUPLICATE,
        other_ticket_id=case.other.id if case.other else None,
        target_in_service=True,
        target_in_region=True,
    )
    check(transition(ticket.state, action).guards, needs)
    ticket.closed_at = case.clock.now()
    await _move(case, Action.VOID, Facts(reason=PRACTICE), text=PRACTICE)


_OUTCOMES: dict[Outcome, tuple[Action, Callable[[_Case], Awaitable[None]]]] = {
    Outcome.ANSWERED: (Action.ANSWER_ON_SPOT, _answered),
    Outcome.OTHER_WAYS: (Action.ANSWER_ON_SPOT, _answered),
    Outcome.TRANSFERRED: (Action.ASSIGN, _transferred),
    Outcome.ASSIGNED: (Action.ASSIGN, _assigned),
    Outcome.UNCLEAR: (Action.SEND_TO_OFFICE, _unclear),
    Outcome.OUT_OF_SCOPE: (Action.VOID, _void),
    Outcome.DUPLICATE: (Action.VOID, _void),
    Outcome.INVALID: (Action.VOID, _void),
}


async def _move(
    case: _Case,
    action: Action,
    facts: Facts,
    *,
    from_unit_id: int | None = None,
    to_unit_id: int | None = None,
    text: str = "",
) -> None:
    step = await open_step(case.session, case.ticket)
    await move(
        case.session, case.clock, case.ticket, action, facts=facts, actor_id=case.operator_id, step=step,
        from_unit_id=from_unit_id, to_unit_id=to_unit_id, text=text,
    )  # fmt: skip


async def _chosen_unit(case: _Case) -> Unit:
    unit = await case.session.get(Unit, case.ticket.unit_id) if case.ticket.unit_id else None
    if unit is None:
        raise UnitUnknown(case.ticket.unit_id)
    return unit


async def _unit_facts(case: _Case, unit: Unit, *, call_unit_id: int | None = None) -> Facts:
    """A unit below the line's region settles which county the question belongs to; upward only an office leads (M-03)."""
    in_region = await is_within(case.session, unit.region_id, case.ticket.region_id)
    if in_region:
        case.ticket.region_id = unit.region_id
    return Facts(
        actor_unit_id=unit.id,
        holder_unit_id=unit.id,
        call_unit_id=call_unit_id,
        answer=case.ticket.answer,
        target_unit_id=unit.id,
        target_in_service=unit.is_active,
        target_in_region=in_region,
    )


async def _fix_first(case: _Case, unit: Unit, person_id: int | None) -> None:
    """首问 is fixed once (M-31)."""
    if case.ticket.first_unit_id is None:
        case.ticket.first_unit_id = unit.id
        case.ticket.first_person_id = person_id


async def _end_registration(case: _Case, result: StepResult) -> None:
    """A message's own clock (CC1) ends when the call centre has dealt with it."""
    if step := await open_step(case.session, case.ticket):
        await finish_step(case.session, step, result, case.clock.now(), person_id=case.operator_id)


async def _taken_at(session: AsyncSession, ticket: Ticket) -> datetime | None:
    """When the unit took the transferred call, by the ledger."""
    answered = (CallEvent.call_id == ticket.call_id) & (CallEvent.kind == ledger.TRANSFER_ANSWERED)
    return await session.scalar(select(CallEvent.at).where(answered).order_by(CallEvent.id.desc()).limit(1))


def _need_question(ticket: Ticket) -> None:
    if not ticket.question and ticket.recording_id is None:
        raise InvalidInput(field="问题内容", reason="请写明公众提出的问题，承办单位据此答复")
