"""Lists of tickets (工单列表): the query and the columns that every folder's list of tickets shares.

`tickets.access` says what a person may see; which of it a list holds is each folder's own filter.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from agent_desktop.ticket import words
from core.clock import beijing
from core.people import User
from core.units import Unit
from core.web.lists import Column, Filter, Query
from tickets.access import visible_to
from tickets.lifecycle import STATE_NAMES
from tickets.mayor.models import MayorReferral
from tickets.models import RequestKind, Step, StepRequest, Ticket, TicketKind

OPEN = Step.finished_at.is_(None)
UNIT_NAME = select(Unit.name).where(Unit.id == Step.unit_id).correlate(Step).scalar_subquery()
"""Looked up for the rows shown alone: joined, it would be for every row that is sorted."""
_FIRST_LETTERS = 40
_MARKS = {
    TicketKind.DISCLOSURE: "申请公开：",
    TicketKind.PARALLEL: "并联件：",
    TicketKind.PART: "并联事项：",
}


def tickets_query(user: User, *, with_unsent: bool = False) -> Query:
    """Every ticket the person may see with its last step; rows of (Ticket, Step, unit, is_pending, was_refused).

    `with_unsent`: also those that never left the operator, their `Step` None.
    """
    of_step = select(StepRequest.id).where(StepRequest.step_id == Step.id)
    forwards = of_step.where(StepRequest.kind == RequestKind.FORWARD)
    return (
        select(
            Ticket, Step, UNIT_NAME.label("unit"),
            of_step.where(StepRequest.decided_at.is_(None)).exists().label("is_pending"),
            forwards.where(StepRequest.approved.is_(False)).exists().label("was_refused"),
        )
        .select_from(Ticket)
        .join(Step, (Step.ticket_id == Ticket.id) & (Step.id == Ticket.last_step_id), isouter=with_unsent)
        .where(visible_to(user))
    )  # fmt: skip


def columns(now: datetime) -> tuple[Column, ...]:
    """The columns of every list of tickets whose rows come from `tickets_query`."""
    return (
        Column("no", "工单号", lambda row: row.Ticket.ticket_no, sort=Ticket.ticket_no,
               href=lambda row: f"/tickets/{row.Ticket.ticket_no}"),
        Column("channel", "来源", lambda row: words.CHANNELS[row.Ticket.channel], sort=Ticket.channel),
        Column("question", "问题", lambda row: subject_of(row.Ticket), long=True),
        Column("state", "状态", lambda row: STATE_NAMES[row.Ticket.state], sort=Ticket.state),
        Column("unit", "承办单位", lambda row: row.unit or "", sort=UNIT_NAME),
        Column("received", "收到", lambda row: f"{beijing(row.Ticket.received_at):%Y-%m-%d %H:%M}", sort=Ticket.received_at, whole=True),
        Column("due", "到期", lambda row: words.due_text(row.Step), sort=Step.cut_off_at, whole=True),
        Column("flags", "标记", lambda row: "、".join(text for _, text in _flags(row, now)),
               tone=lambda row: _flags(row, now)[0][0]),
    )  # fmt: skip


def in_words(text: str) -> ColumnElement[bool]:
    """A ticket number or its end, that of the mayor's hotline (M-122), or words of the question."""
    found = Ticket.question.contains(text, autoescape=True) | Ticket.subject.contains(text, autoescape=True)
    theirs = select(MayorReferral.ticket_id).where(MayorReferral.their_no == text)
    return found | Ticket.ticket_no.endswith(text, autoescape=True) | Ticket.id.in_(theirs)


def subject_of(ticket: Ticket) -> str:
    return _MARKS.get(ticket.kind, "") + (ticket.subject or ticket.question[:_FIRST_LETTERS] or "（待补录）")


def _of_class(key: str) -> ColumnElement[bool]:
    if key in set(words.KINDS):
        return Ticket.kind == key
    return (Ticket.kind == TicketKind.QUESTION) & (Ticket.question_class == key)


BY_CLASS = Filter(
    "class",
    "类别",
    _of_class,
    {str(key): text for names in (words.CLASSES, words.KINDS) for key, text in names.items()},
)
"""Questions by class, with the applications for disclosure and the parallel cases beside them."""


def _flags(row: Any, now: datetime) -> list[tuple[str, str]]:
    return words.flags(row.Step, now, is_pending=row.is_pending, was_refused=row.was_refused)
