"""Longer clocks, other classes, explanations (延期、类别调整、逾期说明): the liaison asks, the unit's head decides."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from core.calendar.holidays import load_calendar
from core.calendar.workdays import WorkCalendar
from core.clock import Clock
from core.people import User
from core.units import Region, Unit
from tickets.clocks.deadlines import RULES, clock_for, is_overdue, may_change_class, may_extend, wind
from tickets.guards import Facts, Guard, check
from tickets.lifecycle import Action, transition
from tickets.models import ClockKind, QuestionClass, RequestKind, Stage, Step, Ticket
from tickets.moves import move
from tickets.publishing import refuse_personal
from tickets.requests import ask, decide, held, pending, reviewer_facts, running
from tickets.text import clean

_KINDS = {
    RequestKind.EXTEND: Action.EXTEND,
    RequestKind.CHANGE_CLASS: Action.CHANGE_CLASS,
    RequestKind.EXPLAIN: Action.EXPLAIN,
}
_DECIDERS_GUARDS = frozenset({Guard.BY_HOLDER, Guard.NOT_OWN_REQUEST})


async def ask_for(
    session: AsyncSession,
    clock: Clock,
    *,
    ticket_no: str,
    user: User,
    kind: RequestKind,
    reason: str,
    question_class: QuestionClass | None = None,
) -> Ticket:
    """Ask for an extension (T11), another class (T12) or to publish an explanation (T18; `reason` is its text).

    Whatever would be refused at the decision for its time is refused here already. An explanation with personal
    data raises NamesSomebody.
    """
    ticket, step = await held(session, user, ticket_no, _KINDS[kind])
    text = clean("explanation" if kind == RequestKind.EXPLAIN else "reason", reason)
    guards = transition(ticket.state, _KINDS[kind]).guards
    facts = await _timed(session, clock, ticket, step, Facts(reason=text))
    check(tuple(guard for guard in guards if guard not in _DECIDERS_GUARDS), facts)
    if kind == RequestKind.EXPLAIN:
        await refuse_personal(session, ticket, text)
    await ask(session, clock, step, kind, user, text, question_class=question_class)
    return ticket


async def decide_on(
    session: AsyncSession,
    clock: Clock,
    *,
    ticket_no: str,
    user: User,
    kind: RequestKind,
    approve: bool,
    refusal: str = "",
) -> Ticket:
    """The head decides (「经本单位负责人同意」); never the one who asked. Approved late is refused like asked late."""
    ticket, step = await running(session, user, ticket_no, _KINDS[kind])
    request = await pending(session, step, kind)
    facts = await reviewer_facts(session, user, step, request)
    await decide(session, clock, request, user, approve=approve, refusal=clean("reason", refusal))
    if not approve:
        return ticket
    facts = await _timed(session, clock, ticket, step, facts)
    check(transition(ticket.state, _KINDS[kind]).guards, facts)
    if kind == RequestKind.EXTEND:
        await _extend(session, clock, ticket, step)
    elif kind == RequestKind.CHANGE_CLASS:
        await _reclass(session, clock, ticket, step, request.question_class or QuestionClass.IMPORTANT)
    else:
        step.explained_at, step.explanation = clock.now(), request.reason
    await move(
        session, clock, ticket, _KINDS[kind], facts=facts, actor_id=user.id, step=step, text=request.reason
    )  # fmt: skip
    return ticket


async def _timed(session: AsyncSession, clock: Clock, ticket: Ticket, step: Step, facts: Facts) -> Facts:
    calendar, region = await _calendar(session, ticket, step)
    now = clock.now()
    return replace(
        facts,
        may_extend=may_extend(step.clock, now=now, cut_off_at=step.cut_off_at, extended_at=step.extended_at),
        may_change_class=may_change_class(
            calendar, step.clock, now=now, received_at=step.started_at, changed_at=step.class_changed_at,
            region_code=region,
        ),
        is_overdue=is_overdue(now=now, cut_off_at=step.cut_off_at, finished_at=step.finished_at),
    )  # fmt: skip


async def _extend(session: AsyncSession, clock: Clock, ticket: Ticket, step: Step) -> None:
    calendar, region = await _calendar(session, ticket, step)
    _rewind(step, calendar, RULES[step.clock].extended_days or step.days, region)
    step.extended_at = clock.now()


async def _reclass(
    session: AsyncSession, clock: Clock, ticket: Ticket, step: Step, question_class: QuestionClass
) -> None:
    """Same Day 0, other length; an extension's total stands (§5.2)."""
    calendar, region = await _calendar(session, ticket, step)
    ticket.question_class = question_class
    step.clock, step.class_changed_at = clock_for(ticket), clock.now()
    if step.extended_at is None:
        _rewind(step, calendar, RULES[step.clock].days, region)


def _rewind(step: Step, calendar: WorkCalendar, days: int, region: str) -> None:
    wound = wind(calendar, ClockKind(step.clock), calendar.due_on(step.started_at, days, region), region)
    for name, value in vars(wound).items():
        setattr(step, name, value)
    step.stage, step.watch_at, step.overdue_at = Stage.ON_TIME, wound.warn_at, None


async def _calendar(session: AsyncSession, ticket: Ticket, step: Step) -> tuple[WorkCalendar, str]:
    unit = await session.get(Unit, step.unit_id) if step.unit_id else None
    region = await session.get_one(Region, unit.region_id if unit else ticket.region_id)
    return await load_calendar(session), region.code
