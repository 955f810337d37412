"""How long a caller who asks for an operator will wait (预计等候): from recent talks and the seats at work. Pure."""

import math
from collections import deque
from dataclasses import dataclass

from ivr.board import AgentView, Board
from ivr.queue.queue_news import AT_WORK

USUAL_MS = 180_000
"""Assumed length of a talk with its wrap-up, until there have been some."""
WRAP_UP_MS = 30_000
"""Added to each talk."""
KEPT = 50
"""How many of the last talks the mean is taken of."""
LONGEST_MIN = 60
"""More is never announced."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a caller will stand in the queue, and for about how many minutes."""

    position: int
    minutes: int


class ExpectedWait:
    def __init__(self) -> None:
        self._talks: deque[int] = deque(maxlen=KEPT)

    def talked(self, ms: int) -> None:
        """Take in the length of a talk that is over; 0: nobody talked."""
        if ms:
            self._talks.append(ms + WRAP_UP_MS)

    def place(self, board: Board, queue: str) -> Place | None:
        """Of a caller who joins this queue now; None when an operator is free, or none at work, as there is nothing to announce."""
        agents = [one for one in board.agents() if queue in board.seats[one.user_id].queues]
        working = [one for one in agents if one.state in AT_WORK]
        ahead = sum(one.queue == queue for one in board.waiting())
        if not working or sum(_is_free(one) for one in working) > ahead:
            return None
        mean_ms = sum(self._talks) / len(self._talks) if self._talks else USUAL_MS
        minutes = math.ceil((ahead + 1) * mean_ms / len(working) / 60_000)
        return Place(ahead + 1, min(minutes, LONGEST_MIN))


def _is_free(agent: AgentView) -> bool:
    return agent.state == "ready" and agent.registered
