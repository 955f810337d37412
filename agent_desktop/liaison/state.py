"""A liaison's page as data: the call on their telephone, and the tickets their unit holds (M-32, M-33)."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.desk.state import menu_path
from core.clock import beijing
from core.log import mask_number
from core.people import User
from core.units import Liaison, Region, Unit
from recordings.models import Call
from tickets.access import visible_to
from tickets.lifecycle import STATE_NAMES
from tickets.models import Step, Ticket, TicketKind

if TYPE_CHECKING:
    from ivr.board import LiveCallView

SHOWN = 50


async def call_json(session: AsyncSession, call: "LiveCallView", own: str | None) -> dict[str, Any]:
    """`own` is the extension of who looks."""
    region = await session.get(Region, call.region_id) if call.region_id else None
    operator = (
        await session.scalar(select(User).where(User.extension == call.operator)) if call.operator else None
    )
    return {
        "call_id": call.linkedid,
        "region": region.name if region else "",
        "number": mask_number(call.caller_number),
        "menu_path": menu_path(call.menu_path),
        "operator": f"{operator.display_name}（{operator.staff_number or operator.extension}）"
        if operator
        else "",
        "unit": call.consult.unit_name if call.consult else "",
        "phase": call.phase,
        "mine": bool(own) and call.liaison == own,
        "started_at": call.started_at.isoformat(),
    }


async def open_tickets(session: AsyncSession, user: User, now: datetime) -> list[dict[str, Any]]:
    """What was asked and runs at the liaison's unit, the nearest due date first."""
    query = (
        select(Ticket, Step, Call.linkedid)
        .join(Step, Step.ticket_id == Ticket.id)
        .outerjoin(Call, Call.id == Step.answered_call_id)
        .where(visible_to(user), Ticket.kind != TicketKind.COMPLAINT)
        .where(Step.finished_at.is_(None), Step.unit_id.in_(_own_units(user)))
        .order_by(Step.cut_off_at)
        .limit(SHOWN)
    )
    return [_line(ticket, step, linkedid, now) for ticket, step, linkedid in await session.execute(query)]


async def person(session: AsyncSession, user_id: int) -> User:
    query = select(User).where(User.id == user_id).options(selectinload(User.grants))
    return (await session.scalars(query)).one()


def _own_units(user: User) -> Any:
    duty = select(Liaison.unit_id).where(Liaison.user_id == user.id)
    return select(Unit.id).where((Unit.id == user.unit_id) | Unit.id.in_(duty))


def _line(ticket: Ticket, step: Step, linkedid: str | None, now: datetime) -> dict[str, Any]:
    return {
        "ticket_no": ticket.ticket_no,
        "call_id": linkedid,
        "on_call": step.answered_call_id is not None,
        "subject": ticket.subject or ticket.question[:40] or "（待补录）",
        "question": ticket.question,
        "asker": ticket.asker_name,
        "state": STATE_NAMES[ticket.state],
        "received_at": f"{beijing(ticket.received_at):%m-%d %H:%M}",
        "due_on": f"{step.due_on:%m-%d}",
        "days_left": (step.due_on - beijing(now).date()).days,
        "overdue": step.cut_off_at < now,
        "provisional": step.provisional,
    }
