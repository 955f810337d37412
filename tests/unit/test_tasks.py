"""Background loops: the process ends although one of them lost the word to end."""

import asyncio

from core.clock import SystemClock
from core.tasks import Tasks


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
