"""A caller's time in the queue as the ledger tells it (排队经过). Pure: the call and one of Asterisk's events in, lines out.

Asterisk's own words for callers whom nobody answered cannot be relied on: of many it says that they gave up though they
did not, of others nothing. So why they left is told by what comes next: the end of the call, or the dialplan's own event
(`UserEvent(LeftQueue)`) when the caller goes on.
"""

from collections.abc import Mapping
from datetime import datetime

from ivr.tracking import transfer_story
from ivr.tracking.live_call import LedgerLine, LiveCall, ledger_line
from recordings import ledger

_WHY = {
    "TIMEOUT": "timeout",
    "LEAVEEMPTY": "empty",
    "LEAVEUNAVAIL": "empty",
    "VOICEMAIL": "voicemail",
    "CALLBACK": "call_back",
}
"""The dialplan's words: QUEUESTATUS, or what the caller's key asked for."""


def joined(call: LiveCall, event: Mapping[str, str], at: datetime) -> list[LedgerLine]:
    left = went_on(call, at, "")
    call.phase, call.queued_at, call.left_queue = "queue", call.queued_at or at, False
    call.is_moved, call.queue = False, event.get("Queue", "")
    position = int(event["Position"]) if event.get("Position", "").isdecimal() else 0
    queued = ledger_line(call, at, ledger.QUEUED, call.linkedid, queue=call.queue, position=position)
    return [*left, *transfer_story.returned_to_queue(call, at), queued]


def left(call: LiveCall, at: datetime) -> list[LedgerLine]:
    """The caller is out of the queue. Answered by an operator, or moved by a supervisor, is told now; anything else later."""
    if call.left_queue:
        return []
    call.left_queue = call.is_unanswered = True
    if any(leg.answered_at for leg in call.legs.values()):
        return _told(call, at, "answered")
    return _told(call, at, "moved") if call.is_moved else []


def went_on(call: LiveCall, at: datetime, why: str) -> list[LedgerLine]:
    """The caller is out of the queue and still there; `why` in the dialplan's words."""
    return _told(call, at, _WHY.get(why, "other"))


def gave_up(call: LiveCall, at: datetime) -> list[LedgerLine]:
    """The call ends: a caller who has just left the queue, and nothing told why, has hung up in it."""
    return _told(call, at, "abandoned")


def _told(call: LiveCall, at: datetime, why: str) -> list[LedgerLine]:
    """One line for each time in the queue, however often its end is reported."""
    is_told, call.is_unanswered = not call.is_unanswered, False
    return [] if is_told else [ledger_line(call, at, ledger.LEFT_QUEUE, call.linkedid, why=why)]
