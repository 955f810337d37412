"""Audio of the bench's telephones (媒体流), light enough for hundreds at once: they share sockets, and leave and arrive in batches.

Asterisk tells the telephones of one socket apart by its own ports, and so does the socket. Arrivals carry the kernel's time
stamps, so that a busy bench does not lengthen what it measures.
"""

import asyncio
import functools
import itertools
import random
import struct
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from support import g711, tones
from support.heard import Heard
from support.rtp import FRAME_S, FRAME_SAMPLES
from support.tones import RATE_HZ

from bench.datagrams import Incoming, Outgoing, open_socket

SLOTS: Final = 4
SLOT_S: Final = FRAME_S / SLOTS
ROWS: Final = 256
"""Telephones of a slot, at the most."""
KEY_FRAMES: Final = 5
_PCMA: Final = 8
_NOBODY: Final = -1
_HEADER: Final = struct.Struct("!BBHII")
_PACKET = np.dtype(
    [("flags", np.uint8), ("kind", np.uint8), ("sequence", ">u2"), ("stamp", ">u4"), ("source", ">u4"),
     ("payload", np.uint8, FRAME_SAMPLES)]
)  # fmt: skip
_ARRIVAL = np.dtype(
    [("stream", np.int32), ("sequence", np.uint16), ("stamp", np.uint32), ("at_ns", np.int64)]
)


@functools.cache
def frames_of(hz: float | None) -> NDArray[np.uint8]:
    """One second of A-law, a row for each packet; None is silence. A whole number of hertz repeats without a click."""
    samples = tones.sine(hz, 1.0) if hz else tones.sine(100, 1.0, level_dbfs=-200)
    return np.frombuffer(g711.encode(samples, "alaw"), np.uint8).reshape(-1, FRAME_SAMPLES)


@dataclass(frozen=True, slots=True)
class Packet:
    at_ns: int
    """Kernel time of arrival, in nanoseconds of the real-time clock."""
    payload: bytes


class Pump:
    """Every 20 ms one packet of each stream, in four slots, so that neither end meets them all at once."""

    def __init__(self) -> None:
        self.slots = [_Slot() for _ in range(SLOTS)]
        self.latest_ms = 0.0
        """How late a slot ever was."""
        self._task = asyncio.create_task(self._run(), name="pump")

    @property
    def sent(self) -> int:
        """Audio packets that have left so far."""
        return sum(slot.sent for slot in self.slots)

    def listen(self) -> None:
        """Note every packet that arrives from now on."""
        for slot in self.slots:
            slot.heard = []

    def heard(self) -> dict[int, NDArray[np.void]]:
        """Note no more; what each stream, by its number, has heard: `sequence`, `stamp` and `at_ns` of its packets, as they came."""
        parts = [part for slot in self.slots for part in slot.heard or ()]
        for slot in self.slots:
            slot.heard = None
        found = np.concatenate([np.empty(0, _ARRIVAL), *parts])
        found = found[np.argsort(found["stream"], kind="stable")]
        numbers, begins = np.unique(found["stream"], return_index=True)
        return dict(zip(numbers.tolist(), np.split(found, begins[1:]), strict=False))

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for slot in self.slots:
            slot.socket.close()

    async def _run(self) -> None:
        due = time.monotonic()
        for slot in itertools.cycle(self.slots):
            slot.tick()
            due += SLOT_S
            late = time.monotonic() - due
            self.latest_ms = max(self.latest_ms, late * 1000)
            await asyncio.sleep(max(0.0, -late))


class _Slot:
    """One socket and the streams that share it; a row of the arrays is a stream's as long as it sends."""

    def __init__(self) -> None:
        self.socket = open_socket()
        self.port: int = self.socket.getsockname()[1]
        self.sent = 0
        self.heard: list[NDArray[np.void]] | None = None
        self.pressing: list[BenchStream] = []
        self._out, self._in = Outgoing(ROWS, _PACKET.itemsize), Incoming(_PACKET.itemsize)
        self.packets = self._out.packets.view(_PACKET)[:, 0]
        self.packets["flags"], self.packets["kind"] = 0x80, _PCMA
        self.sends = np.zeros(ROWS, bool)
        self._sound = np.zeros((RATE_HZ // FRAME_SAMPLES, ROWS, FRAME_SAMPLES), np.uint8)
        self._streams: list[BenchStream | None] = [None] * ROWS
        self._number_at = np.full(2**16, _NOBODY, np.int32)
        self._keeping: dict[int, BenchStream] = {}
        self._frames = itertools.cycle(range(RATE_HZ // FRAME_SAMPLES))

    @property
    def free(self) -> int:
        return self._streams.count(None)

    def join(self, stream: "BenchStream", frames: NDArray[np.uint8]) -> int:
        """A row for this stream."""
        row = self._streams.index(None)
        self._streams[row], self._sound[:, row] = stream, frames
        for name, bits in (("sequence", 15), ("stamp", 30), ("source", 32)):
            self.packets[name][row] = random.getrandbits(bits)
        return row

    def aim(self, row: int, target: tuple[str, int]) -> None:
        """This row's packets go there, and what comes from there is its stream's."""
        stream = self._streams[row]
        assert stream is not None
        self._out.address(row, target)
        self._number_at[target[1]] = stream.number
        if stream.keep_audio:
            self._keeping[stream.number] = stream

    def leave(self, row: int, target: tuple[str, int]) -> None:
        stream = self._streams[row]
        assert stream is not None
        self._streams[row], self.sends[row] = None, False
        self._keeping.pop(stream.number, None)
        if self._number_at[target[1]] == stream.number:
            self._number_at[target[1]] = _NOBODY

    def tick(self) -> None:
        """Send the packets that are due, and take in what has come since: its time stamps are the kernel's already."""
        rows = np.flatnonzero(self.sends)
        for stream in list(self.pressing):
            stream.send_key_frame()
        self.packets["payload"] = self._sound[next(self._frames)]
        self.sent += self._out.send(self.socket, rows)
        self.packets["sequence"][rows] += 1
        self.packets["stamp"] += FRAME_SAMPLES
        while came := self._in.receive(self.socket):
            self._take(came)

    def _take(self, count: int) -> None:
        packets = self._in.packets[:count].view(_PACKET)[:, 0]
        numbers = self._number_at[self._in.ports[:count]]
        at_ns = self._in.at_ns[:count]
        audio = np.flatnonzero((packets["kind"] & 0x7F == _PCMA) & (numbers != _NOBODY))
        if self.heard is not None:
            heard = np.empty(len(audio), _ARRIVAL)
            heard["stream"], heard["at_ns"] = numbers[audio], at_ns[audio]
            heard["sequence"], heard["stamp"] = packets["sequence"][audio], packets["stamp"][audio]
            self.heard.append(heard)
        for row in audio.tolist() if self._keeping else ():
            if stream := self._keeping.get(int(numbers[row])):
                stream.packets.append(Packet(int(at_ns[row]), packets["payload"][row].tobytes()))


_NUMBERS = itertools.count()


class BenchStream:
    """Stands in for the test phone's MediaStream."""

    def __init__(self, pump: Pump, frames: NDArray[np.uint8], *, keep_audio: bool) -> None:
        self.number = next(_NUMBERS)
        self.heard = Heard()  # the test phone's call asks for it; stays empty here
        self.muted = False
        self.event_payload_type: int | None = None
        self.srtp_key = None  # nothing is encrypted here
        self.keep_audio = keep_audio
        self.packets: list[Packet] = []
        """What was heard, of a stream that keeps its audio."""
        self.key_up_ns = 0
        self._slot = max(pump.slots, key=lambda slot: slot.free)
        self._row = self._slot.join(self, frames)
        self.port = self._slot.port
        self._target: tuple[str, int] | None = None
        self._paused = self._stopped = False
        self._key: list[tuple[int, int]] = []

    @property
    def paused(self) -> bool:
        """Sends nothing: on hold."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        self._set_sending()

    def start(self, target: tuple[str, int], law: str, event_payload_type: int | None) -> None:
        """Send to `target` from now on."""
        assert law == "alaw"
        self._target, self.event_payload_type = target, event_payload_type
        self._slot.aim(self._row, target)
        self._set_sending()

    def press(self, key: int) -> None:
        """Press a digit for 100 ms from the next packet on; `key_up_ns` is set when its end leaves."""
        if self._stopped:
            return
        self.key_up_ns = 0
        self._key = [(key, frame) for frame in range(1, KEY_FRAMES + 1)]
        if self not in self._slot.pressing:
            self._slot.pressing.append(self)
        self._set_sending()

    def send_key_frame(self) -> None:
        """The next packet of the key, in place of sound."""
        key, frame = self._key.pop(0)
        ends = frame == KEY_FRAMES
        if ends:
            self.key_up_ns = time.time_ns()
        for _ in range(3 if ends else 1):
            self._send_event(key, frame, ends=ends)
        if ends:
            self._slot.pressing.remove(self)
            self._set_sending()

    def stop(self) -> None:
        """Stop sending and give the place back."""
        if self._stopped:
            return
        self._stopped = True
        if self in self._slot.pressing:
            self._slot.pressing.remove(self)
        self._slot.leave(self._row, self._target or ("", 0))

    async def close(self) -> None:
        self.stop()

    def _set_sending(self) -> None:
        if not self._stopped:
            self._slot.sends[self._row] = self._target is not None and not self._paused and not self._key

    def _send_event(self, key: int, frame: int, *, ends: bool) -> None:
        assert self._target is not None
        assert self.event_payload_type is not None
        packet = self._slot.packets[self._row]
        began = int(packet["stamp"]) - (frame - 1) * FRAME_SAMPLES
        kind = self.event_payload_type | (0x80 if frame == 1 else 0)
        header = _HEADER.pack(0x80, kind, packet["sequence"], began & 0xFFFFFFFF, packet["source"])
        event = struct.pack("!BBH", key, 0x8A if ends else 0x0A, frame * FRAME_SAMPLES)
        self._slot.socket.sendto(header + event, self._target)
        packet["sequence"] = (int(packet["sequence"]) + 1) & 0xFFFF
