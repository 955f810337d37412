"""Call control without a telephone: the same methods as `ivr.control.CallControl`, acting on a board of its own.

Tests set the scene (`rings`, `answered`, `hangs_up`) and read what the page asked for (`wishes`).
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from core.bus import Bus
from ivr.board import AgentView, ConsultView, LiveCallView, WaitingView
from ivr.events import AgentChanged, BoardChanged
from ivr.practice import SampleUnknown
from ivr.practice_samples import samples
from ivr.talks.watch import Mode, Supervisor, Watch


@dataclass
class FakeBoard:
    seats: dict[int, AgentView] = field(default_factory=dict)
    queue: list[WaitingView] = field(default_factory=list)
    live: list[LiveCallView] = field(default_factory=list)
    registered: set[str] = field(default_factory=set)
    owed: tuple[int, int] = (0, 0)
    is_current: bool = True

    def agent(self, user_id: int) -> AgentView | None:
        return self.seats.get(user_id)

    def agents(self) -> list[AgentView]:
        return list(self.seats.values())

    def waiting(self) -> list[WaitingView]:
        return self.queue

    def calls(self) -> list[LiveCallView]:
        return self.live

    def call_with(self, extension: str) -> LiveCallView | None:
        return next((call for call in self.live if extension in (call.operator, call.liaison)), None)


def live_call(linkedid: str = "n1-1.1", **fields: Any) -> LiveCallView:
    """A ringing call with plausible values."""
    values: dict[str, Any] = {
        "linkedid": linkedid, "direction": "in", "line": "96128", "region_id": None, "caller_number": "13800005678",
        "started_at": datetime.now(UTC), "queued_at": None, "answered_at": None,
        "menu_path": ("WELCOME", "MAIN", "Q", "QS", "OP"), "ticket_no": "", "query_code": "", "phase": "ringing",
        "consult": None, "operator": "1001", "liaison": "",
    }  # fmt: skip
    return LiveCallView(**(values | fields))


class FakeControl:
    def __init__(self, board: FakeBoard, bus: Bus, people: dict[int, tuple[str, str, str]]) -> None:
        """`people`: user → staff number, name, extension."""
        self.board = board
        self.wishes: list[tuple[Any, ...]] = []
        self.watches: dict[int, Watch] = {}
        self._bus = bus
        self._people = people

    # --- what happens on the telephone ---------------------------------------------------------------------------

    def rings(self, user_id: int, call: LiveCallView) -> None:
        self.set(user_id, state="ringing", call=call)

    def change_call(self, user_id: int, state: str = "talking", **fields: Any) -> None:
        call = self.board.seats[user_id].call
        assert call is not None
        self.set(user_id, state=state, call=replace(call, **fields))

    def set(self, user_id: int, **fields: Any) -> None:
        self.board.seats[user_id] = replace(self.board.seats[user_id], since_at=datetime.now(UTC), **fields)
        self._bus.deliver(AgentChanged(user_id))

    def board_changed(self) -> None:
        self._bus.deliver(BoardChanged())

    # --- what the page asks for ----------------------------------------------------------------------------------

    async def login(self, user_id: int, *, desk_phone: bool = False) -> None:
        self.wishes.append(("login", desk_phone))
        staff_number, name, extension = self._people[user_id]
        self.board.seats[user_id] = AgentView(
            user_id,
            staff_number,
            name,
            extension,
            "paused",
            "签入",
            datetime.now(UTC),
            registered=True,
            call=None,
        )
        self._bus.deliver(AgentChanged(user_id))

    async def logout(self, user_id: int) -> None:
        self.wishes.append(("logout",))
        self.board.seats.pop(user_id, None)
        self._bus.deliver(AgentChanged(user_id))

    async def ready(self, user_id: int) -> None:
        self.wishes.append(("ready",))
        self.set(user_id, state="ready", reason="", call=None)

    async def pause(self, user_id: int, reason: str) -> None:
        self.wishes.append(("pause", reason))
        self.set(user_id, state="paused", reason=reason, call=None)

    async def finish_wrap_up(self, user_id: int) -> None:
        self.wishes.append(("finish_wrap_up",))
        self.set(user_id, state="ready", reason="", call=None)

    async def practise(self, user_id: int, key: str) -> str:
        self.wishes.append(("practise", key))
        call = live_call("n1-try-1", caller_number="", menu_path=(), is_practice=True)
        self.set(user_id, state="ringing", reason="", call=call)
        return call.linkedid

    async def practise_by_telephone(self, user_id: int, key: str) -> str:
        if key not in samples():
            raise SampleUnknown
        self.wishes.append(("practise_by_telephone", user_id, key))
        return "n1-try-3"

    async def play_caller(self, by: Supervisor, user_id: int) -> str:
        self.wishes.append(("play_caller", by.user_id, user_id))
        return "n1-try-2"

    async def hang_up(self, user_id: int) -> None:
        self.wishes.append(("hang_up",))
        self.change_call(user_id, state="wrapup", phase="after_talk")

    async def blind_transfer(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        self.wishes.append(("blind", unit_id, liaison_id))
        self.change_call(user_id, state="wrapup", phase="transferring")

    async def consult(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        self.wishes.append(("consult", unit_id, liaison_id))
        consult = ConsultView(unit_id, "人力资源和社会保障局", "李联络", "ringing")
        self.change_call(user_id, state="consulting", phase="consulting", consult=consult)

    async def complete_transfer(self, user_id: int) -> None:
        self.wishes.append(("complete",))
        self.change_call(user_id, state="wrapup", phase="liaison", consult=None)

    async def three_way(self, user_id: int) -> None:
        self.wishes.append(("three_way",))
        self.change_call(user_id, state="talking", phase="three_way", consult=None)

    async def hand_back(self, user_id: int) -> None:
        self.wishes.append(("hand_back", user_id))

    async def pass_on(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        self.wishes.append(("pass_on", user_id, unit_id, liaison_id))

    async def cancel_consult(self, user_id: int) -> None:
        self.wishes.append(("cancel",))
        self.change_call(user_id, state="talking", phase="talking", consult=None)

    async def call_out(self, user_id: int, number: str, ticket_no: str | None) -> None:
        self.wishes.append(("call_out", number, ticket_no))

    async def call_back(self, user_id: int, number: str, ticket_no: str) -> str:
        self.wishes.append(("call_back", number, ticket_no))
        return f"fake-out-{len(self.wishes)}"

    async def return_call(self, user_id: int, owed_call_id: int) -> None:
        self.wishes.append(("return_call", owed_call_id))

    async def page_loaded(self, user_id: int, *, in_call: bool) -> None:
        self.wishes.append(("page_loaded", in_call))

    async def page_left(self, user_id: int) -> None:
        self.wishes.append(("page_left",))

    def names(self) -> dict[str, str]:
        return {extension: name for _, name, extension in self._people.values()}

    def line_names(self) -> dict[str, str]:
        return {"96128": "96128", "087296128": "大理专线"}

    async def supervise(self, by: Supervisor, linkedid: str, mode: Mode) -> None:
        self.wishes.append(("supervise", linkedid, str(mode)))
        self.watches[by.user_id] = Watch(
            by, "PJSIP/w6001", "6001", linkedid, "s-1", mode, since_at=datetime.now(UTC)
        )
        self.board_changed()

    async def stop_supervising(self, user_id: int) -> None:
        self.wishes.append(("stop_supervising",))
        self.watches.pop(user_id, None)
        self.board_changed()

    async def pause_seat(self, by: Supervisor, user_id: int, reason: str) -> None:
        self.wishes.append(("pause_seat", user_id, reason))
        self.set(user_id, state="paused", reason=f"主管安排{reason}")

    async def move_to_front(self, by: Supervisor, linkedid: str) -> None:
        self.wishes.append(("front", linkedid))

    async def move_to_operator(self, by: Supervisor, linkedid: str, user_id: int) -> None:
        self.wishes.append(("operator", linkedid, user_id))

    async def move_to_line(self, by: Supervisor, linkedid: str, number: str) -> None:
        self.wishes.append(("line", linkedid, number))

    async def play_code(self, user_id: int) -> None:
        self.wishes.append(("play_code",))
