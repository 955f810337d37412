"""The ticket in an operator's hand (工单草稿): which one it is, what its form shows. Saving is `tickets.service`'s."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
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
    return (await drafts_in_hand(session, {user_id: ticket_no})).get(user_id)


async def drafts_in_hand(session: AsyncSession, calls: Mapping[int, str | None]) -> dict[int, Draft]:
    """The same of many operators at once; `calls`: of each, the ticket of the running call."""
    is_unfinished = and_(Ticket.state == State.NEW, Ticket.outcome.is_(None))
    free = [user_id for user_id, ticket_no in calls.items() if not ticket_no]
    query = select(
        Ticket.operator_id, Ticket.ticket_no, Ticket.draft_version, Ticket.state, is_unfinished.label("is_unfinished")
    ).where(
        or_(Ticket.ticket_no.in_([one for one in calls.values() if one]), and_(Ticket.operator_id.in_(free), is_unfinished))
    )  # fmt: skip
    by_number, newest = {}, {}
    for row in await session.execute(query.order_by(Ticket.id)):
        by_number[row.ticket_no] = draft = Draft(row.ticket_no, row.draft_version, row.state != State.NEW)
        if row.is_unfinished:
            newest[row.operator_id] = draft
    found = {
        user_id: by_number.get(ticket_no) if ticket_no else newest.get(user_id)
        for user_id, ticket_no in calls.items()
    }
    return {user_id: draft for user_id, draft in found.items() if draft}


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
