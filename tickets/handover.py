"""Handing a ticket on (转发、转交): by a unit with reason and review, by a government office to the right unit.

转发 is a request that another person approves; 转交/分发 is the office's own act under its own clock (M-37…M-45).
"""

from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.people import User
from core.units import Region, Unit, UnitDuty
from tickets.bodies import body_of
from tickets.clocks.deadlines import clock_for
from tickets.errors import OfficeMissing, UnitUnknown
from tickets.guards import Facts, Guard, NotHolder, check
from tickets.lifecycle import Action, transition
from tickets.models import ClockKind, QuestionClass, RequestKind, Step, StepResult, Ticket
from tickets.moves import finish_step, move, start_step
from tickets.notices import post_ping_pong
from tickets.parallel.shares import MEMBERS
from tickets.requests import acts_for, ask, decide, pending, reviewer_facts, running
from tickets.text import clean

MANY_FORWARDS = 3


async def ask_forward(
    session: AsyncSession,
    clock: Clock,
    *,
    ticket_no: str,
    user: User,
    reason: str,
    target_unit_id: int | None = None,
    joint: bool = False,
    part: str = "",
    subject: str = "",
) -> Ticket:
    """T8: ask to hand the ticket on; without a target to the same level's government office.

    A joint question (`joint`) needs the own `part` of the reply and its category (`subject`).
    """
    ticket, step = await running(session, user, ticket_no, Action.ASK_FORWARD)
    ticket.subject = clean("subject", subject) or ticket.subject
    office = await _own_office(session, step, ticket)
    target = await _unit(session, target_unit_id) if target_unit_id is not None else office
    text, own_part = clean("reason", reason), clean("answer", part)
    facts = Facts(
        actor_unit_id=step.unit_id if await acts_for(session, user, step.unit_id) else None,
        holder_unit_id=step.unit_id,
        reason=text,
        is_parallel=ticket.kind in MEMBERS,
        is_joint=joint,
        own_part=own_part,
        category=ticket.subject,
        target_unit_id=target.id,
        target_in_service=target.is_active,
        target_in_region=target.region_id == ticket.region_id,
        target_is_own_office=target.id == office.id,
        target_declined=target.id != office.id and await _declined(session, ticket, target),
    )
    await move(
        session, clock, ticket, Action.ASK_FORWARD, facts=facts, actor_id=user.id, step=step,
        from_unit_id=step.unit_id, to_unit_id=target.id, text=text,
    )  # fmt: skip
    await ask(
        session, clock, step, RequestKind.FORWARD, user, text,
        target_unit_id=target.id, is_joint=joint, part=own_part,
    )  # fmt: skip
    return ticket


async def decide_forward(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, approve: bool, refusal: str = ""
) -> Ticket:
    """T9 approve: the step ends, the target's begins with a clock of its own; T10 refuse: the clock runs on."""
    ticket, step = await running(session, user, ticket_no, Action.REFUSE_FORWARD)
    request = await pending(session, step, RequestKind.FORWARD)
    facts = await reviewer_facts(session, user, step, request)
    text = clean("reason", refusal)
    await decide(session, clock, request, user, approve=approve, refusal=text)
    if not approve:
        await move(
            session, clock, ticket, Action.REFUSE_FORWARD, facts=replace(facts, reason=text), actor_id=user.id,
            step=step, text=text,
        )  # fmt: skip
        return ticket
    target = await session.get_one(Unit, request.target_unit_id)
    result = StepResult.PART_REPLIED if request.is_joint else StepResult.FORWARDED
    to_office = target.duty == UnitDuty.OFFICE
    action = Action.FORWARD_TO_OFFICE if to_office else Action.FORWARD
    await move(
        session, clock, ticket, action, facts=replace(facts, target_in_service=target.is_active), actor_id=user.id,
        step=step, from_unit_id=step.unit_id, to_unit_id=target.id, text=request.reason,
    )  # fmt: skip
    await finish_step(session, step, result, clock.now(), reply=request.part, person_id=request.requester_id)
    kind = ClockKind.G5 if to_office else clock_for(ticket)
    await _arrive(session, clock, ticket, target, kind, is_joint=request.is_joint)
    return ticket


async def dispatch(
    session: AsyncSession,
    clock: Clock,
    *,
    ticket_no: str,
    user: User,
    unit_id: int,
    question_class: QuestionClass | str = QuestionClass.GENERAL,
    note: str = "",
    designate: bool = False,
) -> Ticket:
    """T6: the office hands the ticket to a unit of its level; one that declined only by 指定办理 (M-40, M-55)."""
    ticket, step = await running(session, user, ticket_no, Action.DISPATCH)
    unit = await _unit(session, unit_id)
    office = await session.get_one(Unit, step.unit_id)
    facts = Facts(
        actor_unit_id=user.unit_id,
        holder_unit_id=step.unit_id,
        target_in_service=unit.is_active,
        target_in_region=unit.region_id == office.region_id and unit.id != office.id,
        target_declined=await _declined(session, ticket, unit),
        is_designated=designate,
    )
    await move(
        session, clock, ticket, Action.DISPATCH, facts=facts, actor_id=user.id, step=step,
        from_unit_id=office.id, to_unit_id=unit.id, text=clean("note", note),
    )  # fmt: skip
    ticket.question_class = QuestionClass(question_class)
    await finish_step(session, step, StepResult.DISPATCHED, clock.now(), person_id=user.id)
    arrived = await _arrive(session, clock, ticket, unit, clock_for(ticket))
    arrived.designated = designate
    if ticket.first_unit_id is None:
        ticket.first_unit_id = unit.id
    return ticket


async def ask_level(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, office_id: int, reason: str
) -> Ticket:
    """T7, first half: the office asks to hand the ticket to the office one level up or down."""
    ticket, step = await running(session, user, ticket_no, Action.DISPATCH_LEVEL)
    text = clean("reason", reason)
    facts = replace(await _level_facts(session, step, office_id, text), actor_unit_id=user.unit_id)
    guards = transition(ticket.state, Action.DISPATCH_LEVEL).guards
    check(tuple(guard for guard in guards if guard is not Guard.NOT_OWN_REQUEST), facts)
    await ask(session, clock, step, RequestKind.LEVEL, user, text, target_unit_id=office_id)
    return ticket


async def decide_level(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, approve: bool, refusal: str = ""
) -> Ticket:
    """T7, second half: another person of the office approves; the next level's own five days begin (M-45)."""
    ticket, step = await running(session, user, ticket_no, Action.DISPATCH_LEVEL)
    if user.unit_id != step.unit_id:
        raise NotHolder
    request = await pending(session, step, RequestKind.LEVEL)
    await decide(session, clock, request, user, approve=approve, refusal=clean("reason", refusal))
    if not approve:
        return ticket
    office = await session.get_one(Unit, request.target_unit_id)
    facts = await _level_facts(session, step, office.id, request.reason)
    facts = replace(facts, actor_id=user.id, actor_unit_id=user.unit_id, requester_id=request.requester_id)
    await move(
        session, clock, ticket, Action.DISPATCH_LEVEL, facts=facts, actor_id=user.id, step=step,
        from_unit_id=step.unit_id, to_unit_id=office.id, text=request.reason,
    )  # fmt: skip
    await finish_step(session, step, StepResult.DISPATCHED, clock.now(), person_id=request.requester_id)
    ticket.region_id = office.region_id
    await start_step(session, ticket, office, ClockKind.G5, clock.now())
    return ticket


async def _unit(session: AsyncSession, unit_id: int) -> Unit:
    unit = await session.get(Unit, unit_id)
    if unit is None:
        raise UnitUnknown(unit_id)
    return unit


async def _own_office(session: AsyncSession, step: Step, ticket: Ticket) -> Unit:
    holder = await session.get(Unit, step.unit_id) if step.unit_id else None
    office = await body_of(session, holder.region_id if holder else ticket.region_id, UnitDuty.OFFICE)
    if office is None:
        raise OfficeMissing
    return office


async def _arrive(
    session: AsyncSession,
    clock: Clock,
    ticket: Ticket,
    unit: Unit,
    kind: ClockKind,
    *,
    is_joint: bool = False,
) -> Step:
    """The next step, flagged when the ticket is being passed around (M-55)."""
    forwards = select(func.count()).where(Step.ticket_id == ticket.id, Step.result == StepResult.FORWARDED)
    passed_around = (await session.scalar(forwards) or 0) >= MANY_FORWARDS
    returned = await _declined(session, ticket, unit)
    step = await start_step(session, ticket, unit, kind, clock.now())
    step.ping_pong, step.is_joint_part = passed_around or returned, is_joint
    if step.ping_pong:
        await post_ping_pong(session, clock, step)
    return step


async def _declined(session: AsyncSession, ticket: Ticket, unit: Unit) -> bool:
    """Whether the unit forwarded this ticket before; a part of a joint reply is no refusal."""
    theirs = (Step.ticket_id == ticket.id) & (Step.unit_id == unit.id) & (Step.result == StepResult.FORWARDED)
    return await session.scalar(select(Step.id).where(theirs).limit(1)) is not None


async def _level_facts(session: AsyncSession, step: Step, office_id: int, reason: str) -> Facts:
    own, other = await session.get_one(Unit, step.unit_id), await _unit(session, office_id)
    parents = {
        region.id: region.parent_id
        for region in await session.scalars(
            select(Region).where(Region.id.in_([own.region_id, other.region_id]))
        )
    }
    adjacent = parents[own.region_id] == other.region_id or parents[other.region_id] == own.region_id
    is_office = other.duty == UnitDuty.OFFICE and other.is_active
    return Facts(reason=reason, holder_unit_id=own.id, target_is_adjacent_office=adjacent and is_office)
