"""A unit's tickets as one list (工单列表, M-32): telephone, messages and web together, with due dates and flags.

`tickets.access` says what a person may see; this module only says which of it is to be done, and by whom.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import aliased

from agent_desktop.ticket import words
from core.clock import beijing
from core.people import Role, User
from core.units import Unit
from core.web.lists import Column, Filter, Query, Table, period
from tickets.access import own_units, subordinates, visible_to
from tickets.lifecycle import STATE_NAMES
from tickets.models import RequestKind, Step, StepRequest, Ticket

OPEN = Step.finished_at.is_(None)
_FIRST_LETTERS = 40


def tickets_query(user: User) -> Query:
    """Every ticket the person may see, each with the step that is its last; rows of (Ticket, Step, unit, pending, refused)."""
    later = aliased(Step)
    last = select(func.max(later.position)).where(later.ticket_id == Ticket.id).scalar_subquery()
    of_step = select(StepRequest.id).where(StepRequest.step_id == Step.id)
    forwards = of_step.where(StepRequest.kind == RequestKind.FORWARD)
    return (
        select(
            Ticket, Step, Unit.name.label("unit"),
            of_step.where(StepRequest.decided_at.is_(None)).exists().label("is_pending"),
            forwards.where(StepRequest.approved.is_(False)).exists().label("was_refused"),
        )
        .join(Step, Step.ticket_id == Ticket.id)
        .outerjoin(Unit, Unit.id == Step.unit_id)
        .where(visible_to(user), Step.position == last)
    )  # fmt: skip


def inbox(user: User, now: datetime) -> Table:
    """The list of a liaison or a head; heads see the bodies below their unit as well (M-09)."""
    views = _views(user, now)
    return Table(
        "tickets", "工单",
        columns=columns(now),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="open"),
            Filter("q", "工单号或文字", in_words),
            Filter("channel", "来源", lambda key: Ticket.channel == key, words.CHANNELS),
            Filter("class", "类别", lambda key: Ticket.question_class == key, words.CLASSES),
            *period("due", "到期", Step.due_on),
        ),
        sort="due", tie=Ticket.id,
    )  # fmt: skip


def columns(now: datetime) -> tuple[Column, ...]:
    """The columns of every list of tickets whose rows come from `tickets_query`."""
    return (
        Column("no", "工单号", lambda row: row.Ticket.ticket_no, sort=Ticket.ticket_no,
               href=lambda row: f"/tickets/{row.Ticket.ticket_no}"),
        Column("channel", "来源", lambda row: words.CHANNELS[row.Ticket.channel], sort=Ticket.channel),
        Column("question", "问题", lambda row: subject_of(row.Ticket)),
        Column("state", "状态", lambda row: STATE_NAMES[row.Ticket.state], sort=Ticket.state),
        Column("unit", "承办单位", lambda row: row.unit or "", sort=Unit.name),
        Column("received", "收到", lambda row: f"{beijing(row.Ticket.received_at):%Y-%m-%d %H:%M}", sort=Ticket.received_at),
        Column("due", "到期", lambda row: words.due_text(row.Step), sort=Step.cut_off_at),
        Column("flags", "标记", lambda row: "、".join(text for _, text in _flags(row, now)),
               tone=lambda row: _flags(row, now)[0][0]),
    )  # fmt: skip


def in_words(text: str) -> ColumnElement[bool]:
    """A ticket number or its end, or words of the question."""
    found = Ticket.question.contains(text, autoescape=True) | Ticket.subject.contains(text, autoescape=True)
    return found | Ticket.ticket_no.endswith(text, autoescape=True)


def subject_of(ticket: Ticket) -> str:
    return ticket.subject or ticket.question[:_FIRST_LETTERS] or "（待补录）"


def _flags(row: Any, now: datetime) -> list[tuple[str, str]]:
    return words.flags(row.Step, now, is_pending=row.is_pending, was_refused=row.was_refused)


def _views(user: User, now: datetime) -> dict[str, tuple[str, ColumnElement[bool]]]:
    """The tabs: label and condition."""
    own = Step.unit_id.in_(own_units(user))
    mine = OPEN & own
    theirs = Ticket.first_unit_id.in_(own_units(user)) & OPEN & Step.unit_id.not_in(own_units(user))
    held = select(Step.ticket_id).where(Step.unit_id.in_(own_units(user)), Step.finished_at.is_not(None))
    found: dict[str, tuple[str, ColumnElement[bool]]] = {
        "open": ("待办", mine),
        "soon": ("即将到期", mine & (Step.cut_off_at >= now) & (Step.warn_at <= now)),
        "overdue": ("已逾期", mine & (Step.cut_off_at < now)),
        "first": ("首问跟踪", theirs),
        "done": ("已办", Ticket.id.in_(held)),
    }
    if Role.HEAD in user.roles:
        found["unhappy"] = ("不满意待复核", own & _wants_review())
        found["below"] = ("下属单位", OPEN & Step.unit_id.in_(subordinates(user)))
    found[""] = (
        "全部",
        or_(
            own,
            Ticket.id.in_(held),
            Ticket.first_unit_id.in_(own_units(user)),
            Step.unit_id.in_(subordinates(user)),
        ),
    )
    return found  # fmt: skip


def _wants_review() -> ColumnElement[bool]:
    return Step.review_wanted_at.is_not(None)
