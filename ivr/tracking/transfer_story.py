"""The turns of a transfer (转接经过) and the ledger lines they add. Pure; the tracker says when."""

from datetime import datetime

from ivr.tracking.live_call import Leg, Line, LiveCall, line
from recordings import ledger


def party_gone(call: LiveCall, leg: Leg, at: datetime, why: str) -> list[Line]:
    """Somebody of the unit is not, or no longer, there; while it rings the ladder goes on by itself (M-12)."""
    transfer = call.transfer
    if transfer is None or leg.extension not in transfer.extensions or transfer.phase == "failed":
        return []
    transfer.why = "no_answer" if why == "timeout" else why
    is_left = transfer.mode == "attended" and transfer.phase == "talking" and why == "left"
    is_last = transfer.ladder_ended and not any(other.failed for other in call.legs.values())
    return failed(call, at) if is_left or is_last else []


def failed(call: LiveCall, at: datetime, why: str = "") -> list[Line]:
    """The transfer under way, if there is one, has come to nothing; told once, with the last reason known."""
    transfer = call.transfer
    if transfer is None or transfer.phase == "failed":
        return []
    transfer.phase, transfer.why = "failed", why or transfer.why or "gone"
    return [line(call, at, ledger.TRANSFER_FAILED, call.linkedid, mode=transfer.mode, unit=transfer.unit_id,
                       why=transfer.why, tried=list(transfer.tried))]  # fmt: skip


def completed(call: LiveCall, partner: Leg, at: datetime) -> list[Line]:
    """The caller talks to the unit, if that is who came."""
    transfer = call.transfer
    if transfer is None or transfer.phase == "failed" or partner.extension not in transfer.extensions:
        return []
    call.liaison, call.phase, call.transfer = partner.extension, "liaison", None
    return [
        line(call, at, ledger.TRANSFER_COMPLETED, partner.uniqueid, mode=transfer.mode,
                   unit=transfer.unit_id, extension=partner.extension)
    ]  # fmt: skip


def returned_to_queue(call: LiveCall, at: datetime) -> list[Line]:
    """The department did not answer, nor did the operator who sent the caller there: anybody else may."""
    if call.transfer is None and not call.handed_back:
        return []
    lines = failed(call, at)
    call.transfer, call.handed_back = None, False
    return [*lines, line(call, at, ledger.RETURNED, call.linkedid, to="queue")]
