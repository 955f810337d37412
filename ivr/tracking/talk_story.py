"""Who talks to the caller, as the ledger tells it (通话双方): bridges entered and left, music on hold. Pure; the tracker says when.

Asterisk puts channels that talk to each other into a bridge. The caller talks to whoever is in the caller's own bridge; a
consultation is a bridge without the caller, and no line of these.
"""

from datetime import datetime

from ivr.tracking import transfer_story
from ivr.tracking.live_call import LedgerLine, Leg, LiveCall, ledger_line, ms_between
from recordings import ledger


def entered(call: LiveCall, uniqueid: str, bridge: str, at: datetime) -> list[LedgerLine]:
    """A channel of the call comes into a bridge: the talk begins, or somebody joins it."""
    if uniqueid == call.linkedid:
        call.bridge = bridge
    elif leg := call.legs.get(uniqueid):
        leg.bridge = bridge
    if call.bridge != bridge:
        return []
    partners = [leg for leg in call.legs.values() if leg.bridge == bridge]
    if call.bridged_at:
        partners = [leg for leg in partners if leg.uniqueid == uniqueid]
    lines: list[LedgerLine] = []
    for partner in partners:
        lines += _joined(call, partner, at) if call.bridged_at else _begun(call, partner, at)
    return lines


def left(call: LiveCall, uniqueid: str, bridge: str, at: datetime) -> list[LedgerLine]:
    """A channel of the call leaves a bridge: the talk is over, or of three who talked two go on."""
    if leg := call.legs.get(uniqueid):
        leg.bridge = "" if leg.bridge == bridge else leg.bridge
    if call.bridge != bridge:
        return []
    if uniqueid == call.linkedid:
        lines = over(call, at)
        call.bridge = ""
        return lines
    others = [leg for leg in call.legs.values() if leg.bridge == bridge]
    if not others:
        return over(call, at)
    if len(others) == 1:
        call.phase = "liaison" if others[0].extension == call.liaison else "talking"
    return []


def over(call: LiveCall, at: datetime) -> list[LedgerLine]:
    """The caller talks to nobody any more; nothing when they did not."""
    if call.bridged_at is None:
        return []
    call.talk_ms += ms_between(call.bridged_at, at)
    call.bridged_at, call.held = None, False
    return [ledger_line(call, at, ledger.UNBRIDGED, call.linkedid, bridge=call.bridge)]


def held(call: LiveCall, uniqueid: str, at: datetime, *, is_held: bool) -> list[LedgerLine]:
    """A partner puts the caller on hold, or comes back from it; said once."""
    leg = call.legs.get(uniqueid)
    if leg is None or leg.held == is_held:
        return []
    leg.held = call.held = is_held
    return [ledger_line(call, at, ledger.HELD if is_held else ledger.RESUMED, leg.uniqueid, by=leg.extension)]


def _begun(call: LiveCall, partner: Leg, at: datetime) -> list[LedgerLine]:
    call.bridged_at, call.phase = at, "talking"
    begun = ledger_line(
        call, at, ledger.BRIDGED, partner.uniqueid, bridge=call.bridge, extension=partner.extension
    )
    return [begun, *transfer_story.completed(call, partner, at)]


def _joined(call: LiveCall, partner: Leg, at: datetime) -> list[LedgerLine]:
    """A third comes into the running talk."""
    joined = ledger_line(call, at, ledger.JOINED, partner.uniqueid, extension=partner.extension)
    completed = transfer_story.completed(call, partner, at)
    call.phase = "three_way"
    return [joined, *completed]
