"""How a call ended, and the closing columns of its record (通话记录, M-57). Pure."""

from datetime import datetime
from typing import Any

from ivr.flow.context import Caller
from ivr.tracking.live_call import LiveCall
from recordings.models import CallEnd

_SERVED = {
    "voicemail": CallEnd.VOICEMAIL,
    "complaint": CallEnd.COMPLAINT,
    "call_back": CallEnd.CALL_BACK,
    "self_service": CallEnd.SELF_SERVICE,
}


def how_ended(call: LiveCall, outcome: str) -> CallEnd:
    """`outcome` is what the menus achieved for the caller (`Caller.outcome`)."""
    if call.liaison:
        return CallEnd.LIAISON
    if call.answered_at:
        return CallEnd.OPERATOR
    if outcome in ("voicemail", "complaint", "call_back"):
        return _SERVED[outcome]
    if call.queued_at and call.phase_before_end in ("queue", "ringing"):
        return CallEnd.QUEUE
    return _SERVED.get(outcome, CallEnd.MENU)


def call_facts(call: LiveCall, caller: Caller, now: datetime, user_ids: dict[str, int]) -> dict[str, Any]:
    """The call record's closing columns; `user_ids` maps extensions to people."""
    facts: dict[str, Any] = {
        "ended_at": call.ended_at or now,
        "end": how_ended(call, caller.outcome),
        "end_node": call.node[:30],
        "node_path": ">".join(call.nodes),
        "queued_at": call.queued_at,
        "answered_at": call.answered_at,
        "operator_id": user_ids.get(call.operator),
        "liaison_id": caller.liaison_id if call.liaison else None,
        "liaison_unit_id": _unit(caller) if call.liaison else None,
        "talk_ms": call.talk_ms,
    }
    if call.is_partly_known:  # what an earlier controller has stored is more than this
        facts["end"] = facts["end"] if call.answered_at else CallEnd.UNSEEN
        return {name: value for name, value in facts.items() if value}
    return facts


def _unit(caller: Caller) -> int | None:
    return caller.unit_id or (caller.unit.id if caller.unit else None)
