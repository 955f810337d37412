"""One running call as the tracker knows it (通话状态): the caller, the legs, a transfer under way, a ledger line.

Shapes only; what changes them is `ivr.tracking.tracker`.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_DEVICE = re.compile(r"PJSIP/(?P<device>[\w.+-]+?)-[0-9a-f]{8}")


def extension_of(channel_name: str) -> str:
    """The extension whose telephone a channel is: `1001` for both PJSIP/1001-… and PJSIP/w1001-…"""
    match = _DEVICE.match(channel_name)
    device = match["device"] if match else ""
    return device[1:] if re.fullmatch(r"w\d+", device) else device


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One ledger line to be written."""

    linkedid: str
    at: datetime
    kind: str
    channel: str
    data: dict[str, Any]


def ledger_line(call: "LiveCall", at: datetime, kind: str, channel: str, **data: Any) -> LedgerLine:
    """A line of this call's; `kind` is one of `recordings.ledger`'s, which says what its `data` are."""
    return LedgerLine(call.linkedid, at, kind, channel, data)


def ms_between(start: datetime, end: datetime) -> int:
    """Milliseconds from one instant to the other; 0 where a clock set back makes them negative."""
    return max(0, round((end - start).total_seconds() * 1000))


@dataclass(frozen=True, slots=True)
class Party:
    """Whom one rung of a transfer's ladder rings."""

    dials: tuple[str, ...]
    """As Asterisk names them in DialBegin: `2001`, `w2001`, `13800001234@trunk`."""
    name: str
    user_id: int | None
    role: str
    """liaison, backup or service_phone"""
    needs_key: bool = False
    """Counts as answered only when key 1 was pressed; a mailbox presses none."""

    def about(self) -> dict[str, Any]:
        """Who it is, in the words of a ledger line."""
        return {"role": self.role, **({"user": self.user_id} if self.user_id else {})}


@dataclass(slots=True)
class Leg:
    """One channel of a call other than the caller's."""

    uniqueid: str
    name: str
    extension: str
    offered_at: datetime
    answered_at: datetime | None = None
    bridge: str = ""
    held: bool = False
    rings: bool = True
    """Nobody has answered or refused yet."""
    was_offered: bool = False
    """Asterisk has begun to dial it."""
    keys: str = ""
    """The last keys pressed in the talk."""
    has_accepted: bool = False
    """Key 1 was pressed, where `Party.needs_key`."""
    party: Party | None = None
    """Whom it rings, for a transfer's leg."""
    failed: str = ""
    """DialStatus of a telephone that was not answered, until the cause of its hang-up is known as well."""

    def about(self) -> dict[str, Any]:
        """Whose telephone it is, in the words of a ledger line."""
        return {"extension": self.extension, **(self.party.about() if self.party else {})}


@dataclass(slots=True)
class TransferState:
    """A transfer under way, as the desk asked for it."""

    mode: str
    """menu, blind, attended, three_way, onward"""
    unit_id: int
    unit_name: str
    liaison_name: str
    """Who is rung now, or has answered."""
    extensions: tuple[str, ...]
    """Of the unit's people; `trunk` for telephones outside."""
    by: str
    """Extension of who transfers; empty: the caller chose the unit in the menu."""
    back_to: str = ""
    """Extension of the operator who gets the caller back."""
    parties: tuple[Party, ...] = ()
    tried: list[dict[str, Any]] = field(default_factory=list)
    """Each party that did not answer, with `why`."""
    phase: str = "ringing"
    """ringing, talking, failed"""
    why: str = ""
    """Why the last one tried did not answer."""
    answered_by: str = ""
    """Extension of who has answered."""
    ladder_ended: bool = False
    """The dialplan has tried everybody; the last telephone's hang-up may still be to come."""
    completing: bool = False
    """The operator has completed the transfer: caller and liaison are being joined."""

    def party(self, dial: str) -> Party | None:
        """Who of the unit a dial string of Asterisk's rings."""
        wanted = dial.removeprefix("PJSIP/")
        return next((party for party in self.parties if wanted in party.dials), None)


@dataclass(slots=True)
class LiveCall:
    """A running call. The caller's channel began it and its uniqueid is the linkedid; every other channel is a leg."""

    linkedid: str
    channel: str
    """Name of the caller's channel."""
    line: str
    caller: str
    started_at: datetime
    direction: str = "in"
    """in, out"""
    phase: str = "menu"
    """menu, queue, ringing, talking, transferring, liaison, three_way, after_talk, ended"""
    nodes: list[str] = field(default_factory=list)
    """The menu's nodes that the caller has been at, in order."""
    queued_at: datetime | None = None
    """When the caller first asked for an operator."""
    language: str = ""
    """What the caller wants to be served in; empty: Mandarin."""
    queue: str = ""
    """The queue it was last put into."""
    left_queue: bool = False
    is_unanswered: bool = False
    """Out of the queue, and nothing has told why yet."""
    answered_at: datetime | None = None
    operator: str = ""
    """Extension of the operator in charge."""
    bridge: str = ""
    bridged_at: datetime | None = None
    talk_ms: int = 0
    held: bool = False
    liaison: str = ""
    """Extension of the liaison who talked to the caller."""
    legs: dict[str, Leg] = field(default_factory=dict)
    transfer: TransferState | None = None
    consults: list[tuple[str, datetime]] = field(default_factory=list)
    """uniqueid of each channel on which a consultation was held, and since when."""
    handed_back: bool = False
    """The liaison has given the caller back, or was cut off; nobody has taken over yet."""
    whisper: str = ""
    """Uniqueid of the channel that whispers the staff number to the caller, once it was begun."""
    ended_at: datetime | None = None
    phase_before_end: str = ""
    is_lost: bool = False
    """Cut off by a fault: Asterisk died with it, or the partner's telephone was lost and nobody has taken over."""
    is_turned_away: bool = False
    """The line had as many callers as it may have, so that this one heard only the notice of that."""
    is_practice: bool = False
    """A sample caller at a trainee's seat."""
    is_partly_known: bool = False
    """Found running after an interruption, and nothing tells what happened before."""
    is_moved: bool = False
    """A supervisor is moving the caller to another place in the queue, or to another queue."""

    @property
    def node(self) -> str:
        """The menu's node that the caller was at last."""
        return self.nodes[-1] if self.nodes else ""

    @property
    def has_partner(self) -> bool:
        """Somebody has answered and is still there."""
        return any(leg.answered_at for leg in self.legs.values())

    def leg_of(self, extension: str) -> Leg | None:
        """The answered leg of an extension, or else the one that rings."""
        legs = [leg for leg in self.legs.values() if leg.extension == extension]
        return next((leg for leg in legs if leg.answered_at), legs[0] if legs else None)
