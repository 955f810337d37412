"""The hotline's own Asterisk: started again when it dies, taken over when a killed hotline left it running."""

import asyncio
from pathlib import Path

from support.hotline import running_hotline
from support.sipphone import Phone

from ivr.asterisk.embedded import EmbeddedAsterisk


async def test_asterisk_that_dies_is_started_again(tmp_path: Path):
    """Killed in mid-service, Asterisk is back within seconds and the next caller is answered."""
    async with running_hotline(tmp_path) as city:
        asterisk = city.hotline.asterisk
        assert asterisk
        assert asterisk.process
        first = asterisk.process
        first.kill()
        async with asyncio.timeout(20):
            while asterisk.process is first or not city.hotline.controller.ami.up:
                await asyncio.sleep(0.05)
        async with await Phone.start("13800138000", city.sip) as caller:
            call = await caller.call("96128")
            await call.answered()
            await call.hangup()


async def test_an_asterisk_left_running_is_taken_over(tmp_path: Path):
    """A second start finds the running Asterisk and stops it in the end instead of fighting for its ports."""
    async with running_hotline(tmp_path) as city:
        first = city.hotline.asterisk
        assert first
        assert first.process
        second = EmbeddedAsterisk(city.hotline.settings.asterisk, city.hotline.folders)
        await second.start()
        assert second.process is None
        watch = city.hotline.tasks.loops["asterisk"].task
        assert watch
        watch.cancel()
        await second.stop()
        await asyncio.wait_for(first.process.wait(), 10)
