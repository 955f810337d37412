"""Audio of the bench's telephones (媒体流), light enough for hundreds at once: encoded beforehand, paced by one loop.

Arrivals carry the kernel's time stamps, so that a busy bench does not lengthen what it measures.
"""

import asyncio
import random
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final

from support import g711, tones
from support.heard import Heard
from support.rtp import FRAME_SAMPLES
from support.tones import RATE_HZ

SLOTS: Final = 4
SLOT_S: Final = 0.02 / SLOTS
KEY_FRAMES: Final = 5
_SO_TIMESTAMPNS: Final = 35
_STAMP: Final = struct.Struct("@qq")
_HEADER: Final = struct.Struct("!BBHII")
_PCMA: Final = 8


def frames_of(hz: float | None) -> list[bytes]:
    """One second of A-law in packets; None is silence. A whole number of hertz repeats without a click."""
    samples = tones.sine(hz, 1.0) if hz else tones.sine(100, 1.0, level_dbfs=-200)
    encoded = g711.encode(samples, "alaw")
    return [encoded[at : at + FRAME_SAMPLES] for at in range(0, RATE_HZ, FRAME_SAMPLES)]


@dataclass(frozen=True, slots=True)
class Packet:
    at_ns: int
    """Kernel time of arrival, in nanoseconds of the real-time clock."""
    sequence: int
    payload: bytes


class Pump:
    """Sends one packet of every stream each 20 ms, in four slots, and knows how late it ever was."""

    def __init__(self) -> None:
        self._slots: list[list[BenchStream]] = [[] for _ in range(SLOTS)]
        self.latest_ms = 0.0
        self._task = asyncio.create_task(self._run(), name="pump")

    def add(self, stream: "BenchStream") -> None:
        """A stream keeps its slot to the end: its packets stay 20 ms apart whoever comes and goes."""
        min(self._slots, key=len).append(stream)

    def remove(self, stream: "BenchStream") -> None:
        for slot in self._slots:
            if stream in slot:
                slot.remove(stream)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        due, slot = time.monotonic(), 0
        while True:
            for stream in list(self._slots[slot]):
                stream.tick()
            due, slot = due + SLOT_S, (slot + 1) % SLOTS
            late = time.monotonic() - due
            self.latest_ms = max(self.latest_ms, late * 1000)
            await asyncio.sleep(max(0.0, -late))


class BenchStream:
    """Stands in for the test phone's MediaStream."""

    def __init__(self, pump: Pump, host: str, frames: list[bytes], *, keep_audio: bool) -> None:
        self.heard = Heard()  # the test phone's call asks for it; stays empty here
        self.paused = self.muted = False
        self.event_payload_type: int | None = None
        self.packets: list[Packet] = []
        self.key_up_ns = 0
        self._pump, self._frames, self._keep_audio = pump, frames, keep_audio
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]
        self._target: tuple[str, int] | None = None
        self._sequence, self._stamp = random.getrandbits(15), random.getrandbits(30)
        self._ssrc = random.getrandbits(32)
        self._key: list[tuple[int, int]] = []

    def start(self, target: tuple[str, int], law: str, event_payload_type: int | None) -> None:
        """Send to `target` from now on."""
        assert law == "alaw"
        if self._target is None:
            self._pump.add(self)
        self._target, self.event_payload_type = target, event_payload_type

    def press(self, key: int) -> None:
        """Press a digit for 100 ms from the next packet on; `key_up_ns` is set when its end leaves."""
        self.key_up_ns = 0
        self._key = [(key, frame) for frame in range(1, KEY_FRAMES + 1)]

    def tick(self) -> None:
        """Send the packet that is due, and take in what has come since: its time stamps are the kernel's already."""
        if self._key:
            self._send_key(*self._key.pop(0))
        elif not self.paused:
            self._send(_PCMA, self._frames[self._stamp // FRAME_SAMPLES % len(self._frames)], self._stamp)
        self._stamp += FRAME_SAMPLES
        self._drain()

    def stop(self) -> None:
        """Stop sending and give the port back."""
        if self._socket.fileno() >= 0:
            self._socket.close()
        self._pump.remove(self)

    async def close(self) -> None:
        self.stop()

    def _send_key(self, key: int, frame: int) -> None:
        began = self._stamp - (frame - 1) * FRAME_SAMPLES
        ends = frame == KEY_FRAMES
        payload = struct.pack("!BBH", key, 0x8A if ends else 0x0A, frame * FRAME_SAMPLES)
        assert self.event_payload_type is not None
        if ends:
            self.key_up_ns = time.time_ns()
        for _ in range(3 if ends else 1):
            self._send(self.event_payload_type | (0x80 if frame == 1 else 0), payload, began)

    def _send(self, kind: int, payload: bytes, stamp: int) -> None:
        assert self._target is not None
        header = _HEADER.pack(0x80, kind, self._sequence, stamp & 0xFFFFFFFF, self._ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        try:
            self._socket.sendto(header + payload, self._target)
        except (BlockingIOError, ConnectionRefusedError):
            return

    def _drain(self) -> None:
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(1500, 64)
            except BlockingIOError:
                return
            if len(data) > 12 and data[1] & 0x7F == _PCMA:
                seconds, nanoseconds = _STAMP.unpack(ancillary[0][2])
                payload = data[12:] if self._keep_audio else b""
                at_ns = seconds * 10**9 + nanoseconds
                self.packets.append(Packet(at_ns, int.from_bytes(data[2:4], "big"), payload))
