"""The ticket in an operator's hand (工单草稿): which one it is, what its form shows. Saving is `tickets.service`'s."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.desk.state import Draft
from core.clock import beijing
from tickets.errors import TicketNotFound
from tickets.lifecycle import STATE_NAMES
from tickets.models import State, Ticket

FIELDS = (
    "subject",
    "unit_id",
    "question",
    "answer",
    "guidance",
    "reason",
    "question_class",
    "feedback",
    "callback_number",
    "asker_name",
)
"""What the form saves as it is typed, under the names `tickets.service.save_draft` takes."""


async def draft_in_hand(session: AsyncSession, user_id: int, ticket_no: str | None) -> Draft | None:
    """The ticket of the running call, or else the newest one this operator has not finished."""
    query = select(Ticket.ticket_no, Ticket.draft_version, Ticket.outcome, Ticket.state)
    if ticket_no:
        query = query.where(Ticket.ticket_no == ticket_no)
    else:
        unfinished = (Ticket.operator_id == user_id, Ticket.state == State.NEW, Ticket.outcome.is_(None))
        query = query.where(*unfinished).order_by(Ticket.id.desc()).limit(1)
    row = (await session.execute(query)).first()
    return row and Draft(row.ticket_no, row.draft_version, row.state != State.NEW)


async def own_ticket(session: AsyncSession, user_id: int, ticket_no: str) -> Ticket:
    """A ticket this operator took. Raises TicketNotFound for everybody else's."""
    query = select(Ticket).where(Ticket.ticket_no == ticket_no, Ticket.operator_id == user_id)
    ticket = await session.scalar(query)
    if ticket is None:
        raise TicketNotFound
    return ticket


def form_json(ticket: Ticket) -> dict[str, Any]:
    """The ticket as the form shows it, with the version a save must name."""
    return {
        "ticket_no": ticket.ticket_no,
        "version": ticket.draft_version,
        "done": ticket.state != State.NEW,
        "state": STATE_NAMES[ticket.state],
        "received_at": f"{beijing(ticket.received_at):%m-%d %H:%M}",
        "fields": fields_of(ticket),
    }


def fields_of(ticket: Ticket) -> dict[str, Any]:
    """The form's fields; empty text for what nobody has chosen yet."""
    values = {name: getattr(ticket, name) for name in FIELDS}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def earlier_json(tickets: Iterable[Ticket], now: datetime) -> list[dict[str, Any]]:
    """Earlier tickets of the same number (their `unit` loaded), short."""
    return [
        {
            "ticket_no": ticket.ticket_no,
            "on": f"{beijing(ticket.received_at):%Y-%m-%d}",
            "days_ago": (now - ticket.received_at).days,
            "subject": ticket.subject or ticket.question[:40] or "（无主题）",
            "unit": ticket.unit.name if ticket.unit else "",
            "state": STATE_NAMES[ticket.state],
            "answer": ticket.answer[:300],
        }
        for ticket in tickets
    ]
