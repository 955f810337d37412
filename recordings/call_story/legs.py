"""Who was rung for a call and what became of it (通话分支), worked out from the ledger's lines alone. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recordings import ledger

DEPARTMENT_ROLES = frozenset({"liaison", "backup", "service_phone"})
"""Roles of whoever answers for a unit, as opposed to an operator or a citizen who is called."""


@dataclass(frozen=True)
class LedgerLine:
    """One ledger line, free of the database."""

    at: datetime
    kind: str
    channel: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Leg:
    """One telephone that rang for this call (通话分支)."""

    extension: str
    channel: str = ""
    user_id: int | None = None
    unit_id: int | None = None
    role: str = "operator"
    offered_at: datetime | None = None
    answered_at: datetime | None = None
    left_at: datetime | None = None
    outcome: str = "ringing"
    """`ringing`, `answered`, or why it was not answered."""


def end_of(lines: Sequence[LedgerLine]) -> datetime:
    """When the call ended, or the last thing known of one still running."""
    return lines[-1].at


def legs_of(lines: Sequence[LedgerLine]) -> list[Leg]:
    """Every telephone that was rung or answered, in order; an extension rung twice gives two legs."""
    found: list[Leg] = []
    transfer: LedgerLine | None = None
    for line in lines:
        if line.kind == ledger.TRANSFER_STARTED:
            transfer = line
        if line.kind in {ledger.OFFERED, ledger.TRANSFER_STARTED} and line.data.get("extension"):
            _open_leg(found, line, transfer)
        elif line.kind in {ledger.ANSWERED, ledger.TRANSFER_ANSWERED}:
            _answer_leg(found, line, transfer)
        elif line.kind in {ledger.NO_ANSWER, ledger.TRANSFER_FAILED}:
            _fail_leg(found, line)
        elif line.kind in {ledger.PARTY_LEFT, ledger.ENDED}:
            _close_legs(found, line)
        if line.kind in {ledger.TRANSFER_FAILED, ledger.TRANSFER_COMPLETED, ledger.RETURNED}:
            transfer = None
    return found


def _open_leg(found: list[Leg], line: LedgerLine, transfer: LedgerLine | None) -> None:
    extension = str(line.data["extension"])
    for leg in found:
        if leg.extension == extension and leg.outcome == "ringing":
            leg.channel = line.channel or leg.channel  # the same telephone, named before by TRANSFER_STARTED
            leg.user_id = line.data.get("user") or leg.user_id
            return
    to_department = transfer is not None and transfer.data.get("by") != extension
    role = str(line.data.get("role") or ("liaison" if to_department else "operator"))
    unit = transfer.data.get("unit") if transfer and role in DEPARTMENT_ROLES else None
    user = line.data.get("user")
    channel = "" if line.kind == ledger.TRANSFER_STARTED else line.channel
    found.append(Leg(extension, channel, user, unit, role, offered_at=line.at))


def _answer_leg(found: list[Leg], line: LedgerLine, transfer: LedgerLine | None) -> None:
    extension = str(line.data.get("extension", ""))
    open_legs = [leg for leg in found if leg.extension == extension and leg.left_at is None]
    leg = next((x for x in open_legs if x.outcome in {"ringing", "answered"}), None)
    if leg is None:
        leg = Leg(extension)
        found.append(leg)
    leg.outcome = "answered"
    leg.answered_at = leg.answered_at or line.at
    leg.channel = line.channel or leg.channel
    leg.user_id = line.data.get("user") or leg.user_id
    if line.kind == ledger.TRANSFER_ANSWERED:
        leg.role = leg.role if leg.role in DEPARTMENT_ROLES else "liaison"
    leg.role = str(line.data.get("role") or leg.role)
    if leg.role in DEPARTMENT_ROLES:
        leg.unit_id = (
            line.data.get("unit") or leg.unit_id or (transfer.data.get("unit") if transfer else None)
        )


def _fail_leg(found: list[Leg], line: LedgerLine) -> None:
    extension = line.data.get("extension")
    for leg in reversed(found):
        if leg.outcome == "ringing" and extension in {None, "", leg.extension}:
            leg.outcome = str(line.data.get("why") or "no_answer")
            leg.left_at = line.at
            return


def _close_legs(found: list[Leg], line: LedgerLine) -> None:
    extension = str(line.data.get("extension", ""))
    for leg in found:
        mine = (
            line.kind == ledger.ENDED
            or extension == leg.extension
            or (line.channel and line.channel == leg.channel)
        )
        if mine and leg.left_at is None:
            leg.left_at = line.at
            if leg.outcome == "ringing":
                leg.outcome = "gone"
