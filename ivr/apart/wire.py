"""What controller and desk say to one another (进程间约定): the shapes, their JSON, and the topics they are said under.

Orders go to one node, named by `asterisk.system_name`; boards are told to all desks, each with its node's name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cattrs.preconf.json import make_converter

from core.channel import LONGEST
from core.errors import HotlineError
from ivr.board import AgentView, LiveCallView, WaitingView
from ivr.talks.watch import Watch

converter = make_converter()
BOARDS = "boards"
"""The topic of every node's board."""
TELL_ALL = "tell_all"
"""The order that asks for the whole board anew."""
ORDERS = frozenset(
    {
        "login", "logout", "ready", "pause", "finish_wrap_up", "hang_up", "call_out", "call_back", "return_call",
        "play_code", "page_left", "page_loaded", "blind_transfer", "consult", "complete_transfer", "three_way",
        "cancel_consult", "hand_back", "pass_on", "supervise", "stop_supervising", "pause_seat", "move_to_front",
        "move_to_operator", "move_to_line", "practise", "practise_by_telephone", "play_caller",
    }
)  # fmt: skip
"""Methods of `ivr.control.CallControl` that pages may ask for."""
SHAPES: Mapping[str, Any] = {
    "seats": AgentView, "calls": LiveCallView, "waiting": WaitingView, "watches": Watch,
    "names": str, "lines": str, "devices": bool, "owed": tuple[int, int], "parts": tuple[bool, str],
}  # fmt: skip
"""What the board consists of: in each section entries by key, and their shape."""
Entry = tuple[str, str, Any]
"""Section, key and the entry's JSON; None: it is no more."""
_ENVELOPE = 300


@dataclass(frozen=True, slots=True)
class BoardNews:
    """A piece of news of a node's board; each has the number after the one before."""

    node: str
    controller: str
    """Another one after each start of the controller."""
    number: int
    entries: list[Any] = field(default_factory=list)
    begins: bool = False
    """The whole board follows, up to the piece that `ends` it."""
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A wish of a page, answered under the topic `reply_to`."""

    order_id: str
    reply_to: str
    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A HotlineError, as far as a page can tell it."""

    code: str
    status: int
    text: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    order_id: str
    result: str | None = None
    refusal: Refusal | None = None


def order_topic(system_name: str) -> str:
    return f"orders_{system_name}"


def refusal_of(error: HotlineError) -> Refusal:
    fields = {name: str(value) for name, value in error.fields.items()}
    return Refusal(error.code, error.status, error.message, fields)


def pieces(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries in lists, each short enough for one message; at least one list."""
    piece: list[Entry] = []
    size = 0
    for entry in entries:
        length = len(converter.dumps(entry, ensure_ascii=False).encode()) + 2
        if piece and size + length > LONGEST - _ENVELOPE:
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += length
    yield piece
