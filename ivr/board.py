"""The board (现场状态): every seat and every running call, as the desk and the wallboard show them.

Pure state in memory. Seats come from sign-in and from Asterisk's queue, calls from the tracker; after a restart both
are asked for again. Nothing here decides anything.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ivr.tracking.live_call import LiveCall
from ivr.tracking.tracker import Tracker


@dataclass(frozen=True, slots=True)
class ConsultView:
    unit_id: int
    unit_name: str
    liaison_name: str
    phase: str
    """ringing, talking, failed"""
    why: str = ""


@dataclass(frozen=True, slots=True)
class LiveCallView:
    linkedid: str
    direction: str
    line: str
    region_id: int | None
    caller_number: str
    started_at: datetime
    queued_at: datetime | None
    answered_at: datetime | None
    menu_path: tuple[str, ...]
    ticket_no: str
    query_code: str
    phase: str
    consult: ConsultView | None
    operator: str
    """Extension of the operator in charge."""
    liaison: str
    unit_id: int | None = None
    """The unit the caller was last put through to, or asked about."""
    language: str = ""
    extensions: tuple[str, ...] = ()
    """Whose telephones are in it, ringing ones too."""
    is_practice: bool = False


@dataclass(frozen=True, slots=True)
class AgentView:
    user_id: int
    staff_number: str
    display_name: str
    extension: str
    state: str
    """offline, ready, paused, ringing, talking, consulting, wrapup"""
    reason: str
    since_at: datetime
    registered: bool
    call: LiveCallView | None
    region_id: int | None = None


@dataclass(frozen=True, slots=True)
class WaitingView:
    linkedid: str
    line: str
    region_id: int | None
    queued_at: datetime
    queue: str = ""


class Shown(Protocol):
    """What pages ask of a board: the controller's own, or its mirror in another process."""

    @property
    def registered(self) -> AbstractSet[str]: ...
    @property
    def owed(self) -> tuple[int, int]: ...
    @property
    def is_current(self) -> bool: ...
    def agent(self, user_id: int) -> AgentView | None: ...
    def agents(self) -> list[AgentView]: ...
    def calls(self) -> list[LiveCallView]: ...
    def call_with(self, extension: str) -> LiveCallView | None: ...
    def waiting(self) -> list[WaitingView]: ...


@dataclass(slots=True)
class Seat:
    """One operator at work."""

    user_id: int
    staff_number: str
    display_name: str
    extension: str
    device: str
    """`PJSIP/w1001` for the browser telephone, `PJSIP/1001` for one on the desk."""
    paused: bool
    reason: str
    since_at: datetime
    region_id: int | None = None
    languages: tuple[str, ...] = ()
    queues: dict[str, int] = field(default_factory=dict)
    """The queues it is in, with its penalty there."""
    wrap_up_call: str = ""
    """linkedid of the call whose ticket is being finished."""
    last_call: LiveCall | None = None
    lost_at: list[datetime] = field(default_factory=list)
    """When its telephone could not be reached, of late."""

    def may_have(self, waiting: Iterable[WaitingView]) -> list[WaitingView]:
        """Those of these callers whom this seat may be rung for; one without a queue is on the way into one."""
        return [view for view in waiting if not view.queue or view.queue in self.queues]


@dataclass(slots=True)
class CallNotes:
    """What the controller knows of a call beyond the telephone."""

    region_id: int | None = None
    ticket_no: str = ""
    query_code: str = ""
    unit_id: int | None = None
    owed_call_id: int | None = None
    """The call-back this call out is a try of."""


@dataclass
class Board:
    tracker: Tracker
    seats: dict[int, Seat] = field(default_factory=dict)
    registered: set[str] = field(default_factory=set)
    """Telephones that can be reached: `1001`, `w1001`."""
    notes: dict[str, CallNotes] = field(default_factory=dict)
    owed: tuple[int, int] = (0, 0)
    """Call-backs that are open, and those of them overdue."""
    is_current: bool = True
    """Here it always is; a mirror may be without word from its controller."""

    def agent(self, user_id: int) -> AgentView | None:
        seat = self.seats.get(user_id)
        return self._view(seat) if seat else None

    def agents(self) -> list[AgentView]:
        return [self._view(seat) for seat in sorted(self.seats.values(), key=lambda seat: seat.extension)]

    def calls(self) -> list[LiveCallView]:
        return [self._call_view(call) for call in self.tracker.calls.values()]

    def call_with(self, extension: str) -> LiveCallView | None:
        """The running call in which this extension rings or talks."""
        call = self.tracker.call_by_extension(extension)
        return self._call_view(call) if call else None

    def waiting(self) -> list[WaitingView]:
        """Callers in the queue, longest wait first."""
        found = [
            WaitingView(call.linkedid, call.line, self._notes(call).region_id, call.queued_at, call.queue)
            for call in self.tracker.calls.values()
            if call.queued_at and not call.left_queue and call.phase in ("queue", "ringing")
        ]
        return sorted(found, key=lambda view: view.queued_at)

    def free_device(self, user_id: int, language: str = "") -> str:
        """Telephone of an operator who is ready, and speaks the language, while nobody waits for it; empty otherwise."""
        agent, seat = self.agent(user_id), self.seats.get(user_id)
        if agent is None or seat is None or agent.state != "ready" or not agent.registered:
            return ""
        if seat.may_have(self.waiting()):
            return ""
        return seat.device if not language or language in seat.languages else ""

    def reaches(self, seat: Seat) -> bool:
        """Whether the telephone of the seat can be reached."""
        return seat.device.removeprefix("PJSIP/") in self.registered

    def seat_of(self, extension: str) -> Seat | None:
        return next((seat for seat in self.seats.values() if seat.extension == extension), None)

    def call_of(self, user_id: int) -> LiveCall | None:
        """The running call this operator has a leg in."""
        seat = self.seats.get(user_id)
        return self.tracker.call_by_extension(seat.extension) if seat else None

    def _view(self, seat: Seat) -> AgentView:
        call = self.tracker.call_by_extension(seat.extension)
        shown = call or (seat.last_call if seat.wrap_up_call else None)
        state = self._state(seat, call)
        return AgentView(
            seat.user_id, seat.staff_number, seat.display_name, seat.extension, state,
            seat.reason if state == "paused" else "", self._since(seat, call),
            self.reaches(seat),
            self._call_view(shown) if shown else None, seat.region_id,
        )  # fmt: skip

    def _since(self, seat: Seat, call: LiveCall | None) -> datetime:
        """Since when the seat is as it is: rings, talks, or was last paused or made ready."""
        leg = call.leg_of(seat.extension) if call else None
        return (leg.answered_at or leg.offered_at) if leg else seat.since_at

    def _state(self, seat: Seat, call: LiveCall | None) -> str:
        if call:
            leg = call.leg_of(seat.extension)
            if leg and not leg.answered_at:
                return "ringing"
            consulting = (
                call.transfer and call.transfer.mode == "attended" and call.transfer.by == seat.extension
            )
            return "consulting" if consulting else "talking"
        if seat.wrap_up_call:
            return "wrapup"
        return "paused" if seat.paused else "ready"

    def _call_view(self, call: LiveCall) -> LiveCallView:
        notes = self._notes(call)
        transfer = call.transfer
        consult = (
            ConsultView(
                transfer.unit_id, transfer.unit_name, transfer.liaison_name, transfer.phase, transfer.why
            )
            if transfer
            else None
        )
        phase = "held" if call.held and call.phase in ("talking", "liaison") else call.phase
        return LiveCallView(
            call.linkedid, call.direction, call.line, notes.region_id, call.caller, call.started_at, call.queued_at,
            call.answered_at, tuple(call.nodes), notes.ticket_no, notes.query_code, phase, consult,
            call.operator, call.liaison, notes.unit_id, call.language, tuple(sorted({leg.extension for leg in call.legs.values()})),
            call.is_practice,
        )  # fmt: skip

    def _notes(self, call: LiveCall) -> CallNotes:
        return self.notes.setdefault(call.linkedid, CallNotes())
