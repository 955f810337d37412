"""The list of parallel cases (并联件列表): each once, with how many of its units are done and how many late."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from agent_desktop.ticket import words
from agent_desktop.ticket.listing import OPEN, UNIT_NAME, in_words, tickets_query
from core.clock import beijing
from core.people import User
from core.web.lists import Column, Filter, Query, Table
from tickets.lifecycle import STATE_NAMES
from tickets.models import State, Step, Ticket, TicketKind
from tickets.parallel.shares import DONE

_Part, _Turn = aliased(Ticket), aliased(Step)


def _parts(*conditions: Any) -> Any:
    """How many of the case's parts meet the conditions."""
    counted = select(func.count()).select_from(_Part).join(_Turn, _Turn.id == _Part.last_step_id)
    return counted.where(_Part.case_id == Ticket.id, *conditions).correlate(Ticket).scalar_subquery()


def cases_query(user: User, now: datetime) -> Query:
    """Rows of `tickets_query` with `total`, `done` and `late`: numbers of parts."""
    late = _parts(_Turn.finished_at.is_(None), _Turn.cut_off_at < now)
    return (
        tickets_query(user)
        .add_columns(
            _parts(_Part.state != State.VOID).label("total"), _parts(_Part.state.in_(DONE)).label("done"), late.label("late")
        )
        .where(Ticket.kind == TicketKind.PARALLEL)
    )  # fmt: skip


def table(now: datetime) -> Table:
    running = _parts(_Part.state == State.WORKING)
    late = _parts(_Turn.finished_at.is_(None), _Turn.cut_off_at < now)
    views = {
        "open": ("在办", OPEN),
        "late": ("有单位逾期", OPEN & (late > 0)),
        "ready": ("待汇总", OPEN & (running == 0)),
        "done": ("已办结", ~OPEN),
        "": ("全部", Ticket.id.is_not(None)),
    }
    return Table(
        "parallel-cases", "并联件",
        columns=(
            Column("no", "工单号", lambda row: row.Ticket.ticket_no, sort=Ticket.ticket_no,
                   href=lambda row: f"/tickets/{row.Ticket.ticket_no}"),
            Column("subject", "事项", lambda row: row.Ticket.subject, long=True),
            Column("unit", "牵头单位", lambda row: row.unit or "", sort=UNIT_NAME),
            Column("received", "受理", lambda row: f"{beijing(row.Ticket.received_at):%Y-%m-%d}", sort=Ticket.received_at, whole=True),
            Column("done", "已办结单位", lambda row: f"{row.done}/{row.total}", number=True),
            Column("late", "逾期单位", lambda row: f"{row.late} 个" if row.late else "", tone=lambda _: "bad"),
            Column("state", "状态", lambda row: STATE_NAMES[row.Ticket.state], sort=Ticket.state),
            Column("due", "牵头到期", lambda row: words.due_text(row.Step), sort=Step.cut_off_at, whole=True),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="open"),
            Filter("q", "工单号或文字", in_words),
        ),
        sort="due", tie=Ticket.id,
    )  # fmt: skip
