"""How busy the lines are, as told to pages without telephony."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from ivr.queue.queue_news import busy_lines
from recordings.queue_state import Busy


@dataclass
class Board:
    states: list[str]
    lines: list[str] = field(default_factory=list)
    queues: list[set[str]] = field(default_factory=list)

    @property
    def seats(self) -> dict[int, SimpleNamespace]:
        return {place: SimpleNamespace(queues=queues) for place, queues in enumerate(self.queues)}

    def agents(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(user_id=place, state=state) for place, state in enumerate(self.states)]

    def waiting(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(line=line) for line in self.lines]


def test_each_line_has_its_waiting_callers_and_the_seats_of_its_queue():
    """Paused operators are no seats, and none serves a line whose queue does not ring it; a line without callers is told as well."""
    both, north = {"operators", "operators-n"}, {"operators", "operators-s"}
    board = Board(["ready", "talking", "wrapup", "paused"], ["96128", "96128"], [both, both, north, both])
    queues = {"96128": "operators-n", "08796128": "operators-s", "1": "operators"}
    assert busy_lines(board, queues) == {"96128": Busy(2, 2), "08796128": Busy(0, 1), "1": Busy(0, 3)}


def test_the_words_of_the_display():
    """Nobody there, nobody waiting, somebody waiting."""
    assert [Busy(0, 0).text, Busy(0, 1).text, Busy(3, 1).text] == [
        "目前没有话务员在岗", "目前无人排队，来电即接", "目前有 3 人排队",
    ]  # fmt: skip
