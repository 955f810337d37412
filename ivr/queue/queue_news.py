"""How busy each line is (排队情况), stored for pages that run without telephony: a row a line, on change and every half minute."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from core.clock import Clock
from core.db import Database
from ivr.board import Board
from recordings.queue_state import Busy, write

LOOK_EVERY_S = 5
WRITE_EVERY_S = 30
AT_WORK = frozenset({"ready", "ringing", "talking", "consulting", "wrapup"})


async def tell(
    db: Database,
    clock: Clock,
    board: Board,
    node: str,
    queues: Callable[[], Mapping[str, str]],
    beat: Callable[[], None],
) -> None:
    """Loop for `core.tasks`; `queues` gives the queue of each line."""
    known: dict[str, Busy] = {}
    written_at = None
    while True:
        now = busy_lines(board, queues())
        is_time = written_at is None or (clock.now() - written_at).total_seconds() >= WRITE_EVERY_S
        if changed := {line: busy for line, busy in now.items() if is_time or known.get(line) != busy}:
            async with db.unit_of_work() as session:
                for line, busy in changed.items():
                    await write(session, clock, line, busy, node)
        if is_time:
            written_at = clock.now()
        known = now
        beat()
        await asyncio.sleep(LOOK_EVERY_S)


def busy_lines(board: Board, queues: Mapping[str, str]) -> dict[str, Busy]:
    """Callers waiting on each line, and the seats at work that its queue rings."""
    at_work = [board.seats[agent.user_id] for agent in board.agents() if agent.state in AT_WORK]
    waiting = Counter(view.line for view in board.waiting())
    return {
        line: Busy(waiting[line], sum(queue in seat.queues for seat in at_work))
        for line, queue in queues.items()
    }
