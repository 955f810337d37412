"""How busy the lines are, as told to pages without telephony."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from ivr.queue_news import busy_lines
from recordings.queue_state import Busy


@dataclass
class Board:
    states: list[str]
    lines: list[str] = field(default_factory=list)

    def agents(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(state=state) for state in self.states]

    def waiting(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(line=line) for line in self.lines]


def test_each_line_has_its_waiting_callers_and_all_seats():
    """Paused and absent operators are no seats; a line without callers is told as well."""
    board = Board(["ready", "talking", "paused", "offline"], ["96128", "96128"])
    assert busy_lines(board, ["96128", "08796128"]) == {"96128": Busy(2, 2), "08796128": Busy(0, 2)}


def test_the_words_of_the_display():
    """Nobody there, nobody waiting, somebody waiting."""
    assert [Busy(0, 0).text, Busy(0, 1).text, Busy(3, 1).text] == [
        "目前没有话务员在岗", "目前无人排队，来电即接", "目前有 3 人排队",
    ]  # fmt: skip
