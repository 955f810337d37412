"""One RTP stream of a test phone (媒体流): sends a tone every 20 ms and RFC 4733 keys, records what comes in.

Owns the packet format and the sending clock. Knows nothing of SIP.
"""

import asyncio
import random
import struct
import time
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from pylibsrtp import Error, Policy, Session
from support import g711, tones
from support.heard import Heard
from support.sdp import LAW_BY_PAYLOAD_TYPE, PAYLOAD_TYPES
from support.tones import RATE_HZ, Samples

FRAME_SAMPLES: Final = 160
FRAME_S: Final = FRAME_SAMPLES / RATE_HZ
TONE_DBFS: Final = -12.0
_KEYS: Final = "0123456789*#ABCD"
_KEY_VOLUME: Final = 10  # -dBm0, as RFC 4733 counts it
_END_REPEATS: Final = 3
_HEADER: Final = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class KeyPress:
    """One key sent: the instants of its first event packet and of its first end packet."""

    key: str
    began_at: float
    ended_at: float


class MediaStream(asyncio.DatagramProtocol):
    """A UDP socket on loopback that plays a tone and keys, and records into `heard`."""

    def __init__(self, tone_hz: float, srtp_key: bytes | None = None) -> None:
        self.heard = Heard()
        self.srtp_key = srtp_key
        """With which this side encrypts; None: nothing is encrypted, either way."""
        self._encrypted: Session | None = None
        self._decrypted: Session | None = None
        self.muted = False
        self.paused = False
        self.event_payload_type: int | None = None
        self.port = 0
        self.packets_sent = 0
        self._tone_hz = tone_hz
        self._phase = 0.0
        self._law = "alaw"
        self._target: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._sender: asyncio.Task[None] | None = None
        self._keys: asyncio.Queue[tuple[str, int, asyncio.Future[KeyPress]]] = asyncio.Queue()
        self._pressing: set[asyncio.Future[KeyPress]] = set()
        self._in_band: list[Samples] = []
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._last_event_stamp = -1

    @classmethod
    async def open(cls, host: str, tone_hz: float, srtp_key: bytes | None = None) -> "MediaStream":
        """A stream on a free port of `host`; it records at once and sends after `start`."""
        _, stream = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(tone_hz, srtp_key), local_addr=(host, 0)
        )
        return stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket (asyncio's call)."""
        self._transport = cast(
            asyncio.DatagramTransport, transport
        )  # asyncio's own class does not derive from it
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Record one packet; RTCP, payloads that were not offered, and what is not encrypted as agreed are passed over."""
        if self._decrypted:
            try:
                data = self._decrypted.unprotect(data)
            except Error:
                return
        if len(data) < _HEADER.size or data[0] >> 6 != 2:
            return
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        payload = data[_HEADER.size + 4 * (first & 15) :]
        kind = second & 0x7F
        if kind in LAW_BY_PAYLOAD_TYPE:
            pcm = g711.decode(payload, LAW_BY_PAYLOAD_TYPE[kind])
            self.heard.add(pcm, sequence, timestamp, ssrc, bool(second & 0x80))
        elif kind == self.event_payload_type and len(payload) >= 4:
            self._event_received(payload, timestamp)

    def start(self, target: tuple[str, int], law: str, event_payload_type: int | None) -> None:
        """Send to `target` from now on; a later call only changes the target and the payloads."""
        self._target, self._law, self.event_payload_type = target, law, event_payload_type
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_loop(), name=f"rtp {self.port}")

    def agree(self, remote_key: bytes) -> None:
        """The far end's key, of a stream that both sides encrypt."""
        if self.srtp_key and self._decrypted is None:
            self._encrypted = Session(Policy(self.srtp_key, Policy.SSRC_ANY_OUTBOUND))
            self._decrypted = Session(Policy(remote_key, Policy.SSRC_ANY_INBOUND))

    @property
    def target(self) -> tuple[str, int]:
        """Where this stream sends to."""
        assert self._target is not None
        return self._target

    def set_tone(self, hz: float) -> None:
        """Change the frequency without a jump of the phase."""
        self._tone_hz = hz

    def press_in_band(self, row_hz: float, column_hz: float, frames: int = 8) -> None:
        """A key as two tones within the audio, from the next frame on."""
        both = sum(tones.sine(hz, frames * FRAME_S, level_dbfs=TONE_DBFS) for hz in (row_hz, column_hz))
        self._in_band = list(np.asarray(both, np.int16).reshape(frames, FRAME_SAMPLES))

    async def press(self, keys: str, press_ms: int, gap_ms: int) -> list[KeyPress]:
        """Send keys one after another, each `press_ms` long with `gap_ms` of audio between; returns when all are out."""
        presses = []
        for index, key in enumerate(keys):
            if index:
                await asyncio.sleep(gap_ms / 1000)
            presses.append(await self._pressed(key, press_ms))
        return presses

    async def _pressed(self, key: str, press_ms: int) -> KeyPress:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the call has ended")
        done: asyncio.Future[KeyPress] = asyncio.get_running_loop().create_future()
        self._pressing.add(done)
        self._keys.put_nowait((key, max(1, round(press_ms / 1000 / FRAME_S)), done))
        try:
            return await done
        finally:
            self._pressing.discard(done)

    def stop(self) -> None:
        """Stop sending and give the port back; whoever waits for a key to go out gets ConnectionError."""
        if self._sender is not None:
            self._sender.cancel()
        for pressed in self._pressing:
            if not pressed.done():
                pressed.set_exception(ConnectionError("the call ended while a key was sent"))
        if self._transport is not None:
            self._transport.close()

    async def close(self) -> None:
        """Stop, and wait until the sender is gone."""
        self.stop()
        if self._sender is not None:
            await asyncio.wait({self._sender})

    async def _send_loop(self) -> None:
        """One frame every 20 ms of the clock: a late frame does not delay the ones after it."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if self._keys.empty() or self.event_payload_type is None:
                self._send_audio()
                due = await self._until(due + FRAME_S)
                continue
            key, frames, done = self._keys.get_nowait()
            due = await self._send_key(key, frames, done, due)

    async def _until(self, due: float) -> float:
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        return due

    def _send_audio(self) -> None:
        if not self.paused:
            self._send(PAYLOAD_TYPES[self._law], g711.encode(self._next_frame(), self._law), self._timestamp)
        self._timestamp = (self._timestamp + FRAME_SAMPLES) % 2**32

    async def _send_key(self, key: str, frames: int, done: asyncio.Future[KeyPress], due: float) -> float:
        """All packets of one key carry the time stamp of its beginning; the end is sent three times (RFC 4733 §2.5)."""
        stamp, began_at = self._timestamp, time.monotonic()
        for frame in range(1, frames + 1):
            self._send_event(key, frame, stamp, marker=frame == 1)
            due = await self._until(due + FRAME_S)
        ended_at = time.monotonic()
        for _ in range(_END_REPEATS):
            self._send_event(key, frames, stamp, end=True)
        self._timestamp = (stamp + frames * FRAME_SAMPLES) % 2**32
        if not done.done():
            done.set_result(KeyPress(key, began_at, ended_at))
        return due

    def _send_event(self, key: str, frames: int, stamp: int, marker: bool = False, end: bool = False) -> None:
        assert self.event_payload_type is not None
        flags = _KEY_VOLUME | (0x80 if end else 0)
        payload = struct.pack("!BBH", _KEYS.index(key), flags, frames * FRAME_SAMPLES)
        self._send(self.event_payload_type, payload, stamp, marker)

    def _send(self, kind: int, payload: bytes, timestamp: int, marker: bool = False) -> None:
        if self._transport is None or self._target is None or self._transport.is_closing():
            return
        header = _HEADER.pack(0x80, kind | (0x80 if marker else 0), self._sequence, timestamp, self._ssrc)
        packet = header + payload
        self._transport.sendto(self._encrypted.protect(packet) if self._encrypted else packet, self._target)
        self._sequence = (self._sequence + 1) % 2**16
        self.packets_sent += 1

    def _next_frame(self) -> Samples:
        if self._in_band:
            return self._in_band.pop(0)
        if self.muted:
            return np.zeros(FRAME_SAMPLES, np.int16)
        step = 2 * np.pi * self._tone_hz / RATE_HZ
        peak = 32767 * 10 ** (TONE_DBFS / 20)
        phases = self._phase + step * np.arange(FRAME_SAMPLES)
        self._phase = (self._phase + step * FRAME_SAMPLES) % (2 * np.pi)
        frame: Samples = np.round(peak * np.sin(phases)).astype(np.int16)
        return frame

    def _event_received(self, payload: bytes, timestamp: int) -> None:
        is_end = bool(payload[1] & 0x80)
        if is_end and timestamp != self._last_event_stamp and payload[0] < len(_KEYS):
            self._last_event_stamp = timestamp
            self.heard.keys += _KEYS[payload[0]]
