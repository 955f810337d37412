"""The one way a ticket changes state: table row, guards, compare-and-set, trail, audit, news.

Services decide what happens; this module sees that it is legal, happens once and leaves its mark everywhere.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.bus import publish
from core.calendar.holidays import load_calendar
from core.clock import Clock
from core.db import hit_one
from core.people import User
from core.units import Region, Unit
from tickets.clocks.deadlines import QUIET_DAYS, Winding, due, wind
from tickets.errors import StepTaken, TicketNotFound
from tickets.events import TicketChanged
from tickets.guards import Facts, check
from tickets.lifecycle import Action, IllegalTransition, transition
from tickets.models import ClockKind, State, Step, StepResult, Ticket, TrailRow

PUBLIC = "public"
SYSTEM = "system"
_QUIET_ENDS = {State.REPLIED, State.C_REPLIED}


async def ticket_by_no(session: AsyncSession, ticket_no: str) -> Ticket:
    """Raises TicketNotFound. For people's requests use `tickets.access`."""
    ticket = await session.scalar(select(Ticket).where(Ticket.ticket_no == ticket_no))
    if ticket is None:
        raise TicketNotFound
    return ticket


async def move(
    session: AsyncSession,
    clock: Clock,
    ticket: Ticket,
    action: Action,
    *,
    facts: Facts,
    actor_id: int | None = None,
    actor: str = SYSTEM,
    step: Step | None = None,
    from_unit_id: int | None = None,
    to_unit_id: int | None = None,
    text: str = "",
) -> None:
    """Take the ticket over one row of the table.

    Raises IllegalTransition when there is no such row, the first failing guard's error, or IllegalTransition
    again when somebody else moved the ticket in between; then the unit of work must be given up.
    """
    old = ticket.state
    row = transition(old, action)
    check(row.guards, facts)
    where = (Ticket.id == ticket.id) & (Ticket.state == old)
    if row.target != old:
        ticket.timer_at = await _timer_at(session, clock, ticket, row.target)
    await session.flush()
    done = await session.execute(update(Ticket).where(where).values(state=row.target))
    if not hit_one(done):
        raise IllegalTransition(old, action)
    ticket.state = row.target
    await leave_mark(
        session, clock, ticket, action, rule=row.rule, from_state=old, actor_id=actor_id, actor=actor, step=step,
        from_unit_id=from_unit_id, to_unit_id=to_unit_id, text=text,
    )  # fmt: skip


async def leave_mark(
    session: AsyncSession,
    clock: Clock,
    ticket: Ticket,
    action: str,
    *,
    rule: str = "",
    from_state: State | None = None,
    actor_id: int | None = None,
    actor: str = SYSTEM,
    step: Step | None = None,
    from_unit_id: int | None = None,
    to_unit_id: int | None = None,
    text: str = "",
) -> None:
    """One row in the trail, one in the audit log, and the news (M-54, M-91)."""
    session.add(
        TrailRow(
            ticket_id=ticket.id,
            at=clock.now(),
            rule=rule,
            action=action,
            actor_id=actor_id,
            from_state=from_state,
            to_state=ticket.state,
            step_id=step.id if step else None,
            from_unit_id=from_unit_id,
            to_unit_id=to_unit_id,
            text=text,
            call_id=ticket.call_id,
            recording_id=ticket.recording_id,
        )
    )
    await session.flush()
    account = await _account(session, actor_id) if actor_id else actor
    await audit.record(session, clock, actor=account, action=f"ticket.{action}", target=ticket.ticket_no)
    publish(session, TicketChanged(ticket.ticket_no))


async def start_step(
    session: AsyncSession,
    ticket: Ticket,
    unit: Unit | None,
    kind: ClockKind,
    started_at: datetime,
    *,
    answered_call_id: int | None = None,
    person_id: int | None = None,
) -> Step:
    """The next unit's turn, with its clock wound (M-44)."""
    last = await session.scalar(select(func.max(Step.position)).where(Step.ticket_id == ticket.id))
    region_id = unit.region_id if unit else ticket.region_id
    wound = await _wound(session, kind, started_at, region_id)
    step = Step(
        ticket_id=ticket.id,
        position=(last or 0) + 1,
        unit_id=unit.id if unit else None,
        region_id=region_id,
        clock=kind,
        started_at=started_at,
        **vars(wound),
        watch_at=wound.warn_at,
        answered_call_id=answered_call_id,
        person_id=person_id,
    )
    session.add(step)
    await session.flush()
    ticket.unit_id, ticket.last_step_id = step.unit_id, step.id
    return step


async def finish_step(
    session: AsyncSession,
    step: Step,
    result: StepResult,
    finished_at: datetime,
    *,
    reply: str = "",
    person_id: int | None = None,
) -> None:
    """End an open step, once; raises StepTaken when somebody else did (finished steps never change)."""
    values = {
        "finished_at": finished_at,
        "used_days": await _used_days(session, step, finished_at),
        "result": result,
        "reply": reply,
        "person_id": person_id or step.person_id,
        "watch_at": None,
    }
    open_one = (Step.id == step.id) & Step.finished_at.is_(None)
    if not hit_one(await session.execute(update(Step).where(open_one).values(**values))):
        raise StepTaken
    await session.refresh(step)


async def open_step(session: AsyncSession, ticket: Ticket) -> Step | None:
    """The step whose clock runs; never more than one."""
    running = (Step.ticket_id == ticket.id) & Step.finished_at.is_(None)
    return (await session.scalars(select(Step).where(running))).one_or_none()


async def _wound(session: AsyncSession, kind: ClockKind, started_at: datetime, region_id: int) -> Winding:
    region = await session.get_one(Region, region_id)
    calendar = await load_calendar(session)
    return wind(calendar, kind, due(calendar, kind, started_at, region.code), region.code)


async def _used_days(session: AsyncSession, step: Step, finished_at: datetime) -> int:
    calendar = await load_calendar(session)
    region = await session.get_one(Region, step.region_id)
    return calendar.days_used(step.started_at, finished_at, region.code)


async def _timer_at(session: AsyncSession, clock: Clock, ticket: Ticket, state: State) -> datetime | None:
    """When the ticket leaves this state by itself: a finished reply, after a quiet time (T14, C3)."""
    if state not in _QUIET_ENDS:
        return None
    region = await session.get_one(Region, ticket.region_id)
    calendar = await load_calendar(session)
    return calendar.due_on(clock.now(), QUIET_DAYS, region.code).cut_off_at


async def _account(session: AsyncSession, user_id: int) -> str:
    return (await session.get_one(User, user_id)).username
