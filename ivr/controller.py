"""The controller (呼叫控制): one process, one AMI connection, every call's events in order.

Where everything in this room meets. An AMI event goes to the one part that it concerns (a dialogue, a seat), or else to
the tracker, which turns it into ledger lines; these are stored, and `ivr.reactions` does what follows from them. It owns
no rule of a menu or a ticket. What must survive its death is in the dialplan.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from core.bus import Bus
from core.clock import Clock
from core.lines import Line
from core.tasks import Tasks
from ivr.asterisk.ami import ActionRefused, ActionTimeout, Ami, TelephonyDown
from ivr.asterisk.ami_protocol import Fields
from ivr.asterisk.heartbeat import Heartbeat
from ivr.board import Board, CallNotes
from ivr.events import AgentChanged, BoardChanged, CallEnded
from ivr.flow.context import Caller, FlowDeps
from ivr.flow.dialogues import LAST_WORDS_LIMIT_S, Dialogues
from ivr.ledger.journal import Journal
from ivr.menus.menu import Menus
from ivr.outages import left_messages
from ivr.outages.recall import Recalled
from ivr.outages.resync import Resync
from ivr.queue.expected_wait import ExpectedWait
from ivr.queue.seats import Seats
from ivr.queue.telephones import Telephones
from ivr.reactions import Reactions
from ivr.tracking.live_call import LedgerLine, Leg, LiveCall
from ivr.tracking.outcome import call_facts
from ivr.tracking.tracker import ENTRY_CONTEXTS, Tracker
from recordings import ledger

if TYPE_CHECKING:
    from ivr.talks.supervision import Supervision

log = structlog.get_logger()
SUPERVISORS_EVENTS = frozenset({"UserEvent", "Hangup", "OriginateResponse"})
"""What may tell of a supervisor's telephone, which is a channel of its own and no leg of the call it listens to."""
RESYNC_PAUSE_S = 0.3
"""Between two tries while Asterisk is still starting."""


@dataclass
class ControllerDeps:
    """What the composition root hands the controller; the `on_…` are what other rooms do at a call's milestones."""

    clock: Clock
    bus: Bus
    tasks: Tasks
    flow: FlowDeps
    menus: Menus
    sound: Callable[..., str]
    """Name of the sound Asterisk plays for a prompt id, and to a caller of a line (its number)."""
    lines: Mapping[str, Line]
    """Every line by the number dialled, as it is now."""
    recall: Callable[[Collection[str]], Awaitable[Mapping[str, Recalled]]]
    """The stories of calls (linkedids) that a controller has lost sight of, as far as anything tells them."""
    on_answered: Callable[["Controller", LiveCall, str], Awaitable[None]]
    """An operator (extension) has answered: the ticket is opened, or passes to another operator."""
    on_liaison: Callable[["Controller", LiveCall], Awaitable[None]]
    """A liaison has answered."""
    on_transfer_failed: Callable[[Caller], Awaitable[None]]
    """Nobody of the unit has answered."""
    on_ended: Callable[["Controller", Caller], Awaitable[None]]
    """The call is over and stored: take in its recordings."""


class Controller:
    def __init__(self, deps: ControllerDeps, ami: Callable[..., Ami]) -> None:
        self._deps = deps
        self.journal: Journal = deps.flow.journal
        self.tracker = Tracker()
        self.board = Board(self.tracker)
        self.ami = ami(on_event=self._on_event, on_up=self._on_up, on_down=self._on_down)
        self.seats = Seats(self.ami, self.board, deps.clock, self.changed)
        self.telephones = Telephones(self.ami, self.board, self._telephone_changed)
        self.expected_wait = ExpectedWait()
        self.callers: dict[str, Caller] = {}
        """By linkedid, from the arrival until everything about the call is stored."""
        self.dialogues = Dialogues(self, deps)
        self._reactions = Reactions(self, deps)
        self.on_hand_back: Callable[[LiveCall, Leg], Awaitable[None]] | None = None
        """The liaison pressed the keys that give the caller back; set by the call control."""
        self.supervision: Supervision | None = None
        """Follows the supervisors' telephones; the call control, which sets it."""
        self.in_step = False
        """Whether every call that lives in Asterisk is known here: true from the end of a resync to the loss of the connection."""
        self._connection = 0
        """Counts the connections, so that a resync notices that its own is over."""
        self.asterisk_began = ""
        """When the Asterisk of the last connection was started."""
        self._handlers: dict[str, Callable[[Fields], None]] = {
            "AsyncAGIStart": self.dialogues.begin,
            "AsyncAGIExec": self.dialogues.command_done,
            "AsyncAGIEnd": self.dialogues.ended,
            "DTMFBegin": self._key_down,
            "DTMFEnd": self._key_up,
            "ContactStatus": self.telephones.contact,
            "QueueMemberPause": self.seats.member,
            "QueueMemberRemoved": self.seats.removed,
        }

    def start(self) -> None:
        """Connect and begin the loops; returns at once."""
        self.ami.start()
        heartbeat = Heartbeat(self.ami, self.dialogues.running, lambda: self.in_step)
        self._deps.tasks.loop("controller-beat", heartbeat.run)
        self._deps.tasks.loop("ledger-writer", self.journal.run)

    async def stop(self) -> None:
        await self.journal.flush()
        await self.ami.close()

    def sound(self, prompt: str) -> str:
        """Name of the sound Asterisk plays for a prompt id."""
        return self._deps.sound(prompt)

    # --- for the call control -----------------------------------------------------------------------------------

    def note(self, call: LiveCall, kind: str, *, channel: str = "", **data: Any) -> None:
        """Add a line of the controller's own to the call's ledger."""
        if kind == ledger.NODE:
            call.nodes.append(data["node"])
        self._store([LedgerLine(call.linkedid, self._deps.clock.now(), kind, channel or call.linkedid, data)])

    def changed(self, user_id: int | None = None) -> None:
        """Tell the pages: one seat (and the board), or the board alone."""
        if user_id is not None:
            self._deps.bus.deliver(AgentChanged(user_id))
        self._deps.bus.deliver(BoardChanged())

    def _telephone_changed(self, device: str) -> None:
        seat = self.board.seat_of(device.removeprefix("w"))
        self.changed(seat.user_id if seat else None)

    @property
    def lines(self) -> Mapping[str, Line]:
        """Every line by the number dialled, as it is now."""
        return self._deps.lines

    def change_line(self, call: LiveCall, line: Line) -> None:
        """From here on it is a call of this line and its region."""
        caller, call.line = self.caller_of(call), line.number
        caller.line = line
        self.board.notes[call.linkedid].region_id = line.region_id
        self.journal.set_facts(call.linkedid, line=line.number, region_id=line.region_id)

    def partner_changed(self, call: LiveCall, partner: str) -> None:
        """The caller now talks to somebody (uniqueid of their channel), or to nobody any more (empty): supervision follows."""
        if self.supervision:
            self.supervision.talk_changed(call, partner)

    def happened(self, lines: list[LedgerLine], call: LiveCall) -> None:
        """Store lines of a call's story, and do what follows from them."""
        self._store(lines)
        self._reactions.to(lines, call)

    # --- events ---------------------------------------------------------------------------------------------------

    def _on_event(self, event: Fields) -> None:
        if handler := self._handlers.get(event.get("Event", "")):
            handler(event)
            return
        if self._is_wrong_number(event):
            log.info("wrong_number_refused")
            return
        at = self._instant(event)
        call_before = self.tracker.call_of(event.get("Uniqueid", "") or event.get("DestUniqueid", ""))
        lines = self.tracker.handle(event, at)
        if self.supervision and event.get("Event") in SUPERVISORS_EVENTS:
            self.supervision.happened(event)
        if lines:
            self._store(lines)
            self._reactions.to(lines, call_before)

    def _is_wrong_number(self, event: Fields) -> bool:
        """The number dialled is no line of ours: the dialplan refuses it, and there is no call to track."""
        is_new = event.get("Event") == "Newchannel" and event.get("Uniqueid") == event.get("Linkedid")
        from_trunk = is_new and event.get("Context") in ENTRY_CONTEXTS
        return from_trunk and event.get("Exten") not in self._deps.lines

    def _instant(self, event: Fields) -> datetime:
        """When it happened: Asterisk's timestamp, shifted by as much as a test clock differs from real time; now without one."""
        try:
            happened = datetime.fromtimestamp(float(event.get("Timestamp", "")), UTC)
        except (ValueError, OverflowError):
            return self._deps.clock.now()
        return self._deps.clock.now() - (datetime.now(UTC) - happened)

    def _store(self, lines: list[LedgerLine]) -> None:
        self.journal.add(*lines)

    def _key_down(self, event: Fields) -> None:
        if event.get("Direction") == "Received":
            self.dialogues.key_down(event.get("Uniqueid", ""), event.get("Digit", ""))

    def _key_up(self, event: Fields) -> None:
        """A key of the menus, or of somebody who talks to the caller."""
        uniqueid, key = event.get("Uniqueid", ""), event.get("Digit", "")
        if event.get("Direction") != "Received" or self.dialogues.key_up(uniqueid, key):
            return
        if call := self.tracker.call_of(uniqueid):
            self._reactions.to_key(call, uniqueid, key)

    # --- calls ----------------------------------------------------------------------------------------------------

    def caller_of(self, call: LiveCall) -> Caller:
        """The context of the call's caller, made when the call is first heard of."""
        caller = self.callers.get(call.linkedid)
        if caller is None:
            line = self._deps.lines.get(call.line) or next(iter(self._deps.lines.values()))
            caller = self.callers[call.linkedid] = Caller(call.linkedid, call, line)
            self.board.notes.setdefault(call.linkedid, CallNotes()).region_id = line.region_id
        return caller

    async def finish(self, call: LiveCall) -> None:
        """The call has ended: once its message and ticket are stored, close its record and forget it."""
        caller = self.caller_of(call)
        await self._message_handed_in(caller)
        self.journal.set_facts(
            call.linkedid, **call_facts(call, caller, self._deps.clock.now(), self.seats.user_ids())
        )
        if not call.is_practice:
            self.expected_wait.talked(call.talk_ms)
        await self.journal.stored()
        if caller.opening:  # it waited for the database as well
            await asyncio.wait({caller.opening}, timeout=LAST_WORDS_LIMIT_S)
        await self._deps.on_ended(self, caller)
        self.callers.pop(call.linkedid, None)
        if not any(seat.wrap_up_call == call.linkedid for seat in self.board.seats.values()):
            self.board.notes.pop(call.linkedid, None)
        self._deps.bus.deliver(CallEnded(call.linkedid, call.direction))

    async def _message_handed_in(self, caller: Caller) -> None:
        await self.dialogues.call_over(caller.linkedid)
        if caller.handing_in:
            await asyncio.wait({caller.handing_in})
        if caller.has_recorded and not caller.message:
            self._drop_note(caller.linkedid)

    def _drop_note(self, linkedid: str) -> None:
        """The caller's messages are tickets now, or were none: `ivr.outages.leftovers` is to find nothing."""
        if self.ami.up:
            self.ami.post("DBDel", Family=left_messages.FAMILY, Key=linkedid)

    # --- connection -------------------------------------------------------------------------------------------------

    def _on_up(self) -> None:
        self._connection += 1
        self.job(self._resync(self._connection), "resync")

    async def _resync(self, connection: int) -> None:
        """Try until it succeeds, or this connection is no longer the current one."""
        while self.ami.up and connection == self._connection:
            try:
                await Resync(self, self._deps).run()
            except (ActionRefused, ActionTimeout):
                log.info("resync_again")
                await asyncio.sleep(RESYNC_PAUSE_S)
            except TelephonyDown:
                log.info("resync_cut")
            else:
                return

    def _on_down(self) -> None:
        self.in_step = False
        self.dialogues.connection_lost()

    def job(self, work: Awaitable[Any], name: str) -> asyncio.Task[Any]:
        return self._deps.tasks.job(work, name)  # type: ignore[arg-type]
