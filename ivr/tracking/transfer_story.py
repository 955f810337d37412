"""The turns of a transfer (转接经过) and the ledger lines they add. Pure; the tracker says when."""

from datetime import datetime

from ivr.tracking.live_call import LedgerLine, Leg, LiveCall, ledger_line
from recordings import ledger


def is_for(call: LiveCall, leg: Leg) -> bool:
    """Whether the telephone is one of the unit that the caller is being put through to."""
    transfer = call.transfer
    return transfer is not None and transfer.phase != "failed" and leg.extension in transfer.extensions


def answered(call: LiveCall, leg: Leg, at: datetime) -> list[LedgerLine]:
    """Somebody of the unit has answered: the caller, or the operator who consults them."""
    transfer = call.transfer
    assert transfer is not None
    transfer.phase, transfer.answered_by = "talking", leg.extension
    if transfer.mode == "attended" and (consulting := call.leg_of(transfer.by)):
        call.consults.append((consulting.uniqueid, at))
    about = {"role": "liaison", **leg.about()}
    return [
        ledger_line(call, at, ledger.ANSWERED, leg.uniqueid, **about),
        ledger_line(call, at, ledger.TRANSFER_ANSWERED, leg.uniqueid, unit=transfer.unit_id, **about),
    ]


def returned(call: LiveCall, leg: Leg, at: datetime) -> list[LedgerLine]:
    """An operator has answered: whether the caller comes back from a unit, and to whom."""
    if not call.handed_back and not (call.transfer and call.transfer.back_to == leg.extension):
        return []
    call.transfer, call.handed_back = None, False
    return [ledger_line(call, at, ledger.RETURNED, leg.uniqueid, to=leg.extension)]


def ladder_ended(call: LiveCall, at: datetime) -> list[LedgerLine]:
    """The dialplan has tried everybody; while the last telephone's hang-up is to come, it tells that nobody answered."""
    if call.transfer is None:
        return []
    call.transfer.ladder_ended = True
    return [] if any(leg.failed for leg in call.legs.values()) else failed(call, at)


def party_gone(call: LiveCall, leg: Leg, at: datetime, why: str) -> list[LedgerLine]:
    """One of the unit's people did not answer, or has left. While the ladder has others the transfer goes on (M-12)."""
    transfer = call.transfer
    if transfer is None or not is_for(call, leg):
        return []
    transfer.why = "no_answer" if why == "timeout" else why
    is_left = transfer.mode == "attended" and transfer.phase == "talking" and why == "left"
    is_last = transfer.ladder_ended and not any(other.failed for other in call.legs.values())
    return failed(call, at) if is_left or is_last else []


def failed(call: LiveCall, at: datetime, why: str = "") -> list[LedgerLine]:
    """The transfer under way, if there is one, has failed; told once, with `why` or else the last reason known."""
    transfer = call.transfer
    if transfer is None or transfer.phase == "failed":
        return []
    transfer.phase, transfer.why = "failed", why or transfer.why or "gone"
    return [ledger_line(call, at, ledger.TRANSFER_FAILED, call.linkedid, mode=transfer.mode, unit=transfer.unit_id,
                       why=transfer.why, tried=list(transfer.tried))]  # fmt: skip


def completed(call: LiveCall, partner: Leg, at: datetime) -> list[LedgerLine]:
    """Somebody came to talk to the caller: the transfer is over, if it is one of the unit's people."""
    transfer = call.transfer
    if transfer is None or not is_for(call, partner):
        return []
    call.liaison, call.phase, call.transfer = partner.extension, "liaison", None
    return [
        ledger_line(call, at, ledger.TRANSFER_COMPLETED, partner.uniqueid, mode=transfer.mode,
                   unit=transfer.unit_id, extension=partner.extension)
    ]  # fmt: skip


def returned_to_queue(call: LiveCall, at: datetime) -> list[LedgerLine]:
    """The department did not answer, nor did the operator who sent the caller there: anybody else may."""
    if call.transfer is None and not call.handed_back:
        return []
    lines = failed(call, at)
    call.transfer, call.handed_back = None, False
    return [*lines, ledger_line(call, at, ledger.RETURNED, call.linkedid, to="queue")]
