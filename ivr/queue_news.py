"""Tells the pages without telephony how busy each line is (排队情况): a row per line, when it changes and every half minute."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from core.clock import Clock
from core.db import Database
from ivr.board import Board
from recordings.queue_state import Busy, write

LOOK_EVERY_S = 5
WRITE_EVERY_S = 30
AT_WORK = frozenset({"ready", "ringing", "talking", "consulting", "wrapup"})


async def tell(
    db: Database, clock: Clock, board: Board, lines: Callable[[], Iterable[str]], beat: Callable[[], None]
) -> None:
    """Loop for `core.tasks`."""
    known: dict[str, Busy] = {}
    written_at = None
    while True:
        now = busy_lines(board, lines())
        is_time = written_at is None or (clock.now() - written_at).total_seconds() >= WRITE_EVERY_S
        if changed := {line: busy for line, busy in now.items() if is_time or known.get(line) != busy}:
            async with db.unit_of_work() as session:
                for line, busy in changed.items():
                    await write(session, clock, line, busy)
        if is_time:
            written_at = clock.now()
        known = now
        beat()
        await asyncio.sleep(LOOK_EVERY_S)


def busy_lines(board: Board, lines: Iterable[str]) -> dict[str, Busy]:
    """Callers waiting on each line; the seats serve all lines together."""
    seats = sum(agent.state in AT_WORK for agent in board.agents())
    waiting = Counter(view.line for view in board.waiting())
    return {line: Busy(waiting[line], seats) for line in lines}
