"""The ticket page's panel of the mayor's hotline (市长热线栏): hand-overs with both numbers, and forms for who keeps the register."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web

from agent_desktop.ticket.panels import Case, add_panel
from core.clock import beijing
from core.people import Role
from core.web.keys import CLOCK
from tickets.mayor import referrals
from tickets.mayor.models import DIRECTIONS, WAYS, Direction, MayorReferral
from tickets.models import State

VIEWERS = frozenset(Role) - {Role.ADMIN}


def state_of(row: MayorReferral, today: date) -> tuple[str, str]:
    """(tone, text)"""
    if row.answered_at is not None:
        return "ok", "已回复"
    return ("bad", "逾期未回复") if row.is_late(today) else ("info", "待回复")


async def of_case(case: Case) -> Mapping[str, Any] | None:
    found = await referrals.of_ticket(case.session, case.ticket.id)
    keeps = bool(case.user.roles & referrals.KEEPERS)
    is_waiting = any(row.direction == Direction.OUT and row.answered_at is None for row in found)
    may_hand_over = (
        keeps and not is_waiting and not case.ticket.is_practice and case.ticket.state != State.C_JUDICIAL
    )
    if not found and not may_hand_over:
        return None
    today = beijing(case.request.app[CLOCK].now()).date()
    return {
        "rows": [{"row": row, "state": state_of(row, today)} for row in found],
        "keeps": keeps,
        "may_hand_over": may_hand_over,
        "ways": WAYS,
        "directions": DIRECTIONS,
    }  # fmt: skip


def setup(app: web.Application) -> None:
    add_panel(app, VIEWERS, "mayor/panel.html", of_case)
