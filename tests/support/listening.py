"""Waiting for what a call hears (听音等待): conditions with a time limit instead of sleeps.

Owns the conditions. Knows nothing of SIP; instants are seconds of `time.monotonic()`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from support import tones
from support.heard import Arrival, Heard
from support.rtp import FRAME_SAMPLES
from support.siptransport import SipTimeout

TICK_S: Final = 0.02
LATE_S: Final = 0.1
"""After a pause Asterisk's time stamps place the first packets up to this long before they come."""
BEHIND_S: Final = 0.2
"""A stream whose stamps run behind the clock is placed up to this much further back before it is placed anew."""


class Listening:
    """Questions to `heard`; every wait raises SipTimeout when its time is up."""

    heard: Heard

    async def until_hears(
        self, hz: float, timeout: float = 5.0, for_s: float = 0.2, since: float | None = None
    ) -> float:
        """Wait until the tone has been heard for `for_s` without a break; returns the instant it began.

        Only sound after `since` counts (default: after now).
        """
        return await self._until(lambda piece: tones.hears(piece, hz), timeout, for_s, since, f"{hz} Hz")

    async def until_sound(
        self, timeout: float = 5.0, for_s: float = 0.1, since: float | None = None
    ) -> float:
        """Wait for any sound lasting `for_s`; returns the instant it began."""
        return await self._until(tones.is_sound, timeout, for_s, since, "sound")

    async def until_silent(
        self, timeout: float = 5.0, for_s: float = 0.5, since: float | None = None
    ) -> float:
        """Wait for silence lasting `for_s` (quiet packets or none at all); returns the instant it began."""
        return await self._until(lambda piece: not tones.is_sound(piece), timeout, for_s, since, "silence")

    async def first_packet_after(
        self, instant: float, hz: float | None = None, new_spurt: bool = False, timeout: float = 5.0
    ) -> Arrival:
        """Wait for the first audio packet after an instant: with `hz` the first that holds this tone, with
        `new_spurt` the first after a pause.

        From `KeyPress.ended_at` to `.at` of the result is the time from a key to the next prompt. When the key cuts
        a prompt off, Asterisk sends the next one without any mark: tell them apart by `hz`, among prompts that are
        tones themselves (one packet is too short to tell a tone from a voice).
        """
        deadline = time.monotonic() + timeout
        while (arrival := self.heard.first_packet_after(instant, hz, new_spurt)) is None:
            await self._tick(deadline, "a packet")
        return arrival

    async def until_key_heard(self, keys: str, timeout: float = 5.0) -> None:
        """Wait until the far end has sent these telephone events."""
        deadline = time.monotonic() + timeout
        while keys not in self.heard.keys:
            await self._tick(deadline, f"keys {keys}")

    def longest_silence_s(self, since: float | None = None, until: float | None = None) -> float:
        """Seconds of the longest silence heard, by default from the first packet to the last."""
        return self.heard.longest_silence_s(since, until)

    async def _until(
        self,
        is_met: Callable[[tones.Samples], bool],
        timeout: float,
        for_s: float,
        since: float | None,
        what: str,
    ) -> float:
        """Slide a window of 100 ms over the time line until it was met for `for_s` on end.

        Its first frame must meet the condition too, so that the instant returned is right to one frame (20 ms).
        """
        earliest = begin_at = at = since if since is not None else time.monotonic()
        deadline = time.monotonic() + timeout
        window_s = min(0.1, for_s)
        while True:
            while at + window_s > time.monotonic() - LATE_S:
                await self._tick(deadline, what)
                if at == begin_at:
                    at = begin_at = max(earliest, at - BEHIND_S)
            piece = self.heard.between(at, at + window_s)
            if not (is_met(piece) and is_met(piece[:FRAME_SAMPLES])):
                begin_at = at + TICK_S
            elif at + window_s - begin_at >= for_s - 1e-6:
                return begin_at
            at += TICK_S

    async def _tick(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise SipTimeout(f"{what} was not heard in time")
        await asyncio.sleep(TICK_S)
