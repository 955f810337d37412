"""Named, supervised background loops: each restarts after a failure and shows its last beat on /readyz."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import structlog

from core.clock import Clock

log = structlog.get_logger()
RESTART_FIRST_S = 0.5
RESTART_MAX_S = 30.0
CANCEL_AGAIN_S = 2.0
BEAT_EVERY_S = 30.0


@dataclass
class LoopState:
    name: str
    last_beat_at: datetime | None = None
    failures: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()


class Tasks:
    """The loops and short jobs of one process; none is fire-and-forget."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.loops: dict[str, LoopState] = {}
        self._jobs: set[asyncio.Task[Any]] = set()

    def loop(self, name: str, run: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        """Run `run(beat)` for ever; it calls `beat()` at each turn; after a failure it starts anew."""
        state = self.loops[name] = LoopState(name)
        state.task = asyncio.create_task(self._supervise(state, run), name=name)

    def job(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run one short job to its end; a failure is logged, never lost."""
        task = asyncio.create_task(coroutine, name=name)
        self._jobs.add(task)
        task.add_done_callback(self._job_done)
        return task

    async def close(self) -> None:
        """End all of them; one that took its cancellation for something else is cancelled again."""
        tasks = {state.task for state in self.loops.values() if state.task} | self._jobs
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)

    async def _supervise(
        self, state: LoopState, run: Callable[[Callable[[], None]], Awaitable[None]]
    ) -> None:
        pause_s = RESTART_FIRST_S
        while True:
            started = self._clock.now()
            try:
                await run(lambda: self._beat(state))
            except Exception:
                log.exception("loop_failed", loop=state.name)
            state.failures += 1
            ran_s = (self._clock.now() - started).total_seconds()
            pause_s = RESTART_FIRST_S if ran_s > RESTART_MAX_S else min(pause_s * 2, RESTART_MAX_S)
            await asyncio.sleep(pause_s)

    def _beat(self, state: LoopState) -> None:
        state.last_beat_at = self._clock.now()

    def _job_done(self, task: asyncio.Task[Any]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("job_failed", job=task.get_name(), exc_info=error)


async def woken(wake: asyncio.Event, beat: Callable[[], None]) -> None:
    """Wait until `wake` is set, however long that takes, and go on beating meanwhile."""
    beat()
    while not wake.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT_EVERY_S):
                await wake.wait()
        beat()


async def every(
    interval_s: float, work: Callable[[], Awaitable[object]], beat: Callable[[], None]
) -> NoReturn:
    """For `Tasks.loop`: do the work again and again, with a pause in between."""
    while True:
        await work()
        beat()
        await asyncio.sleep(interval_s)
