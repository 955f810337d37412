"""Sound files for the telephone (音频): 8 kHz mono 16-bit WAV, made, read, cleaned and measured.

Knows samples and files, nothing of prompts or of who speaks them. Samples are floats from -1 to 1.
"""

import io
import math
import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

RATE = 8000
FRAME = RATE // 100

Samples = npt.NDArray[np.float64]

_QUIET = 10 ** (-40 / 20)  # under the loudest frame: breath and synthesiser hiss, not speech
_SPEECH_LEVEL = 10 ** (-20 / 20)
_PEAK = 10 ** (-3 / 20)
_RATES = range(RATE, 192_001)
_MOST_CHANNELS, _MOST_WIDTH = 8, 4
_LEAD_FRAMES, _TAIL_FRAMES = 2, 6


class BadSound(Exception):
    """A file that is not a readable PCM WAV; the text says in Chinese what is wrong."""


def read_wav(source: Path | BinaryIO) -> Samples:
    """Any PCM WAV as mono samples at 8 kHz; BadSound for another format and for a cut-off file."""
    try:
        with wave.open(str(source) if isinstance(source, Path) else source, "rb") as file:
            channels, width, rate, frames = file.getparams()[:4]
            raw = file.readframes(frames)
    except (wave.Error, EOFError, OSError) as error:
        raise BadSound("不是可读的 PCM WAV 文件") from error
    if rate not in _RATES or channels > _MOST_CHANNELS or width > _MOST_WIDTH:
        raise BadSound(
            f"采样率应在 {_RATES.start} 至 {_RATES.stop - 1} Hz 之间，声道不多于 {_MOST_CHANNELS} 个"
        )
    if len(raw) < frames * width * channels:
        raise BadSound("文件不完整，后半段缺失")
    mono = _decode(raw, width).reshape(-1, channels).mean(axis=1)
    return resample(mono, rate)


def _decode(raw: bytes, width: int) -> Samples:
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float64) - 128) / 128
    if width == 2:
        return np.frombuffer(raw, "<i2").astype(np.float64) / 2**15
    if width == 4:
        return np.frombuffer(raw, "<i4").astype(np.float64) / 2**31
    parts = np.frombuffer(raw, np.uint8).reshape(-1, 3).astype(np.int32)
    whole = (parts[:, 0] << 8) | (parts[:, 1] << 16) | (parts[:, 2] << 24)
    return whole.astype(np.float64) / 2**31


def resample(samples: Samples, rate: int) -> Samples:
    """To 8 kHz, with everything above 4 kHz removed (cut in the spectrum, so nothing folds back)."""
    if rate == RATE or not len(samples):
        return samples
    step = rate // math.gcd(rate, RATE)
    padded = np.pad(samples, (0, -len(samples) % step))
    length = len(padded) * RATE // rate
    # rfft of the two lengths share their low bins; irfft crops or zero-fills to the new length.
    cut: Samples = np.fft.irfft(np.fft.rfft(padded), n=length) * (length / len(padded))
    return cut


def clean(samples: Samples) -> Samples:
    """Speech without the silence around it, at one loudness, so that pieces join without gaps or jumps."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.sqrt((frames**2).mean(axis=1)) if len(frames) else np.zeros(0)
    if not len(power) or power.max() == 0:
        return samples[:0]
    loud = np.flatnonzero(power > power.max() * _QUIET)
    first, last = max(loud[0] - _LEAD_FRAMES, 0), loud[-1] + 1 + _TAIL_FRAMES
    spoken = frames[loud[0] : loud[-1] + 1]
    level = np.sqrt((spoken**2).mean())
    gain = min(_SPEECH_LEVEL / level, _PEAK / np.abs(samples).max())
    cut: Samples = samples[first * FRAME : last * FRAME] * gain
    return cut


def write_wav(path: Path, samples: Samples) -> None:
    """Write the file whole or not at all: Asterisk may be reading the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{id(samples):x}.part")
    part.write_bytes(wav_bytes(samples))
    part.replace(path)


def wav_bytes(samples: Samples) -> bytes:
    """The file's content."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return made.getvalue()


def silence(ms: int) -> Samples:
    return np.zeros(RATE * ms // 1000)


def tone(hz: float, ms: int) -> Samples:
    """A sine with 10 ms ramps, so that it starts and stops without a click."""
    at = np.arange(RATE * ms // 1000) / RATE
    ramp = np.minimum(1, np.minimum(at, at[::-1]) / 0.01)
    return 0.3 * ramp * np.sin(2 * np.pi * hz * at)


def fault(path: Path) -> str | None:
    """What is wrong with a finished prompt file, in Chinese; None when a caller can hear it."""
    if not path.exists():
        return "缺少声音文件"
    try:
        samples = read_wav(path)
    except BadSound as error:
        return str(error)
    if len(samples) < FRAME:
        return "声音文件是空的"
    return None


def music(chords: tuple[tuple[float, ...], ...], chord_s: float = 4.0) -> Samples:
    """A loop of soft chords that swell and fade, each note with two quiet overtones; ends as it begins."""
    length = int(chord_s * RATE)
    at = np.arange(length) / RATE
    swell = np.sin(np.pi * at / chord_s) ** 0.7
    parts = []
    for chord in chords:
        notes = [
            _soft_note(hz, at) * (1 + 0.15 * np.sin(2 * np.pi * (0.5 + i / 8) * at))
            for i, hz in enumerate(chord)
        ]
        parts.append(swell * np.sum(notes, axis=0))
    loop = np.concatenate(parts)
    # Half of every chord sounds over its neighbours, round the seam as well.
    loop = loop + 0.6 * np.roll(loop, length // 2)
    quiet: Samples = loop / np.abs(loop).max() * 0.25
    return quiet


def _soft_note(hz: float, at: Samples) -> Samples:
    turn = 2 * np.pi * hz * at
    note: Samples = np.sin(turn) + 0.25 * np.sin(2 * turn) + 0.08 * np.sin(3 * turn)
    return note
