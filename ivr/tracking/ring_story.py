"""Telephones that ring for a call, as the ledger tells it (振铃经过): offered, answered, not answered. Pure; the tracker says when.

A person may have two telephones, one on the desk and one in the browser, which ring together and count as one: the call is
offered once, and is unanswered when the last of them is over.
"""

from datetime import datetime

from ivr.tracking import transfer_story
from ivr.tracking.live_call import LedgerLine, Leg, LiveCall, ledger_line, ms_between
from recordings import ledger

_REFUSED = "21"
"""Q.850 cause of a call that was declined; by its DialStatus, NOANSWER, nobody would have heard it."""
_WHY = {
    "NOANSWER": "timeout",
    "BUSY": "busy",
    "CONGESTION": "refused",
    "CHANUNAVAIL": "gone",
    "CANCEL": "cancelled",
    "CONTINUE": "not_accepted",
}
"""Why a telephone was not answered, by DialStatus; CONTINUE: somebody, or a mailbox, answered and did not press the key."""


def begun(call: LiveCall, leg: Leg, at: datetime, dial_string: str) -> list[LedgerLine]:
    """Asterisk begins to dial a telephone."""
    leg.offered_at = at
    if call.phase == "queue":
        call.phase = "ringing"
    transfer = call.transfer
    leg.party = transfer.party(dial_string) if transfer else None
    if transfer and leg.party and transfer.phase == "ringing":
        transfer.liaison_name = leg.party.name
    returning = transfer is not None and transfer.back_to == leg.extension
    lines = transfer_story.failed(call, at) if returning else []
    leg.was_offered, others = True, _others(call, leg)
    if any(other.was_offered and other.rings for other in others):
        return lines
    return [*lines, ledger_line(call, at, ledger.OFFERED, leg.uniqueid, **leg.about())]


def ended(call: LiveCall, leg: Leg, at: datetime, status: str) -> list[LedgerLine]:
    """Asterisk has done with dialling; one that was not answered is told by its hang-up, which has the cause."""
    if not leg.rings:
        return []
    leg.rings = False
    if leg.uniqueid == call.linkedid:
        return []  # our own operator's telephone, with which a call out begins
    if status == "ANSWER" and leg.party and leg.party.needs_key and not leg.has_accepted:
        status = "CONTINUE"  # they hung up without pressing the key
    if status == "ANSWER":
        return _answered(call, leg, at)
    if any(other.answered_at for other in call.legs.values() if other.extension == leg.extension):
        return []  # the same person took the call on the other telephone
    if call.phase == "ringing":
        call.phase = "queue"
    leg.failed = status
    return []


def not_answered(call: LiveCall, leg: Leg, at: datetime, cause: str) -> list[LedgerLine]:
    """A telephone that nobody answered rings no more; one that was hung up by us (no DialEnd) gets no line."""
    if not leg.failed:
        return transfer_story.party_gone(call, leg, at, "gone") if leg.rings else []
    if any(not other.answered_at for other in _others(call, leg)):
        return []
    why = "refused" if cause == _REFUSED else _WHY.get(leg.failed, "gone")
    if call.transfer and leg.party and why != "cancelled":
        call.transfer.tried.append({**leg.party.about(), "why": why})
    unanswered = ledger_line(call, at, ledger.NO_ANSWER, leg.uniqueid, **leg.about(), why=why)
    return [unanswered, *transfer_story.party_gone(call, leg, at, why)]


def _answered(call: LiveCall, leg: Leg, at: datetime) -> list[LedgerLine]:
    leg.answered_at = at
    if transfer_story.is_for(call, leg):
        return transfer_story.answered(call, leg, at)
    wait_ms = ms_between(leg.offered_at if call.answered_at else call.queued_at or call.started_at, at)
    if call.answered_at is None:
        call.answered_at = at
    returned = transfer_story.returned(call, leg, at)
    call.operator = leg.extension if call.direction == "in" else call.operator
    role = "operator" if call.direction == "in" else "citizen"
    about = {"extension": leg.extension, "role": role, "wait_ms": wait_ms}
    return [ledger_line(call, at, ledger.ANSWERED, leg.uniqueid, **about), *returned]


def _others(call: LiveCall, leg: Leg) -> list[Leg]:
    """The other telephones of the same person that are part of the call."""
    return [
        other
        for other in call.legs.values()
        if other is not leg and other.extension == leg.extension and other.party == leg.party
    ]
