"""AMI events -> the story of each call (通话经过). Pure: no database, no asyncio, no clock, no network.

Theory of operation. Every channel of a call carries the same linkedid, which is the uniqueid of the channel it began
with. That first channel is the caller's (or, for a call made from here, the operator's); it runs the dialplan until
the call is over. The others are legs: somebody was dialled, answered or not, was bridged, left. A leg is known by the
telephone it rang, `PJSIP/w1001-0000002a` being the browser telephone of extension 1001.

`handle` takes one event and the instant it happened and returns the ledger lines it adds. Events may come twice, late
or for channels never seen (the controller may have joined a running Asterisk): what is unknown is ignored, nothing is
ever assumed from an absence.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recordings import ledger

Fields = dict[str, str]
_DEVICE = re.compile(r"PJSIP/(?P<device>[\w.+-]+?)-[0-9a-f]{8}")
_WHY = {"NOANSWER": "timeout", "BUSY": "busy", "CONGESTION": "refused", "CHANUNAVAIL": "gone", "CANCEL": "cancelled"}
ENTRY_CONTEXTS = frozenset({"from-trunk"})


def extension_of(channel_name: str) -> str:
    """The extension whose telephone a channel is: `1001` for both PJSIP/1001-… and PJSIP/w1001-…"""
    match = _DEVICE.match(channel_name)
    device = match["device"] if match else ""
    return device[1:] if re.fullmatch(r"w\d+", device) else device


@dataclass(frozen=True, slots=True)
class Line:
    """One ledger line to be written."""

    linkedid: str
    at: datetime
    kind: str
    channel: str
    data: dict[str, Any]


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


@dataclass(slots=True)
class TransferState:
    """A transfer under way, as the desk asked for it."""

    mode: str
    unit_id: int
    unit_name: str
    liaison_name: str
    extensions: tuple[str, ...]
    by: str
    phase: str = "ringing"
    """ringing, talking, failed"""
    why: str = ""
    answered_by: str = ""


@dataclass(slots=True)
class LiveCall:
    linkedid: str
    channel: str
    """Name of the caller's channel."""
    line: str
    caller: str
    started_at: datetime
    direction: str = "in"
    phase: str = "menu"
    nodes: list[str] = field(default_factory=list)
    queued_at: datetime | None = None
    left_queue: bool = False
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
    ended_at: datetime | None = None
    phase_before_end: str = ""

    @property
    def node(self) -> str:
        return self.nodes[-1] if self.nodes else ""

    def leg_of(self, extension: str) -> Leg | None:
        """The answered leg of an extension, or else the one that rings."""
        legs = [leg for leg in self.legs.values() if leg.extension == extension]
        return next((leg for leg in legs if leg.answered_at), legs[0] if legs else None)


class Tracker:
    def __init__(self) -> None:
        self.calls: dict[str, LiveCall] = {}
        self._owner: dict[str, str] = {}
        self._handlers: dict[str, Callable[[Fields, datetime], list[Line]]] = {
            "Newchannel": self._new_channel,
            "DialBegin": self._dial_begin,
            "DialEnd": self._dial_end,
            "BridgeEnter": self._bridge_enter,
            "BridgeLeave": self._bridge_leave,
            "Hold": self._hold,
            "Unhold": self._unhold,
            "QueueCallerJoin": self._queue_join,
            "QueueCallerLeave": self._queue_leave,
            "QueueCallerAbandon": self._queue_abandon,
            "Hangup": self._hangup,
        }

    def handle(self, event: Fields, at: datetime) -> list[Line]:
        """The ledger lines that this event adds, oldest first; an unknown or incomplete event adds none."""
        handler = self._handlers.get(event.get("Event", ""))
        return handler(event, at) if handler else []

    def call_of(self, uniqueid: str) -> LiveCall | None:
        return self.calls.get(self._owner.get(uniqueid, ""))

    def call_by_extension(self, extension: str) -> LiveCall | None:
        """The running call in which this extension has a leg; an answered one before a ringing one."""
        found = [(leg.answered_at is not None, call) for call in self.calls.values()
                 for leg in call.legs.values() if leg.extension == extension]  # fmt: skip
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def expect_out(self, uniqueid: str, operator: str, number: str, line: str, at: datetime) -> list[Line]:
        """A call made from here begins with the operator's own channel, whose id we chose."""
        call = LiveCall(uniqueid, "", line, number, at, direction="out", phase="ringing", operator=operator)
        self.calls[uniqueid] = call
        self._owner[uniqueid] = uniqueid
        return [self._line(call, at, ledger.ARRIVED, uniqueid, line=line, caller=number, direction="out")]

    def adopt(self, channel: Fields, at: datetime) -> LiveCall | None:
        """Take up a call found running (CoreShowChannels row) after the controller was away."""
        uniqueid, linkedid = channel.get("Uniqueid", ""), channel.get("Linkedid", "")
        if uniqueid == linkedid and uniqueid not in self.calls:
            self._open(channel, at)
        elif linkedid in self.calls and uniqueid not in self._owner:
            self._add_leg(self.calls[linkedid], channel, at)
            self.calls[linkedid].legs[uniqueid].answered_at = at if channel.get("ChannelState") == "6" else None
        return self.calls.get(linkedid)

    # --- channels ---------------------------------------------------------------------------------------------

    def _new_channel(self, event: Fields, at: datetime) -> list[Line]:
        uniqueid, linkedid = event.get("Uniqueid", ""), event.get("Linkedid", "")
        if uniqueid in self._owner:
            known = self.calls.get(uniqueid)
            if known and not known.channel:
                known.channel = event.get("Channel", "")
            return []
        if uniqueid == linkedid and event.get("Context") in ENTRY_CONTEXTS:
            call = self._open(event, at)
            return [self._line(call, at, ledger.ARRIVED, uniqueid, line=call.line, caller=call.caller)]
        if linkedid in self.calls:
            self._add_leg(self.calls[linkedid], event, at)
        return []

    def _open(self, event: Fields, at: datetime) -> LiveCall:
        uniqueid = event["Uniqueid"]
        call = LiveCall(uniqueid, event.get("Channel", ""), event.get("Exten", ""), event.get("CallerIDNum", ""), at)
        self.calls[uniqueid] = call
        self._owner[uniqueid] = uniqueid
        return call

    def _add_leg(self, call: LiveCall, event: Fields, at: datetime) -> None:
        uniqueid, name = event.get("Uniqueid", ""), event.get("Channel", "")
        call.legs[uniqueid] = Leg(uniqueid, name, extension_of(name), at)
        self._owner[uniqueid] = call.linkedid

    def _hangup(self, event: Fields, at: datetime) -> list[Line]:
        uniqueid, cause = event.get("Uniqueid", ""), event.get("Cause", "")
        call = self.call_of(uniqueid)
        self._owner.pop(uniqueid, None)
        if call is None:
            return []
        if uniqueid == call.linkedid:
            return self._end(call, at, cause)
        leg = call.legs.pop(uniqueid, None)
        if leg is None or leg.answered_at is None:
            return []
        return [self._line(call, at, ledger.PARTY_LEFT, uniqueid, extension=leg.extension, cause=cause)]

    def _end(self, call: LiveCall, at: datetime, cause: str) -> list[Line]:
        lines = self._unbridged(call, at) if call.bridge else []
        call.ended_at, call.phase_before_end, call.phase = at, call.phase, "ended"
        del self.calls[call.linkedid]
        for uniqueid in call.legs:
            self._owner.pop(uniqueid, None)
        return [*lines, self._line(call, at, ledger.ENDED, call.linkedid, cause=cause, node=call.node)]

    # --- ringing ----------------------------------------------------------------------------------------------

    def _dial_begin(self, event: Fields, at: datetime) -> list[Line]:
        call = self.call_of(event.get("DestUniqueid", ""))
        leg = call.legs.get(event["DestUniqueid"]) if call else None
        if call is None or leg is None:
            return []
        leg.offered_at = at
        if call.phase in ("queue", "menu", "transferring"):
            call.phase = "ringing" if call.phase == "queue" else call.phase
        return [self._line(call, at, ledger.OFFERED, leg.uniqueid, extension=leg.extension)]

    def _dial_end(self, event: Fields, at: datetime) -> list[Line]:
        call = self.call_of(event.get("DestUniqueid", ""))
        leg = call.legs.get(event["DestUniqueid"]) if call else None
        if call is None or leg is None or leg.answered_at:
            return []
        if event.get("DialStatus") == "ANSWER":
            return self._answered(call, leg, at)
        if call.phase == "ringing":
            call.phase = "queue"
        why = _WHY.get(event.get("DialStatus", ""), "gone")
        return [self._line(call, at, ledger.NO_ANSWER, leg.uniqueid, extension=leg.extension, why=why)]

    def _answered(self, call: LiveCall, leg: Leg, at: datetime) -> list[Line]:
        leg.answered_at = at
        transfer = call.transfer
        if transfer and leg.extension in transfer.extensions:
            transfer.phase, transfer.answered_by = "talking", leg.extension
            if transfer.mode == "attended" and (consulting := call.leg_of(transfer.by)):
                call.consults.append((consulting.uniqueid, at))
            return [
                self._line(call, at, ledger.ANSWERED, leg.uniqueid, extension=leg.extension, role="liaison"),
                self._line(call, at, ledger.TRANSFER_ANSWERED, leg.uniqueid, extension=leg.extension,
                           unit=transfer.unit_id),
            ]  # fmt: skip
        lines = []
        wait_ms = _ms(call.queued_at or call.started_at, at)
        if call.answered_at is None:
            call.answered_at = at
        if call.transfer and call.transfer.by == leg.extension:
            lines.append(self._line(call, at, ledger.RETURNED, leg.uniqueid, to=leg.extension))
            call.transfer = None
        call.operator = leg.extension if call.direction == "in" else call.operator
        answered = self._line(
            call, at, ledger.ANSWERED, leg.uniqueid, extension=leg.extension, role="operator", wait_ms=wait_ms
        )
        return [answered, *lines]

    # --- talking ----------------------------------------------------------------------------------------------

    def _bridge_enter(self, event: Fields, at: datetime) -> list[Line]:
        uniqueid, bridge = event.get("Uniqueid", ""), event.get("BridgeUniqueid", "")
        call = self.call_of(uniqueid)
        if call is None or not bridge:
            return []
        if uniqueid == call.linkedid:
            call.bridge = bridge
        elif leg := call.legs.get(uniqueid):
            leg.bridge = bridge
        partner = next((leg for leg in call.legs.values() if leg.bridge == bridge), None)
        if partner is None or call.bridge != bridge or call.bridged_at:
            return []
        return self._bridged(call, partner, at)

    def _bridged(self, call: LiveCall, partner: Leg, at: datetime) -> list[Line]:
        call.bridged_at = at
        lines = [self._line(call, at, ledger.BRIDGED, partner.uniqueid, bridge=call.bridge, extension=partner.extension)]
        transfer = call.transfer
        if transfer and partner.extension in transfer.extensions:
            call.liaison, call.phase, call.transfer = partner.extension, "liaison", None
            lines.append(
                self._line(call, at, ledger.TRANSFER_COMPLETED, partner.uniqueid, mode=transfer.mode,
                           unit=transfer.unit_id, extension=partner.extension)
            )  # fmt: skip
        else:
            call.phase = "talking"
        return lines

    def _bridge_leave(self, event: Fields, at: datetime) -> list[Line]:
        uniqueid, bridge = event.get("Uniqueid", ""), event.get("BridgeUniqueid", "")
        call = self.call_of(uniqueid)
        if call is None:
            return []
        if leg := call.legs.get(uniqueid):
            leg.bridge = "" if leg.bridge == bridge else leg.bridge
        if call.bridge != bridge:
            return []
        if uniqueid == call.linkedid:
            lines = self._unbridged(call, at)
            call.bridge = ""
            return lines
        alone = not any(leg.bridge == bridge for leg in call.legs.values())
        return self._unbridged(call, at) if alone else []

    def _unbridged(self, call: LiveCall, at: datetime) -> list[Line]:
        if call.bridged_at is None:
            return []
        call.talk_ms += _ms(call.bridged_at, at)
        call.bridged_at, call.held = None, False
        return [self._line(call, at, ledger.UNBRIDGED, call.linkedid, bridge=call.bridge)]

    def _hold(self, event: Fields, at: datetime) -> list[Line]:
        return self._set_held(event, at, held=True)

    def _unhold(self, event: Fields, at: datetime) -> list[Line]:
        return self._set_held(event, at, held=False)

    def _set_held(self, event: Fields, at: datetime, *, held: bool) -> list[Line]:
        call = self.call_of(event.get("Uniqueid", ""))
        leg = call.legs.get(event["Uniqueid"]) if call else None
        if call is None or leg is None or leg.held == held:
            return []
        leg.held = call.held = held
        kind = ledger.HELD if held else ledger.RESUMED
        return [self._line(call, at, kind, leg.uniqueid, by=leg.extension)]

    # --- waiting ----------------------------------------------------------------------------------------------

    def _queue_join(self, event: Fields, at: datetime) -> list[Line]:
        call = self.calls.get(event.get("Uniqueid", ""))
        if call is None:
            return []
        call.phase, call.queued_at, call.left_queue = "queue", call.queued_at or at, False
        position = int(event["Position"]) if event.get("Position", "").isdigit() else 0
        return [self._line(call, at, ledger.QUEUED, call.linkedid, queue=event.get("Queue", ""), position=position)]

    def _queue_leave(self, event: Fields, at: datetime) -> list[Line]:
        call = self.calls.get(event.get("Uniqueid", ""))
        if call is None or call.left_queue:
            return []
        call.left_queue = True
        answered = any(leg.answered_at for leg in call.legs.values())
        return [self._line(call, at, ledger.LEFT_QUEUE, call.linkedid, why="answered" if answered else "other")]

    def _queue_abandon(self, event: Fields, at: datetime) -> list[Line]:
        call = self.calls.get(event.get("Uniqueid", ""))
        if call is None or call.left_queue:
            return []
        call.left_queue = True
        return [self._line(call, at, ledger.LEFT_QUEUE, call.linkedid, why="abandoned")]

    def _line(self, call: LiveCall, at: datetime, kind: str, channel: str, **data: Any) -> Line:
        return Line(call.linkedid, at, kind, channel, data)


def _ms(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
