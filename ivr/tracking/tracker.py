"""AMI events -> the story of each call (通话经过). Pure: no database, no asyncio, no clock, no network.

Theory of operation. Every channel of a call carries the same linkedid, which is the uniqueid of the channel it began
with. That first channel is the caller's (or, for a call made from here, the operator's); it runs the dialplan until
the call is over. The others are legs: somebody was dialled, answered or not, was bridged, left. Who a leg belongs to is
told by its name, `PJSIP/w1001-0000002a` being the browser telephone of extension 1001.

`handle` takes one event and the instant it happened and returns the ledger lines it adds. Events may come twice, late
or for channels never seen (the controller may have joined a running Asterisk): what is unknown is ignored, nothing is
ever assumed from an absence.

The tracker knows which call and leg an event concerns; what it means for them is told by `ring_story`, `talk_story`,
`transfer_story` and `ivr.queue.queue_story`.
"""

from collections.abc import Callable
from datetime import datetime

from ivr.queue import queue_story
from ivr.tracking import ring_story, talk_story, transfer_story
from ivr.tracking.live_call import LedgerLine, Leg, LiveCall, extension_of, ledger_line
from recordings import ledger

Fields = dict[str, str]
PRACTICE = "practice"
"""The mark of a practice call, as `recordings.models.CallMark` has it; this module knows no tables."""
ENTRY_CONTEXTS = frozenset({"from-trunk"})
ENDED_KEPT = 1000
"""How many ended calls are remembered, so that a late event never opens one of them again."""


class Tracker:
    def __init__(self) -> None:
        self.calls: dict[str, LiveCall] = {}
        self._owner: dict[str, str] = {}
        """linkedid of the call that a channel (uniqueid) belongs to."""
        self._by_extension: dict[str, LiveCall] | None = None
        """Who is in which call, until something happens: every seat asks for it after every event."""
        self._ended: dict[str, None] = {}
        """The last that ended, the oldest first."""
        self._handlers: dict[str, Callable[[Fields, datetime], list[LedgerLine]]] = {
            "Newchannel": self._new_channel,
            "DialBegin": self._dial_begin,
            "DialEnd": self._dial_end,
            "BridgeEnter": self._bridge_enter,
            "BridgeLeave": self._bridge_leave,
            "Hold": self._hold,
            "Unhold": self._hold,
            "QueueCallerJoin": self._of_queue(queue_story.joined),
            "QueueCallerLeave": self._of_queue(lambda call, _, at: queue_story.left(call, at)),
            "QueueCallerAbandon": self._of_queue(lambda call, _, at: queue_story.left(call, at)),
            "UserEvent": self._told_by_dialplan,
            "Hangup": self._hangup,
        }

    def handle(self, event: Fields, at: datetime) -> list[LedgerLine]:
        """The ledger lines that this event adds, oldest first; an unknown or incomplete event adds none."""
        self._by_extension = None
        handler = self._handlers.get(event.get("Event", ""))
        return handler(event, at) if handler else []

    def call_of(self, uniqueid: str) -> LiveCall | None:
        return self.calls.get(self._owner.get(uniqueid, ""))

    def call_by_extension(self, extension: str) -> LiveCall | None:
        """The running call in which this extension has a leg; an answered one before a ringing one."""
        if self._by_extension is None:
            legs = [(leg, call) for call in self.calls.values() for leg in call.legs.values()]
            legs.reverse()  # of several alike the first counts
            self._by_extension = {leg.extension: call for leg, call in legs}
            self._by_extension |= {leg.extension: call for leg, call in legs if leg.answered_at}
        return self._by_extension.get(extension)

    def expect_out(
        self, uniqueid: str, operator: str, number: str, called: str, at: datetime
    ) -> list[LedgerLine]:
        """An operator is about to call `number`: the call begins with the operator's own channel, whose id we have chosen."""
        call = LiveCall(uniqueid, "", called, number, at, direction="out", phase="ringing", operator=operator)
        self.calls[uniqueid] = call
        self._owner[uniqueid] = uniqueid
        return [ledger_line(call, at, ledger.ARRIVED, uniqueid, line=called, caller=number, direction="out")]

    def expect_practice(
        self, uniqueid: str, other: str, called: str, sample: str, at: datetime
    ) -> tuple[LiveCall, LedgerLine]:
        """A practice call is about to begin, with the sample caller's channel, whose id we have chosen.

        `other` is the uniqueid of that Local channel's second half, `called` the line, `sample` the sample's key.
        """
        call = LiveCall(uniqueid, "", called, "", at, phase="ringing", is_practice=True)
        self.calls[uniqueid] = call
        self._owner |= {uniqueid: uniqueid, other: uniqueid}
        return call, ledger_line(
            call, at, ledger.ARRIVED, uniqueid, line=called, caller="", mark=PRACTICE, sample=sample
        )

    def take_in(self, call: LiveCall, uniqueid: str, channel: str, extension: str, at: datetime) -> None:
        """A supervisor's telephone, which was a call of its own, becomes a leg of this call."""
        self._by_extension = None
        call.legs[uniqueid] = Leg(uniqueid, channel, extension, at, answered_at=at, rings=False)
        self._owner[uniqueid] = call.linkedid

    def replace(self, call: LiveCall) -> None:
        """Go on with a call as its story was told anew (`ivr.outages.recall`), or forget it when that says it has ended."""
        self._by_extension = None
        self.calls.pop(call.linkedid, None)
        self._owner = {key: owner for key, owner in self._owner.items() if owner != call.linkedid}
        if call.ended_at:
            self._remember(call)
            return
        self.calls[call.linkedid] = call
        self._owner |= dict.fromkeys((call.linkedid, *call.legs), call.linkedid)

    def adopt(self, channel: Fields, at: datetime) -> list[LedgerLine]:
        """Take up a channel found running (a row of CoreShowChannels, with the line as `Exten`) after an interruption.

        Returns the arrival of a call that begins with it; whether that is stored already is for the caller to find out.
        """
        self._by_extension = None
        uniqueid, linkedid = channel.get("Uniqueid", ""), channel.get("Linkedid", "")
        if uniqueid == linkedid and uniqueid not in self.calls:
            call = self._open(channel, at)
            return [ledger_line(call, at, ledger.ARRIVED, uniqueid, line=call.line, caller=call.caller)]
        if linkedid in self.calls and uniqueid not in self._owner:
            self._add_leg(self.calls[linkedid], channel, at)
            if channel.get("ChannelState") == "6":
                leg = self.calls[linkedid].legs[uniqueid]
                leg.answered_at, leg.rings = at, False
        return []

    # --- channels ---------------------------------------------------------------------------------------------

    def _new_channel(self, event: Fields, at: datetime) -> list[LedgerLine]:
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
            return [ledger_line(call, at, ledger.ARRIVED, uniqueid, line=call.line, caller=call.caller)]
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

    def _hangup(self, event: Fields, at: datetime) -> list[LedgerLine]:
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
            return ring_story.not_answered(call, leg, at, cause)
        left = ledger_line(call, at, ledger.PARTY_LEFT, uniqueid, extension=leg.extension, cause=cause)
        if cause in ledger.LOST and leg.extension == call.liaison and not call.has_partner:
            call.handed_back = True
        return [left, *transfer_story.party_gone(call, leg, at, "left")]

    def _end(self, call: LiveCall, at: datetime, cause: str) -> list[LedgerLine]:
        lines = queue_story.gave_up(call, at)
        lines += talk_story.over(call, at) if call.bridge else []
        if own := call.legs.pop(call.linkedid, None):  # a call made from here: the operator leaves with it
            lines.append(
                ledger_line(call, at, ledger.PARTY_LEFT, call.linkedid, extension=own.extension, cause=cause)
            )
        for leg in call.legs.values():
            lines += ring_story.not_answered(call, leg, at, "") if leg.failed else []
        lines += transfer_story.failed(call, at, "abandoned")
        call.ended_at, call.phase_before_end, call.phase = at, call.phase, "ended"
        del self.calls[call.linkedid]
        self._remember(call)
        for uniqueid in call.legs:
            self._owner.pop(uniqueid, None)
        return [*lines, ledger_line(call, at, ledger.ENDED, call.linkedid, cause=cause, node=call.node)]

    def _remember(self, ended: LiveCall) -> None:
        self._ended[ended.linkedid] = None
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]

    # --- what the story modules tell ---------------------------------------------------------------------------

    def _dial_begin(self, event: Fields, at: datetime) -> list[LedgerLine]:
        call, leg = self._dialled(event)
        return ring_story.begun(call, leg, at, event.get("DialString", "")) if call and leg else []

    def _dial_end(self, event: Fields, at: datetime) -> list[LedgerLine]:
        call, leg = self._dialled(event)
        return ring_story.ended(call, leg, at, event.get("DialStatus", "?")) if call and leg else []

    def _dialled(self, event: Fields) -> tuple[LiveCall | None, Leg | None]:
        call = self.call_of(event.get("DestUniqueid", ""))
        return call, call.legs.get(event["DestUniqueid"]) if call else None

    def _bridge_enter(self, event: Fields, at: datetime) -> list[LedgerLine]:
        uniqueid, bridge = event.get("Uniqueid", ""), event.get("BridgeUniqueid", "")
        call = self.call_of(uniqueid)
        return talk_story.entered(call, uniqueid, bridge, at) if call and bridge else []

    def _bridge_leave(self, event: Fields, at: datetime) -> list[LedgerLine]:
        uniqueid, bridge = event.get("Uniqueid", ""), event.get("BridgeUniqueid", "")
        call = self.call_of(uniqueid)
        return talk_story.left(call, uniqueid, bridge, at) if call else []

    def _hold(self, event: Fields, at: datetime) -> list[LedgerLine]:
        call = self.call_of(event.get("Uniqueid", ""))
        is_held = event.get("Event") == "Hold"
        return talk_story.held(call, event["Uniqueid"], at, is_held=is_held) if call else []

    def _of_queue(
        self, tell: Callable[[LiveCall, Fields, datetime], list[LedgerLine]]
    ) -> Callable[[Fields, datetime], list[LedgerLine]]:
        def of_queue(event: Fields, at: datetime) -> list[LedgerLine]:
            call = self.calls.get(event.get("Uniqueid", ""))
            return tell(call, event, at) if call else []

        return of_queue

    def _told_by_dialplan(self, event: Fields, at: datetime) -> list[LedgerLine]:
        """What `dialplan/extensions.conf` says itself (UserEvent), because no event of Asterisk's does."""
        call = self.calls.get(event.get("Linkedid", ""))
        if call is None:
            return []
        match event.get("UserEvent"):
            case "LadderEnd":
                return transfer_story.ladder_ended(call, at)
            case "TurnedAway" if not call.is_turned_away:
                call.is_turned_away = True
                return [ledger_line(call, at, ledger.TURNED_AWAY, call.linkedid)]
            case "LeftQueue":
                return queue_story.went_on(call, at, event.get("Why", ""))
            case "Accepted" if leg := call.legs.get(event.get("Uniqueid", "")):
                leg.has_accepted = True
        return []
