"""What a failed transfer leaves on the call's ticket (转接未成, M-12): who was tried, and the unit's turn.

A transfer is a live call's (转接); a forward (转发) is another thing and none of this module's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.units import Unit
from tickets.models import State, Ticket
from tickets.moves import leave_mark
from tickets.wrapup import assign

_ROLES = {"liaison": "联络员", "backup": "后备联络员", "service_phone": "服务电话"}
_WHYS = {
    "timeout": "无人接听",
    "busy": "占线",
    "refused": "拒接",
    "gone": "不在线",
    "cancelled": "未等到接听",
    "not_accepted": "未按键接听",
}
UNASKED = "来电人要求转接{unit}，无人接听，问题未及登记。请听通话录音或回电了解后答复。"


def sentence(unit: str, tried: Iterable[Mapping[str, Any]]) -> str:
    """`转接人社局未成：联络员无人接听，服务电话占线。`; `tried` as the ledger has it."""
    parts = [f"{_ROLES.get(one['role'], '联络员')}{_WHYS.get(one['why'], '未接听')}" for one in tried]
    return f"转接{unit}未成：{'，'.join(parts) or '没有人可接听'}。"


async def note_failed(
    session: AsyncSession, clock: Clock, *, ticket_id: int, unit_id: int, tried: Iterable[Mapping[str, Any]]
) -> None:
    """A line in the ticket's trail with each attempt and its result."""
    ticket, unit = await session.get_one(Ticket, ticket_id), await session.get_one(Unit, unit_id)
    await leave_mark(
        session, clock, ticket, "transfer_failed", from_state=ticket.state, to_unit_id=unit_id,
        text=sentence(unit.short_name or unit.name, tried),
    )  # fmt: skip


async def hand_to_unit(
    session: AsyncSession, clock: Clock, *, ticket_id: int, unit_id: int, recording_id: int | None = None
) -> bool:
    """Nobody is left who would finish the ticket: it goes to the unit by itself, whose clock starts (M-12, T3).

    `recording_id` is a message that the caller left instead. False when somebody has dealt with the ticket already.
    """
    ticket, unit = await session.get_one(Ticket, ticket_id), await session.get_one(Unit, unit_id)
    if ticket.state != State.NEW or ticket.outcome is not None:
        return False
    ticket.unit_id, ticket.recording_id = unit_id, ticket.recording_id or recording_id
    ticket.question = ticket.question or UNASKED.format(unit=unit.short_name or unit.name)
    ticket.outcome = await assign(session, clock, ticket)
    return True
