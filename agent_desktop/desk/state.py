"""The whole state of one operator's desk as the page gets it (pure): seat, call, what waits. Knows no database.

One message kind, sent whole at every change, so that a page that missed some needs nothing but the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.languages import LANGUAGES
from core.log import mask_number

if TYPE_CHECKING:
    from ivr.board import AgentView, ConsultView, LiveCallView, Shown

NODES = {
    "MAIN": "主菜单",
    "Q": "政务信息查询",
    "QD": "按部门查询",
    "QD-COUNTY": "选择县（区）",
    "QD-CODE": "输入部门代码",
    "QD-OK": "确认部门",
    "QS": "按主题查询",
    "QS-X": "主题",
    "QS-QH": "主题常见问题",
    "QS-ANSWER": "听取解答",
    "QH": "热点问题",
    "QH-ANSWER": "听取解答",
    "QN": "公示公告",
    "QN-ANSWER": "听取公告",
    "C": "投诉",
    "C-CODE": "凭查询码投诉",
    "C-REC": "录音投诉",
    "S": "凭查询码查询",
    "S-OK": "听取办理情况",
    "S-REPLIED": "听取答复",
    "TRANSFER": "转接部门",
    "TRANSFER-FAILED": "部门未接通",
    "OP": "人工服务",
}
"""Menu nodes worth telling the operator; the others are steps on the way."""


@dataclass(frozen=True)
class Draft:
    """The ticket in hand: which, and how far it has been saved."""

    ticket_no: str
    version: int
    has_outcome: bool


def room_state(board: "Shown") -> dict[str, Any]:
    """What every desk shows alike."""
    return {
        "waiting": len(board.waiting()),
        "owed": {"open": board.owed[0], "overdue": board.owed[1]},
        "present": sorted(board.registered),
        "away": not board.is_current,
    }


def desk_state(
    agent: "AgentView | None",
    room: Mapping[str, Any],
    *,
    now: datetime,
    regions: Mapping[int, str],
    draft: Draft | None,
) -> dict[str, Any]:
    """Everything the page shows of one operator; no `agent` until the person has logged in to a seat."""
    return {
        "kind": "state",
        "now": now.isoformat(),
        "agent": _agent(agent) if agent else None,
        "call": _call(agent.call, now, regions) if agent and agent.call else None,
        "ticket": draft
        and {"ticket_no": draft.ticket_no, "version": draft.version, "done": draft.has_outcome},
        **room,
    }


def _agent(agent: "AgentView") -> dict[str, Any]:
    return {
        "staff_number": agent.staff_number,
        "display_name": agent.display_name,
        "extension": agent.extension,
        "state": agent.state,
        "reason": agent.reason,
        "since_at": agent.since_at.isoformat(),
        "registered": agent.registered,
    }


def _call(call: "LiveCallView", now: datetime, regions: Mapping[int, str]) -> dict[str, Any]:
    answered_at, asked_at = call.answered_at, call.queued_at or call.started_at
    return {
        "call_id": call.linkedid,
        "direction": call.direction,
        "line": call.line,
        "region": " · ".join(
            filter(None, [regions.get(call.region_id or 0, ""), LANGUAGES.get(call.language)])
        ),
        "number": mask_number(call.caller_number),
        "hidden": not any(character.isdigit() for character in call.caller_number or ""),
        "started_at": call.started_at.isoformat(),
        "answered_at": answered_at.isoformat() if answered_at else None,
        "wait_s": round(((answered_at or now) - asked_at).total_seconds()),
        "menu_path": menu_path(call.menu_path),
        "ticket_no": call.ticket_no,
        "query_code": call.query_code,
        "phase": call.phase,
        "unit_id": call.unit_id,
        "practice": call.is_practice,
        "consult": _consult(call.consult) if call.consult else None,
    }


def menu_path(nodes: tuple[str, ...]) -> list[str]:
    """The walked nodes in Chinese, without steps nobody needs and without saying the same twice running."""
    names = [NODES[node] for node in nodes if node in NODES]
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def _consult(consult: "ConsultView") -> dict[str, Any]:
    return {
        "unit_id": consult.unit_id,
        "unit": consult.unit_name,
        "liaison": consult.liaison_name,
        "phase": consult.phase,
        "why": consult.why,
    }
