"""The ticket page's panel of orders: those there are, a form for each side."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from agent_desktop.ticket.panels import Case, add_panel
from core.people import Role
from core.web.keys import CLOCK
from tickets.models import TicketKind
from tickets.oversight import orders
from tickets.oversight.oversight_models import Ordered, SupervisionOrder
from tickets.requests import acts_for


def state_of(order: Ordered, now: datetime) -> tuple[str, str]:
    """(tone, text)"""
    late = order.is_late(now)
    if order.answered_at is not None:
        return ("warn", "逾期反馈") if late else ("ok", "已反馈")
    return ("bad", "逾期未反馈") if late else ("info", "待反馈")


async def of_case(case: Case) -> Mapping[str, Any] | None:
    """All orders on the ticket; the form to issue one where there is a unit to press."""
    now = case.request.app[CLOCK].now()
    found = await orders.of_ticket(case.session, case.ticket.id)
    shown = [
        {"order": order, "state": state_of(order, now), "may_answer": await _may_answer(case, order)}
        for order in found
    ]
    may_issue = bool(case.user.roles & set(orders.ISSUERS)) and _has_unit_to_press(case)
    return {"orders": shown, "may_issue": may_issue} if shown or may_issue else None


async def _may_answer(case: Case, order: SupervisionOrder) -> bool:
    is_theirs = bool(case.user.roles & {Role.LIAISON, Role.HEAD, Role.OFFICE})
    return is_theirs and order.answered_at is None and await acts_for(case.session, case.user, order.unit_id)


def _has_unit_to_press(case: Case) -> bool:
    last = case.open_step or (case.steps[-1] if case.steps else None)
    is_asked = case.ticket.kind != TicketKind.COMPLAINT
    return is_asked and last is not None and last.unit_id not in (None, case.user.unit_id)


def setup(app: web.Application) -> None:
    add_panel(app, {Role.OFFICE, Role.INSPECTOR, Role.LIAISON, Role.HEAD}, "orders/panel.html", of_case)
