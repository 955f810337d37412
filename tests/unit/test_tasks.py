"""Background loops: they end although one lost the word to end, and beat although there is nothing to do."""

import asyncio

import pytest

from core.clock import SystemClock
from core.tasks import Tasks, woken


async def test_a_loop_that_swallows_its_cancellation_is_ended(monkeypatch):
    monkeypatch.setattr("core.tasks.CANCEL_AGAIN_S", 0.01)
    tasks, swallowed = Tasks(SystemClock()), 0

    async def deaf(beat):
        nonlocal swallowed
        beat()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    tasks.loop("deaf", deaf)
    while not tasks.loops["deaf"].last_beat_at:
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.close()
    assert swallowed == 2
    assert not tasks.loops["deaf"].running


async def test_closing_without_loops_is_at_once():
    await Tasks(SystemClock()).close()


async def test_a_loop_that_waits_for_work_beats_meanwhile(monkeypatch: pytest.MonkeyPatch):
    """A quiet night is no failure on /readyz: beats come while nothing wakes the loop, and it goes on when something does."""
    monkeypatch.setattr("core.tasks.BEAT_EVERY_S", 0.001)
    wake, beaten = asyncio.Event(), asyncio.Semaphore(0)
    waiting = asyncio.create_task(woken(wake, beaten.release))
    async with asyncio.timeout(5):
        for _ in range(3):
            await beaten.acquire()
        assert not waiting.done()
        wake.set()
        await waiting
