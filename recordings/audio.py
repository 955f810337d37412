"""Audio files as bytes and samples: Asterisk's spool files in, wav out. No database, no clock.

Everything here blocks on the disk; callers run it in a thread.
"""

import hashlib
import os
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
SAMPLE_BYTES = 2
WAV_HEADER_BYTES = 44
_CHUNK_BYTES = 1 << 20
_EMPTY_OR_HEADER_BYTES = 60
"""Asterisk's empty .wav is a header and little else."""


@dataclass(frozen=True)
class Stored:
    """One finished wav in the archive."""

    path: Path
    channels: int
    duration_ms: int
    size: int
    sha256: str
    damaged: bool


def wav_header(channels: int, data_bytes: int) -> bytes:
    """The 44 bytes before `data_bytes` of 16-bit 8 kHz samples."""
    frame = channels * SAMPLE_BYTES
    riff = struct.pack("<4sI4s", b"RIFF", 36 + data_bytes, b"WAVE")
    fmt = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, RATE_HZ, RATE_HZ * frame, frame, 8 * SAMPLE_BYTES
    )
    return riff + fmt + struct.pack("<4sI", b"data", data_bytes)


def store(source: Path, target: Path) -> Stored:
    """Write `source` as a wav at `target`, whole or not at all; what is readable of a broken file is kept.

    A .raw source is 16-bit stereo (MixMonitor option D), any other is taken for a wav.
    """
    channels, data, damaged = _samples_of(source)
    return write(target, channels, data, damaged=damaged)


def write(target: Path, channels: int, data: bytes, *, damaged: bool = False) -> Stored:
    """Write 16-bit 8 kHz samples as a wav; a last incomplete frame is cut off, and the file called damaged."""
    frame = channels * SAMPLE_BYTES
    whole = len(data) // frame * frame
    damaged = damaged or whole != len(data) or whole == 0
    content = wav_header(channels, whole) + data[:whole]
    _write_atomically(target, content)
    duration_ms = round(whole / frame * 1000 / RATE_HZ)
    return Stored(target, channels, duration_ms, len(content), hashlib.sha256(content).hexdigest(), damaged)


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


def _write_atomically(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """The file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_samples(path: Path, channels: int) -> NDArray[np.int16]:
    """The samples of an archived wav, shape (frames, channels)."""
    data = np.fromfile(path, "<i2", offset=WAV_HEADER_BYTES)
    return data[: len(data) // channels * channels].reshape(-1, channels)
