"""The JSON API's staff part: tickets with their steps, clocks and trail, as far as the asker may see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from core.clock import beijing
from core.log import mask_number
from core.people import Role, User
from core.web.api import PREFIX, answer
from core.web.keys import DB, person
from core.web.routes import ApiDoc, Param, Routes
from tickets.access import is_shielded, ticket_for
from tickets.lifecycle import STATE_NAMES
from tickets.mayor import referrals
from tickets.mayor.models import MayorReferral
from tickets.models import Step, Ticket, TrailRow
from tickets.parallel.shares import others_of
from tickets.queries import steps_of, trail_of

routes = Routes()
CASE_ROLES = frozenset(Role) - {Role.ADMIN}
"""Whoever works with content; the administrator does not (§5.9)."""
_TICKET = ApiDoc(
    "查工单",
    params=(Param("ticket_no", "工单号", place="path"),),
    answer={
        "ticket_no": "工单号",
        "kind": "question 提问，complaint 投诉，disclosure 依申请公开，parallel 并联件，part 并联事项",
        "case": "并联件其余的工单号，牵头的在前；其他工单为空",
        "state": "状态代码",
        "state_name": "状态",
        "channel": "来源渠道",
        "caller_number": "来电号码（隐去部分；已有投诉的对监察以外的人员不显示）",
        "received_at": "收到时间",
        "closed_at": "归档时间",
        "subject": "主题",
        "question": "问题",
        "answer": "答复",
        "guidance": "告知的其他查询方式、程序",
        "outcome": "处理结果",
        "mayor": "与市长热线、市长信箱的往来：direction（out 移交，in 转来）、way（hotline、letters）、their_no 对方编号、at、due_on、answered_at",
        "steps": "办理环节及其时限",
        "trail": "办理轨迹",
    },
)


@routes.get(f"{PREFIX}/tickets/{{ticket_no}}", roles=CASE_ROLES, doc=_TICKET)
async def ticket(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        asker = await session.scalar(
            select(User).where(User.id == person(request).user_id).options(selectinload(User.grants))
        )
        assert asker is not None
        found = await ticket_for(session, asker, request.match_info["ticket_no"])
        steps, trail = await steps_of(session, found.id), await trail_of(session, found.id)
        mayor = [_referral_json(row) for row in await referrals.of_ticket(session, found.id)]
        case = [one.ticket_no for one in await others_of(session, found)]
        hidden = {"caller_number": None} if await is_shielded(session, asker, found) else {}
    return answer(ticket_json(found, steps, trail) | {"case": case, "mayor": mayor} | hidden)


def ticket_json(found: Ticket, steps: Sequence[Step], trail: Sequence[TrailRow]) -> dict[str, Any]:
    plain = ("ticket_no", "kind", "state", "channel", "subject", "question", "answer", "guidance", "outcome")
    return {name: getattr(found, name) for name in plain} | {
        "state_name": STATE_NAMES[found.state],
        "caller_number": mask_number(found.caller_number),
        "received_at": _instant(found.received_at),
        "closed_at": _instant(found.closed_at),
        "steps": [_step_json(step) for step in steps],
        "trail": [_trail_json(row) for row in trail],
    }


def _step_json(step: Step) -> dict[str, Any]:
    plain = (
        "position",
        "clock",
        "days",
        "due_on",
        "provisional",
        "result",
        "reply",
        "explanation",
        "designated",
    )
    instants = ("started_at", "cut_off_at", "finished_at", "extended_at", "overdue_at", "explained_at")
    return (
        {name: getattr(step, name) for name in plain}
        | {name: _instant(getattr(step, name)) for name in instants}
        | {"unit": step.unit.name if step.unit else None}
    )


def _referral_json(row: MayorReferral) -> dict[str, Any]:
    plain = ("direction", "way", "their_no", "due_on")
    instants = ("at", "answered_at")
    return {name: getattr(row, name) for name in plain} | {
        name: _instant(getattr(row, name)) for name in instants
    }


def _trail_json(row: TrailRow) -> dict[str, Any]:
    plain = ("rule", "action", "from_state", "to_state", "text")
    return {name: getattr(row, name) for name in plain} | {"at": _instant(row.at)}


def _instant(instant: datetime | None) -> str | None:
    return beijing(instant).isoformat() if instant else None
