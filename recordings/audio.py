"""Audio as samples (声音采样): Asterisk's spool files in, 16-bit 8 kHz samples out. No database, no clock, no archive.

Everything here blocks on the disk; callers run it in a thread.
"""

import hashlib
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
SAMPLE_BYTES = 2
WAV_HEADER_BYTES = 44
_EMPTY_OR_HEADER_BYTES = 60
"""Asterisk's empty .wav is a header and little else."""


@dataclass(frozen=True)
class Clip:
    """Some audio: `data` holds 16-bit 8 kHz samples of whole frames."""

    channels: int
    data: bytes
    damaged: bool = False
    """The source was broken, or nothing was in it."""

    @property
    def frames(self) -> NDArray[np.int16]:
        """The samples, shape (frames, channels)."""
        return np.frombuffer(self.data, "<i2").reshape(-1, self.channels)

    @property
    def duration_ms(self) -> int:
        return round(len(self.data) / (self.channels * SAMPLE_BYTES) * 1000 / RATE_HZ)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def read(source: Path) -> Clip:
    """The audio of a spool file; what is readable of a broken one, its last incomplete frame cut off.

    A .raw source is 16-bit stereo (MixMonitor option D), any other is taken for a wav.
    """
    channels, data, damaged = _samples_of(source)
    return clip_of(channels, data, damaged=damaged)


def length_ms(source: Path) -> int:
    """How long a spool's .wav is, by its size: Asterisk writes the length into the header last. 0 for none."""
    size = source.stat().st_size if source.exists() else 0
    return max(0, size - WAV_HEADER_BYTES) * 1000 // (SAMPLE_BYTES * RATE_HZ)


def clip_of(channels: int, data: bytes, *, damaged: bool = False) -> Clip:
    """A clip of the whole frames in `data`; damaged when something had to be cut off, or nothing is left."""
    frame = channels * SAMPLE_BYTES
    whole = len(data) // frame * frame
    return Clip(channels, data[:whole], damaged or whole != len(data) or whole == 0)


def wav_header(channels: int, data_bytes: int) -> bytes:
    """The 44 bytes before `data_bytes` of 16-bit 8 kHz samples."""
    frame = channels * SAMPLE_BYTES
    riff = struct.pack("<4sI4s", b"RIFF", 36 + data_bytes, b"WAVE")
    fmt = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, RATE_HZ, RATE_HZ * frame, frame, 8 * SAMPLE_BYTES
    )
    return riff + fmt + struct.pack("<4sI", b"data", data_bytes)


def _samples_of(source: Path) -> tuple[int, bytes, bool]:
    """Channels, sample bytes, and whether the file was broken."""
    if source.suffix == ".raw":
        return 2, source.read_bytes(), False
    try:
        with wave.open(str(source), "rb") as wav:
            if (wav.getsampwidth(), wav.getframerate()) != (SAMPLE_BYTES, RATE_HZ):
                return _resampled(wav)
            promised = wav.getnframes() * wav.getnchannels() * SAMPLE_BYTES
            data = wav.readframes(wav.getnframes())
            return wav.getnchannels(), *_past_a_zero_length(source, data, promised)
    except (wave.Error, EOFError):
        return 1, source.read_bytes()[WAV_HEADER_BYTES:], True


def _past_a_zero_length(source: Path, data: bytes, promised: int) -> tuple[bytes, bool]:
    """Asterisk writes the length last: when it died before, the header promises nothing but the audio is there."""
    if promised == 0 and source.stat().st_size > _EMPTY_OR_HEADER_BYTES:
        return source.read_bytes()[WAV_HEADER_BYTES:], True
    return data, len(data) < promised


def _resampled(wav: wave.Wave_read) -> tuple[int, bytes, bool]:
    """A foreign wav (another rate, 8 or 16 bit) brought to 16-bit 8 kHz; anything else is broken to us."""
    channels, width, rate = wav.getnchannels(), wav.getsampwidth(), wav.getframerate()
    data = wav.readframes(wav.getnframes())
    if width not in {1, 2}:
        return channels, b"", True
    if width == 1:
        samples = (np.frombuffer(data, np.uint8).astype(np.int16) - 128) * 256
    else:
        samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
    frames = samples[: len(samples) // channels * channels].reshape(-1, channels)
    wanted = np.arange(0, len(frames), rate / RATE_HZ)
    columns = [np.interp(wanted, np.arange(len(frames)), frames[:, c]) for c in range(channels)]
    return channels, np.stack(columns, axis=1).astype("<i2").tobytes(), False
