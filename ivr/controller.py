"""The controller (呼叫控制): one process, one AMI connection, every call's events in order.

It feeds the tracker, writes the ledger, drives the callers who wait in AsyncAGI and keeps the board. It owns no rule
of a menu or a ticket. What must survive its death is in the dialplan.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from core.bus import Bus
from core.clock import Clock
from core.lines import Line as HotlineLine
from core.tasks import Tasks
from ivr.asterisk.ami import ActionRefused, ActionTimeout, Ami, Fields, TelephonyDown
from ivr.asterisk.heartbeat import Heartbeat
from ivr.board import Board, CallNotes
from ivr.events import AgentChanged, BoardChanged, CallEnded
from ivr.flow.context import Caller, FlowDeps
from ivr.flow.session import RECORDED, Session
from ivr.ledger.journal import Journal
from ivr.menus.dialogue import CallerGone, Dialogue
from ivr.menus.menu import Menus
from ivr.outages import left_messages
from ivr.outages.recall import Recalled
from ivr.outages.resync import Resync
from ivr.queue.expected_wait import ExpectedWait
from ivr.queue.seats import Seats
from ivr.reactions import Reactions
from ivr.tracking import transfer_story
from ivr.tracking.outcome import call_facts
from ivr.tracking.tracker import ENTRY_CONTEXTS, Leg, Line, LiveCall, Tracker
from recordings import ledger

if TYPE_CHECKING:
    from ivr.talks.supervision import Supervision

log = structlog.get_logger()
LAST_WORDS_LIMIT_S = 30.0
"""How long the record of a call that has ended waits for its unfinished message to be handed in."""
SUPERVISORS_EVENTS = frozenset({"UserEvent", "Hangup", "OriginateResponse"})
CLEARING_LIMIT_S = 1.0
CLEARING_LOOK_S = 0.01
RESYNC_PAUSE_S = 0.3
OPENING_LIMIT_S = 3.0
"""How long a caller after a very short talk waits for the ticket whose code is to be spoken."""


@dataclass
class ControllerDeps:
    clock: Clock
    bus: Bus
    tasks: Tasks
    flow: FlowDeps
    menus: Menus
    sound: Callable[..., str]
    """Name of the sound Asterisk plays for a prompt id, and to a caller of a line (its number)."""
    lines: Mapping[str, HotlineLine]
    """Every line by the number dialled, as it is now."""
    recall: Callable[[Collection[str]], Awaitable[Mapping[str, Recalled]]]
    """What has happened to calls (linkedids) that were lost sight of."""
    on_answered: Callable[["Controller", LiveCall, str], Awaitable[None]]
    """An operator (extension) talks to the caller for the first time: open the ticket."""
    on_liaison: Callable[["Controller", LiveCall], Awaitable[None]]
    """A liaison answered."""
    on_transfer_failed: Callable[[Caller], Awaitable[None]]
    """Nobody of the unit answered."""
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
        self.expected_wait = ExpectedWait()
        self.callers: dict[str, Caller] = {}
        self._dialogues: dict[str, Dialogue] = {}
        self._reactions = Reactions(self, deps)
        self.on_hand_back: Callable[[LiveCall, Leg], Awaitable[None]] | None = None
        """The liaison pressed the keys that give the caller back; set by the call control."""
        self.supervision: Supervision | None = None
        """Follows the supervisors' telephones; the call control, which sets it."""
        self._talks: dict[str, asyncio.Task[Any]] = {}
        """The job of each call's last dialogue."""
        self.in_step = False
        """Whether every call that lives in Asterisk is known here."""
        self._connection = 0
        self.asterisk_began = ""
        """When the Asterisk of the last connection was started."""
        self._handlers: dict[str, Callable[[Fields], None]] = {
            "AsyncAGIStart": self.begin_dialogue,
            "AsyncAGIExec": self._agi_exec,
            "AsyncAGIEnd": self._agi_end,
            "DTMFBegin": self._key_down,
            "DTMFEnd": self._key_up,
            "ContactStatus": self.seats.contact,
            "QueueMemberPause": self.seats.member,
            "QueueMemberRemoved": self.seats.removed,
        }

    def start(self) -> None:
        """Connect and begin the loops; returns at once."""
        self.ami.start()
        self._deps.tasks.loop("controller-beat", Heartbeat(self.ami, self._dialogues).run)
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
        self._store([Line(call.linkedid, self._deps.clock.now(), kind, channel or call.linkedid, data)])

    def changed(self, user_id: int | None = None) -> None:
        """Tell the pages: one seat (and the board), or the board alone."""
        if user_id is not None:
            self._deps.bus.deliver(AgentChanged(user_id))
        self._deps.bus.deliver(BoardChanged())

    @property
    def lines(self) -> Mapping[str, HotlineLine]:
        """Every line by the number dialled, as it is now."""
        return self._deps.lines

    def change_line(self, call: LiveCall, line: HotlineLine) -> None:
        """From here on it is a call of this line and its region."""
        caller, call.line = self.caller_of(call), line.number
        caller.line = line
        self.board.notes[call.linkedid].region_id = line.region_id
        self.journal.set_facts(call.linkedid, line=line.number, region_id=line.region_id)

    def tell_talk(self, call: LiveCall, partner: str) -> None:
        """The caller talks to somebody (their channel), or to nobody any more (empty)."""
        if self.supervision:
            self.supervision.talk_changed(call, partner)

    def happened(self, lines: list[Line], call: LiveCall) -> None:
        """Store lines of a call's story, and do what follows from them."""
        self._store(lines)
        self._reactions.to(lines, call)

    def dialogue_of(self, linkedid: str) -> Dialogue | None:
        return self._dialogues.get(linkedid)

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
        """A number that is no line of ours: the dialplan refuses it, and it is no call of the hotline."""
        is_new = event.get("Event") == "Newchannel" and event.get("Uniqueid") == event.get("Linkedid")
        from_trunk = is_new and event.get("Context") in ENTRY_CONTEXTS
        return from_trunk and event.get("Exten") not in self._deps.lines

    def _instant(self, event: Fields) -> datetime:
        """When it happened by Asterisk's clock, moved as the hotline's clock is (test clock); now where that is not told."""
        try:
            happened = datetime.fromtimestamp(float(event.get("Timestamp", "")), UTC)
        except (ValueError, OverflowError):
            return self._deps.clock.now()
        return self._deps.clock.now() - (datetime.now(UTC) - happened)

    def _store(self, lines: list[Line]) -> None:
        self.journal.add(*lines)

    # --- dialogues --------------------------------------------------------------------------------------------------

    def begin_dialogue(self, event: Fields) -> None:
        """The dialplan has handed a caller over (`AsyncAGIStart`)."""
        if not all(event.get(name) for name in ("Channel", "Uniqueid", "Linkedid")):
            return
        dialogue = Dialogue(self.ami, event)
        call = self.tracker.calls.get(dialogue.linkedid)
        if call is None:
            log.warning("dialogue_of_unknown_call", linkedid=dialogue.linkedid)
            return
        if (before := self._dialogues.get(dialogue.uniqueid)) and before.is_away:
            if dialogue.stage == RECORDED:
                before.come_back()
                return
            before.leave()
        self._dialogues[dialogue.uniqueid] = dialogue
        self.tell_talk(call, "")
        call.phase = "menu" if not call.answered_at else "after_talk"
        talk = self.job(self._talk(dialogue, call, dialogue.stage), f"dialogue-{dialogue.uniqueid}")
        self._talks[dialogue.linkedid] = talk
        self._deps.bus.deliver(BoardChanged())

    async def _talk(self, dialogue: Dialogue, call: LiveCall, stage: str) -> None:
        caller = self.caller_of(call)
        note = partial(self.note, call)
        if call.transfer or stage == "after":
            await _legs_cleared(call)
        if stage == "after" and call.is_lost:
            return  # not hung up upon: somebody else is being fetched (`ivr.reactions`)
        if call.transfer:
            self._store(transfer_story.failed(call, self._deps.clock.now()))
            call.transfer = None
        if stage == "after" and caller.opening:
            await asyncio.wait({caller.opening}, timeout=OPENING_LIMIT_S)
        sound = partial(self._deps.sound, line=caller.line.number)
        session = Session(self._deps.flow, self._deps.menus, caller, dialogue, sound, note)
        try:
            await session.run(stage)
        except (CallerGone, TelephonyDown):
            log.info("dialogue_cut", linkedid=call.linkedid)
        except Exception:
            log.exception("dialogue_failed", linkedid=call.linkedid, node=call.node)
            await self._to_operator(dialogue)

    async def _to_operator(self, dialogue: Dialogue) -> None:
        """Our mistake is not the caller's: a person takes over."""
        try:
            await dialogue.leave_to("operators")
        except (CallerGone, TelephonyDown):
            log.info("dialogue_cut", linkedid=dialogue.linkedid)

    def _agi_exec(self, event: Fields) -> None:
        command_id = event.get("CommandId", "") or event.get("CommandID", "")
        if dialogue := self._dialogues.get(command_id.partition("/")[0]):
            dialogue.answer(command_id, event.get("Result", ""))

    def _agi_end(self, event: Fields) -> None:
        dialogue = self._dialogues.get(event.get("Uniqueid", ""))
        if dialogue and not dialogue.is_away:
            del self._dialogues[dialogue.uniqueid]
            dialogue.leave()

    def _key_down(self, event: Fields) -> None:
        if dialogue := self._pressed(event):
            dialogue.key_down(event.get("Digit", ""))

    def _key_up(self, event: Fields) -> None:
        if dialogue := self._pressed(event):
            dialogue.key_up(event.get("Digit", ""))
        elif event.get("Direction") == "Received":
            self._key_in_talk(event.get("Uniqueid", ""), event.get("Digit", ""))

    def _key_in_talk(self, uniqueid: str, key: str) -> None:
        if call := self.tracker.call_of(uniqueid):
            self._reactions.to_key(call, uniqueid, key)

    def _pressed(self, event: Fields) -> Dialogue | None:
        """The dialogue whose caller has pressed a key."""
        return (
            self._dialogues.get(event.get("Uniqueid", "")) if event.get("Direction") == "Received" else None
        )

    def caller_of(self, call: LiveCall) -> Caller:
        caller = self.callers.get(call.linkedid)
        if caller is None:
            line = self._deps.lines.get(call.line) or next(iter(self._deps.lines.values()))
            caller = self.callers[call.linkedid] = Caller(call.linkedid, call, line)
            self.board.notes.setdefault(call.linkedid, CallNotes()).region_id = line.region_id
        return caller

    async def finish(self, call: LiveCall) -> None:
        """Close the call record once its last words are stored."""
        caller = self.caller_of(call)
        if dialogue := self._dialogues.pop(call.linkedid, None):
            dialogue.leave()
        talk = self._talks.pop(call.linkedid, None)
        if talk and not talk.done():  # it hands in the message over which the caller hung up
            await asyncio.wait({talk}, timeout=LAST_WORDS_LIMIT_S)
        if caller.handing_in:
            await asyncio.wait({caller.handing_in})
        if caller.has_recorded and not caller.message:
            self._drop_note(call.linkedid)
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

    def _drop_note(self, linkedid: str) -> None:
        """What became of the caller's messages is decided: nothing is left for `ivr.outages.leftovers`."""
        if self.ami.up:
            self.ami.post("DBDel", Family=left_messages.FAMILY, Key=linkedid)

    # --- connection -------------------------------------------------------------------------------------------------

    def _on_up(self) -> None:
        self._connection += 1
        self.job(self._resync(self._connection), "resync")

    async def _resync(self, connection: int) -> None:
        """Again and again until it is done, or the connection is another."""
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
        for dialogue in self._dialogues.values():
            dialogue.cut()
        self._dialogues.clear()

    def job(self, work: Awaitable[Any], name: str) -> asyncio.Task[Any]:
        return self._deps.tasks.job(work, name)  # type: ignore[arg-type]


async def _legs_cleared(call: LiveCall) -> None:
    """Wait until the telephones that did not answer, or have left the talk, have told why: Asterisk reports a hang-up, with
    its cause, once the channel is cleared away, and by then the caller may be two steps further.
    """
    for _ in range(int(CLEARING_LIMIT_S / CLEARING_LOOK_S)):
        if not any(leg.failed or (leg.answered_at and not leg.bridge) for leg in call.legs.values()):
            return
        await asyncio.sleep(CLEARING_LOOK_S)
    log.warning("leg_not_cleared", linkedid=call.linkedid)
