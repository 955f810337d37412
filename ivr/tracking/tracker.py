"""AMI events -> the story of each call (通话经过). Pure: no database, no asyncio, no clock, no network.

Theory of operation. Every channel of a call carries the same linkedid, which is the uniqueid of the channel it began
with. That first channel is the caller's (or, for a call made from here, the operator's); it runs the dialplan until
the call is over. The others are legs: somebody was dialled, answered or not, was bridged, left. A leg is known by the
telephone it rang, `PJSIP/w1001-0000002a` being the browser telephone of extension 1001.

`handle` takes one event and the instant it happened and returns the ledger lines it adds. Events may come twice, late
or for channels never seen (the controller may have joined a running Asterisk): what is unknown is ignored, nothing is
ever assumed from an absence.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime

from ivr.queue import queue_story
from ivr.tracking import transfer_story
from ivr.tracking.live_call import Leg, Line, LiveCall, TransferState, extension_of, line, ms_between
from recordings import ledger

__all__ = ["Leg", "Line", "LiveCall", "Tracker", "TransferState", "extension_of"]

Fields = dict[str, str]
_REFUSED = "21"
"""Q.850 cause of a call that was declined; its DialStatus is NOANSWER like that of one nobody heard."""
_WHY = {
    "NOANSWER": "timeout",
    "BUSY": "busy",
    "CONGESTION": "refused",
    "CHANUNAVAIL": "gone",
    "CANCEL": "cancelled",
    "CONTINUE": "not_accepted",
}
"""Why a telephone was not answered; CONTINUE: somebody, or a mailbox, answered and nobody pressed the key."""
PRACTICE = "practice"
"""The mark (`CallMark`) of a practice call's arrival; in a word, for no table is known here."""
ENTRY_CONTEXTS = frozenset({"from-trunk"})
ENDED_KEPT = 1000
"""How many ended calls are remembered, so that a late event never opens one of them again."""


class Tracker:
    def __init__(self) -> None:
        self.calls: dict[str, LiveCall] = {}
        self._owner: dict[str, str] = {}
        self._ended: deque[str] = deque(maxlen=ENDED_KEPT)
        self._handlers: dict[str, Callable[[Fields, datetime], list[Line]]] = {
            "Newchannel": self._new_channel,
            "DialBegin": self._dial_begin,
            "DialEnd": self._dial_end,
            "BridgeEnter": self._bridge_enter,
            "BridgeLeave": self._bridge_leave,
            "Hold": self._hold,
            "Unhold": self._unhold,
            "QueueCallerJoin": self._of_queue(queue_story.joined),
            "QueueCallerLeave": self._of_queue(lambda call, _, at: queue_story.left(call, at)),
            "QueueCallerAbandon": self._of_queue(lambda call, _, at: queue_story.left(call, at)),
            "UserEvent": self._told_by_dialplan,
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

    def expect_out(self, uniqueid: str, operator: str, number: str, called: str, at: datetime) -> list[Line]:
        """A call made from here begins with the operator's own channel, whose id we chose."""
        call = LiveCall(uniqueid, "", called, number, at, direction="out", phase="ringing", operator=operator)
        self.calls[uniqueid] = call
        self._owner[uniqueid] = uniqueid
        return [line(call, at, ledger.ARRIVED, uniqueid, line=called, caller=number, direction="out")]

    def expect_practice(
        self, uniqueid: str, other: str, called: str, sample: str, at: datetime
    ) -> tuple[LiveCall, Line]:
        """A practice call begins with the sample caller's channel, whose id we chose; `other` is that channel's second half."""
        call = LiveCall(uniqueid, "", called, "", at, phase="ringing", is_practice=True)
        self.calls[uniqueid] = call
        self._owner |= {uniqueid: uniqueid, other: uniqueid}
        return call, line(
            call, at, ledger.ARRIVED, uniqueid, line=called, caller="", mark=PRACTICE, sample=sample
        )

    def take_in(self, call: LiveCall, uniqueid: str, channel: str, extension: str, at: datetime) -> None:
        """A telephone that was in no call, a supervisor's, becomes one of this call."""
        call.legs[uniqueid] = Leg(uniqueid, channel, extension, at, answered_at=at, rings=False)
        self._owner[uniqueid] = call.linkedid

    def replace(self, call: LiveCall) -> None:
        """Go on with a call whose story was told anew, or let go of it when it has ended."""
        self.calls.pop(call.linkedid, None)
        self._owner = {key: owner for key, owner in self._owner.items() if owner != call.linkedid}
        if call.ended_at:
            self._ended.append(call.linkedid)
            return
        self.calls[call.linkedid] = call
        self._owner |= dict.fromkeys((call.linkedid, *call.legs), call.linkedid)

    def adopt(self, channel: Fields, at: datetime) -> list[Line]:
        """Take up a call found running (CoreShowChannels row) after the controller was away; `Exten` is its line.

        The line returned for a call of which nothing is stored yet is its arrival.
        """
        uniqueid, linkedid = channel.get("Uniqueid", ""), channel.get("Linkedid", "")
        if uniqueid == linkedid and uniqueid not in self.calls:
            call = self._open(channel, at)
            return [line(call, at, ledger.ARRIVED, uniqueid, line=call.line, caller=call.caller)]
        if linkedid in self.calls and uniqueid not in self._owner:
            self._add_leg(self.calls[linkedid], channel, at)
            if channel.get("ChannelState") == "6":
                leg = self.calls[linkedid].legs[uniqueid]
                leg.answered_at, leg.rings = at, False
        return []

    # --- channels ---------------------------------------------------------------------------------------------

    def _new_channel(self, event: Fields, at: datetime) -> list[Line]:
        uniqueid, linkedid = event.get("Uniqueid", ""), event.get("Linkedid", "")
        if uniqueid in self._owner:
            known = self.calls.get(uniqueid)
            if known and not known.channel:
                known.channel = event.get("Channel", "")
                if known.direction == "out":
                    known.legs[uniqueid] = Leg(uniqueid, known.channel, known.operator, at, answered_at=at)
            return []
        if (
            uniqueid
            and uniqueid == linkedid
            and event.get("Context") in ENTRY_CONTEXTS
            and uniqueid not in self._ended
        ):
            call = self._open(event, at)
            return [line(call, at, ledger.ARRIVED, uniqueid, line=call.line, caller=call.caller)]
        if uniqueid and linkedid in self.calls:
            self._add_leg(self.calls[linkedid], event, at)
        return []

    def _open(self, event: Fields, at: datetime) -> LiveCall:
        uniqueid = event["Uniqueid"]
        call = LiveCall(
            uniqueid, event.get("Channel", ""), event.get("Exten", ""), event.get("CallerIDNum", ""), at
        )
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
        if leg is None:
            return []
        if leg.answered_at is None:
            return self._not_answered(call, leg, at, cause)
        left = line(call, at, ledger.PARTY_LEFT, uniqueid, extension=leg.extension, cause=cause)
        if cause in ledger.LOST and leg.extension == call.liaison and not call.has_partner:
            call.handed_back = True
        return [left, *transfer_story.party_gone(call, leg, at, "left")]

    def _end(self, call: LiveCall, at: datetime, cause: str) -> list[Line]:
        lines = queue_story.gave_up(call, at)
        lines += self._unbridged(call, at) if call.bridge else []
        if own := call.legs.pop(call.linkedid, None):  # a call made from here: the operator leaves with it
            lines.append(
                line(call, at, ledger.PARTY_LEFT, call.linkedid, extension=own.extension, cause=cause)
            )
        for leg in call.legs.values():
            lines += self._not_answered(call, leg, at, "") if leg.failed else []
        lines += transfer_story.failed(call, at, "abandoned")
        call.ended_at, call.phase_before_end, call.phase = at, call.phase, "ended"
        del self.calls[call.linkedid]
        self._ended.append(call.linkedid)
        for uniqueid in call.legs:
            self._owner.pop(uniqueid, None)
        return [*lines, line(call, at, ledger.ENDED, call.linkedid, cause=cause, node=call.node)]

    # --- ringing ----------------------------------------------------------------------------------------------

    def _dial_begin(self, event: Fields, at: datetime) -> list[Line]:
        call = self.call_of(event.get("DestUniqueid", ""))
        leg = call.legs.get(event["DestUniqueid"]) if call else None
        if call is None or leg is None:
            return []
        leg.offered_at = at
        if call.phase == "queue":
            call.phase = "ringing"
        transfer = call.transfer
        leg.party = transfer.party(event.get("DialString", "")) if transfer else None
        if transfer and leg.party and transfer.phase == "ringing":
            transfer.liaison_name = leg.party.name
        returning = transfer is not None and transfer.back_to == leg.extension
        lines = transfer_story.failed(call, at) if returning else []
        leg.was_offered, also = True, self._others(call, leg)
        if any(other.was_offered and other.rings for other in also):
            return lines  # the same person's other telephone
        told = leg.party.told() if leg.party else {}
        return [*lines, line(call, at, ledger.OFFERED, leg.uniqueid, extension=leg.extension, **told)]

    def _dial_end(self, event: Fields, at: datetime) -> list[Line]:
        call = self.call_of(event.get("DestUniqueid", ""))
        leg = call.legs.get(event["DestUniqueid"]) if call else None
        if call is None or leg is None or not leg.rings:
            return []
        leg.rings = False
        if leg.uniqueid == call.linkedid:
            return []  # our own operator's telephone, with which a call out begins
        status = event.get("DialStatus", "?")
        if status == "ANSWER" and leg.party and leg.party.needs_key and not leg.has_accepted:
            status = "CONTINUE"  # it hung up while it was asked for the key
        if status == "ANSWER":
            return self._answered(call, leg, at)
        if any(other.answered_at for other in call.legs.values() if other.extension == leg.extension):
            return []  # the same person took the call on the other telephone
        if call.phase == "ringing":
            call.phase = "queue"
        leg.failed = status
        return []

    def _not_answered(self, call: LiveCall, leg: Leg, at: datetime, cause: str) -> list[Line]:
        """A telephone that was not answered is over; one without a DialEnd (our own hang-up) says nothing of itself."""
        if not leg.failed:
            return transfer_story.party_gone(call, leg, at, "gone") if leg.rings else []
        if any(not other.answered_at for other in self._others(call, leg)):
            return []  # the person's last telephone tells
        why = "refused" if cause == _REFUSED else _WHY.get(leg.failed, "gone")
        told = leg.party.told() if leg.party else {}
        if call.transfer and leg.party and why != "cancelled":
            call.transfer.tried.append({**told, "why": why})
        unanswered = line(call, at, ledger.NO_ANSWER, leg.uniqueid, extension=leg.extension, why=why, **told)
        return [unanswered, *transfer_story.party_gone(call, leg, at, why)]

    def _others(self, call: LiveCall, leg: Leg) -> list[Leg]:
        """The other telephones that ring the same person."""
        return [
            other
            for other in call.legs.values()
            if other is not leg and other.extension == leg.extension and other.party == leg.party
        ]

    def _told_by_dialplan(self, event: Fields, at: datetime) -> list[Line]:
        call = self.calls.get(event.get("Linkedid", ""))
        if call is None:
            return []
        if event.get("UserEvent") == "LadderEnd" and call.transfer:
            call.transfer.ladder_ended = True
            return [] if any(leg.failed for leg in call.legs.values()) else transfer_story.failed(call, at)
        if event.get("UserEvent") == "TurnedAway" and not call.is_turned_away:
            call.is_turned_away = True
            return [line(call, at, ledger.TURNED_AWAY, call.linkedid)]
        if event.get("UserEvent") == "LeftQueue":
            return queue_story.went_on(call, at, event.get("Why", ""))
        if event.get("UserEvent") == "Accepted" and (leg := call.legs.get(event.get("Uniqueid", ""))):
            leg.has_accepted = True
        return []

    def _answered(self, call: LiveCall, leg: Leg, at: datetime) -> list[Line]:
        leg.answered_at = at
        transfer = call.transfer
        if transfer and transfer.phase != "failed" and leg.extension in transfer.extensions:
            transfer.phase, transfer.answered_by = "talking", leg.extension
            if transfer.mode == "attended" and (consulting := call.leg_of(transfer.by)):
                call.consults.append((consulting.uniqueid, at))
            told = leg.party.told() if leg.party else {"role": "liaison"}
            return [
                line(call, at, ledger.ANSWERED, leg.uniqueid, extension=leg.extension, **told),
                line(call, at, ledger.TRANSFER_ANSWERED, leg.uniqueid, extension=leg.extension,
                           unit=transfer.unit_id, **told),
            ]  # fmt: skip
        lines = []
        wait_ms = ms_between(leg.offered_at if call.answered_at else call.queued_at or call.started_at, at)
        if call.answered_at is None:
            call.answered_at = at
        if call.handed_back or (call.transfer and call.transfer.back_to == leg.extension):
            lines.append(line(call, at, ledger.RETURNED, leg.uniqueid, to=leg.extension))
            call.transfer, call.handed_back = None, False
        call.operator = leg.extension if call.direction == "in" else call.operator
        role = "operator" if call.direction == "in" else "citizen"
        answered = line(
            call, at, ledger.ANSWERED, leg.uniqueid, extension=leg.extension, role=role, wait_ms=wait_ms
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
        if call.bridge != bridge:
            return []
        partners = [leg for leg in call.legs.values() if leg.bridge == bridge]
        if call.bridged_at:
            partners = [leg for leg in partners if leg.uniqueid == uniqueid]
        lines: list[Line] = []
        for partner in partners:
            lines += self._joined(call, partner, at) if call.bridged_at else self._bridged(call, partner, at)
        return lines

    def _joined(self, call: LiveCall, partner: Leg, at: datetime) -> list[Line]:
        """One more comes into the talk: three talk now."""
        joined = line(call, at, ledger.JOINED, partner.uniqueid, extension=partner.extension)
        completed = transfer_story.completed(call, partner, at)
        call.phase = "three_way"
        return [joined, *completed]

    def _bridged(self, call: LiveCall, partner: Leg, at: datetime) -> list[Line]:
        call.bridged_at = at
        lines = [
            line(call, at, ledger.BRIDGED, partner.uniqueid, bridge=call.bridge, extension=partner.extension)
        ]
        call.phase = "talking"
        return lines + transfer_story.completed(call, partner, at)

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
        others = [leg for leg in call.legs.values() if leg.bridge == bridge]
        if not others:
            return self._unbridged(call, at)
        if len(others) == 1:
            call.phase = "liaison" if others[0].extension == call.liaison else "talking"
        return []

    def _unbridged(self, call: LiveCall, at: datetime) -> list[Line]:
        if call.bridged_at is None:
            return []
        call.talk_ms += ms_between(call.bridged_at, at)
        call.bridged_at, call.held = None, False
        return [line(call, at, ledger.UNBRIDGED, call.linkedid, bridge=call.bridge)]

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
        return [line(call, at, kind, leg.uniqueid, by=leg.extension)]

    def _of_queue(
        self, tell: Callable[[LiveCall, Fields, datetime], list[Line]]
    ) -> Callable[[Fields, datetime], list[Line]]:
        def told(event: Fields, at: datetime) -> list[Line]:
            call = self.calls.get(event.get("Uniqueid", ""))
            return tell(call, event, at) if call else []

        return told
