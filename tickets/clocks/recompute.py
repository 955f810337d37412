"""Open clocks after the calendar changed (重新计算期限, WD-8, WD-9); finished steps keep the date they were judged by."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import publish
from core.calendar.holidays import load_calendar
from core.units import Region, Unit
from tickets.clocks.deadlines import Winding, rewind
from tickets.events import TicketChanged
from tickets.models import ClockKind, Stage, Step, Ticket


async def recompute_open_clocks(session: AsyncSession) -> int:
    """Reckon every open step anew that an older table version dated; returns how many due dates moved.

    Call it after `CalendarChanged`, in a unit of work of its own. Safe to repeat and to race with people: a step
    that is finished in between is left alone.
    """
    calendar = await load_calendar(session)
    regions = {region.id: region.code for region in await session.scalars(select(Region))}
    region_of = {unit.id: unit.region_id for unit in await session.scalars(select(Unit))}
    stale = select(Step, Ticket.ticket_no, Ticket.region_id).join(Ticket, Ticket.id == Step.ticket_id)
    stale = stale.where(Step.finished_at.is_(None), Step.table_version != calendar.version)
    moved = 0
    for step, ticket_no, region_id in (await session.execute(stale)).all():
        code = regions[region_of[step.unit_id] if step.unit_id else region_id]
        due = calendar.due_on(step.started_at, step.days, code)
        new = rewind(
            calendar, ClockKind(step.clock), due, code,
            was_provisional=step.provisional, old_cut_off_at=step.cut_off_at,
        )  # fmt: skip
        before = (step.due_on, step.provisional)
        watched = {"stage": Stage.ON_TIME, "watch_at": new.warn_at} if _moves(step, new) else {}
        still_open = (Step.id == step.id) & Step.finished_at.is_(None)
        await session.execute(update(Step).where(still_open).values(**vars(new), **watched))
        if (new.due_on, new.provisional) != before:
            moved += 1
            publish(session, TicketChanged(ticket_no))
    return moved


def _moves(step: Step, new: Winding) -> bool:
    """Whether the supervision has to begin again with this step."""
    before = (step.warn_at, step.cut_off_at, step.accountable_at)
    return before != (new.warn_at, new.cut_off_at, new.accountable_at)
