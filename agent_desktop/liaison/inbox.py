"""A unit's tickets as one list (工单列表, M-32): telephone, messages and web together, with due dates and flags.

`tickets.access` says what a person may see; this module only says which of it is to be done, and by whom.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select

from agent_desktop.ticket import words
from agent_desktop.ticket.listing import BY_CLASS, OPEN, columns, in_words
from core.people import Role, User
from core.web.lists import Filter, Table, period
from tickets.access import subordinates
from tickets.models import Step, Ticket


def inbox(user: User, own: Sequence[int], now: datetime) -> Table:
    """The list of a liaison or a head; heads see the bodies below their unit as well (M-09).

    `own`: the keys of `tickets.access.own_units`. Written into the query, the index of open steps gives them in
    order of due date; behind a sub-select it would be sorted anew for each page.
    """
    views = _views(user, own, now)
    return Table(
        "tickets", "工单",
        columns=columns(now),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: label for key, (label, _) in views.items()}, kind="tabs", default="open"),
            Filter("q", "工单号或文字", in_words),
            Filter("channel", "来源", lambda key: Ticket.channel == key, words.CHANNELS),
            BY_CLASS,
            *period("due", "到期", Step.due_on),
        ),
        sort="due", tie=Ticket.id, keys_first=True,
    )  # fmt: skip


def _views(user: User, own_ids: Sequence[int], now: datetime) -> dict[str, tuple[str, ColumnElement[bool]]]:
    """The tabs: label and condition."""
    own = Step.unit_id.in_(own_ids)
    mine = OPEN & own
    theirs = Ticket.first_unit_id.in_(own_ids) & OPEN & Step.unit_id.not_in(own_ids)
    held = select(Step.ticket_id).where(Step.unit_id.in_(own_ids), Step.finished_at.is_not(None))
    found: dict[str, tuple[str, ColumnElement[bool]]] = {
        "open": ("待办", mine),
        "soon": ("即将到期", mine & (Step.cut_off_at >= now) & (Step.warn_at <= now)),
        "overdue": ("已逾期", mine & (Step.cut_off_at < now)),
        "first": ("首问跟踪", theirs),
        "done": ("已办", Ticket.id.in_(held)),
    }
    if Role.HEAD in user.roles:
        found["unhappy"] = (
            "不满意待复核",
            own & Step.review_wanted_at.is_not(None) & Step.reviewed_at.is_(None),
        )
        found["below"] = ("下属单位", OPEN & Step.unit_id.in_(subordinates(user)))
    found[""] = (
        "全部",
        or_(
            own,
            Ticket.id.in_(held),
            Ticket.first_unit_id.in_(own_ids),
            Step.unit_id.in_(subordinates(user)),
        ),
    )
    return found  # fmt: skip
