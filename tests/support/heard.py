"""What one end of a call heard (听到的声音): received audio laid on a time line, and questions about it.

Owns placing packets in time. Knows nothing of sockets or SIP; instants are seconds of the monotonic clock.
"""

import time
from dataclasses import dataclass

import numpy as np
from support import tones
from support.tones import RATE_HZ, Samples

_SPURT_JUMP_SAMPLES = RATE_HZ // 25
"""Asterisk rounds its time stamps; only a jump of more than 40 ms begins a new sound."""
_REANCHOR_SAMPLES = RATE_HZ // 4
"""A stream whose time stamps disagree with the clock by more than this has jumped, and is placed by the clock again."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One received audio packet: when, and where its samples lie on the time line."""

    at: float
    sequence: int
    timestamp: int
    position: int
    size: int
    starts_spurt: bool
    """A new piece of sound begins here: marker bit, another source, or a jump of the time stamps."""


class Heard:
    """Everything one call received, at 8 kHz; where no packet came the time line holds zeros."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.keys = ""
        self.packets_lost = 0
        self._buffer: Samples = np.zeros(RATE_HZ * 10, np.int16)
        self._end = 0
        self._ssrc = -1

    @property
    def started_at(self) -> float | None:
        """The instant of the first packet."""
        return self.arrivals[0].at if self.arrivals else None

    @property
    def samples(self) -> Samples:
        """The whole time line, from the first packet to the last."""
        return self._buffer[: self._end]

    def add(self, pcm: Samples, sequence: int, timestamp: int, ssrc: int, marker: bool) -> None:
        """Place one packet. Its time stamp decides, unless the stream has jumped."""
        at = time.monotonic()
        last = self.arrivals[-1] if self.arrivals else None
        fresh = (
            marker
            or last is None
            or ssrc != self._ssrc
            or abs(_step(last, timestamp) - last.size) > _SPURT_JUMP_SAMPLES
        )
        position = self._position(last, ssrc, timestamp, at)
        if last is not None and ssrc == self._ssrc:
            self.packets_lost += max(0, ((sequence - last.sequence + 2**15) % 2**16) - 2**15 - 1)
        self._ssrc = ssrc
        self._write(position, pcm)
        self.arrivals.append(Arrival(at, sequence, timestamp, position, len(pcm), fresh))

    def between(self, start_at: float, end_at: float) -> Samples:
        """The sound between two instants; zeros where nothing was received."""
        out = np.zeros(max(0, round((end_at - start_at) * RATE_HZ)), np.int16)
        if self.started_at is None:
            return out
        first = round((start_at - self.started_at) * RATE_HZ)
        begin, end = max(first, 0), min(first + len(out), self._end)
        if begin < end:
            out[begin - first : end - first] = self._buffer[begin:end]
        return out

    def longest_silence_s(self, since: float | None = None, until: float | None = None) -> float:
        """Seconds of the longest stretch without sound, packets or not, between two instants.

        By default from the first packet to the last. 0.0 when nothing has ever come and no instants are given.
        """
        if since is None and until is None:
            return tones.longest_silence_s(self.samples)
        start = since if since is not None else (self.started_at or 0.0)
        return tones.longest_silence_s(self.between(start, until if until is not None else time.monotonic()))

    def first_packet_after(
        self, instant: float, hz: float | None = None, new_spurt: bool = False
    ) -> Arrival | None:
        """The first audio packet that came after an instant.

        With `hz` the first that holds this tone, with `new_spurt` the first that begins a new sound after a pause.
        """
        for arrival in self._arrivals_after(instant):
            pcm = self._buffer[arrival.position : arrival.position + arrival.size]
            if (arrival.starts_spurt or not new_spurt) and (hz is None or tones.hears(pcm, hz)):
                return arrival
        return None

    def _arrivals_after(self, instant: float) -> list[Arrival]:
        index = len(self.arrivals)
        while index and self.arrivals[index - 1].at > instant:
            index -= 1
        return self.arrivals[index:]

    def _position(self, last: Arrival | None, ssrc: int, timestamp: int, at: float) -> int:
        if last is None:
            return 0
        by_clock = round((at - self.arrivals[0].at) * RATE_HZ)
        by_stamp = last.position + _step(last, timestamp)
        if ssrc == self._ssrc and abs(by_stamp - by_clock) <= _REANCHOR_SAMPLES:
            return max(0, by_stamp)
        return by_clock

    def _write(self, position: int, pcm: Samples) -> None:
        end = position + len(pcm)
        while end > len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.zeros_like(self._buffer)])
        self._buffer[position:end] = pcm
        self._end = max(self._end, end)


def _step(last: Arrival, timestamp: int) -> int:
    """Samples from the last packet's time stamp to this one, which may lie before it."""
    return (timestamp - last.timestamp + 2**31) % 2**32 - 2**31
