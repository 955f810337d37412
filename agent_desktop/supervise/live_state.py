"""What a supervisor's live board shows (实时监督), as one JSON state: calls and seats within reach. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent_desktop.wallboard.state import STATES
from core.languages import LANGUAGES
from core.log import mask_number
from recordings.calls import Scope

if TYPE_CHECKING:
    from ivr.board import AgentView, LiveCallView
    from ivr.talks.watch import Watch

PHASES = {
    "menu": "听菜单",
    "queue": "排队",
    "ringing": "振铃",
    "talking": "与话务员通话",
    "held": "保持",
    "transferring": "转接中",
    "three_way": "三方通话",
    "liaison": "与部门通话",
    "after_talk": "查询码与评价",
}
TALKS = frozenset({"talking", "held", "liaison", "three_way"})
MODES = {"listen": "监听", "whisper": "耳语", "barge": "插话", "take_over": "接管"}


def reaches(scope: Scope, region_id: int | None) -> bool:
    """Whether a supervisor may act on calls and seats of this region."""
    return scope.everything or region_id in scope.region_ids


def live_state(
    now: datetime,
    scope: Scope,
    user_id: int,
    calls: Iterable["LiveCallView"],
    agents: Iterable["AgentView"],
    watches: Mapping[int, "Watch"],
    names: Mapping[str, str],
    regions: Mapping[int, str],
) -> dict[str, Any]:
    """`names`: people by extension; `watches`: by supervisor, of whom `user_id` is the one who looks."""
    own = watches.get(user_id)
    seen = sorted((one for one in calls if reaches(scope, one.region_id)), key=lambda one: one.started_at)
    return {
        "kind": "state",
        "now": now.isoformat(),
        "own": _watch(own) if own else None,
        "calls": [_call(one, watches.values(), names, regions) for one in seen],
        "seats": [_seat(one, regions) for one in agents if reaches(scope, one.region_id)],
    }


def _watch(watch: "Watch") -> dict[str, Any]:
    return {
        "call_id": watch.linkedid,
        "mode": str(watch.mode),
        "text": MODES[watch.mode],
        "since": watch.since_at.isoformat() if watch.since_at else None,
    }


def _call(
    call: "LiveCallView", watches: Collection["Watch"], names: Mapping[str, str], regions: Mapping[int, str]
) -> dict[str, Any]:
    since = call.answered_at or call.queued_at or call.started_at
    partner = call.liaison if call.phase == "liaison" else call.operator
    return {
        "call_id": call.linkedid,
        "number": "不予显示" if _complains(call.menu_path) else mask_number(call.caller_number),
        "direction": call.direction,
        "practice": call.is_practice,
        "line": call.line,
        "region": " · ".join(
            filter(None, [regions.get(call.region_id or 0, ""), LANGUAGES.get(call.language)])
        ),
        "phase": call.phase,
        "text": PHASES.get(call.phase, call.phase),
        "since": since.isoformat(),
        "with": names.get(partner, partner) if call.phase in TALKS else "",
        "talks": call.phase in TALKS and call.consult is None,
        "waits": call.phase == "queue",
        "watched": [
            f"{names.get(one.extension, one.extension)}{MODES[one.mode]}"
            for one in watches
            if one.linkedid == call.linkedid and one.since_at
        ],
    }


def _complains(menu_path: Iterable[str]) -> bool:
    """A complainant's number is the inspectors' alone (M-88)."""
    return any(node == "C" or node.startswith("C-") for node in menu_path)


def _seat(agent: "AgentView", regions: Mapping[int, str]) -> dict[str, Any]:
    paused = agent.state == "paused" and agent.reason
    return {
        "user_id": agent.user_id,
        "staff_number": agent.staff_number or agent.extension,
        "name": agent.display_name,
        "region": regions.get(agent.region_id or 0, ""),
        "state": agent.state,
        "text": f"小休：{agent.reason}" if paused else STATES.get(agent.state, agent.state),
        "since": agent.since_at.isoformat(),
        "registered": agent.registered,
    }
