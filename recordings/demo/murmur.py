"""Synthetic voices (模拟话音) for demo recordings: the rhythm of talk, no words in it."""

import numpy as np
from numpy.typing import NDArray

from recordings.audio import RATE_HZ


def murmur(length_ms: int, channels: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Two people murmuring in turns (one on a single channel), shape (frames, channels)."""
    frames = length_ms * RATE_HZ // 1000
    moments = np.arange(frames) / RATE_HZ
    out = np.zeros((frames, channels))
    begin, speaker = 0, 0
    while begin < frames:
        length = int(rng.uniform(1.5, 4.5) * RATE_HZ)
        turn = slice(begin, min(begin + length, frames))
        out[turn, speaker % channels] = _voice(moments[turn], 205.0 if speaker % 2 else 128.0, rng)
        begin += length + int(rng.uniform(0.2, 0.7) * RATE_HZ)
        speaker += 1
    hiss = rng.normal(0, 25, out.shape)
    return (out + hiss).clip(-32767, 32767).astype("<i2")


def _voice(moments: NDArray[np.float64], pitch_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Harmonics of a wandering pitch in syllables of a quarter second, fading at both ends."""
    syllables = rng.uniform(0.35, 1.0, len(moments) // 2000 + 2).repeat(2000)[: len(moments)]
    envelope = np.abs(np.sin(np.pi * 4 * moments)) * syllables * np.hanning(len(moments)) ** 0.2
    phase = 2 * np.pi * pitch_hz * (moments + 0.004 * np.sin(2 * np.pi * 0.7 * moments))
    tones = sum(np.sin(phase * k) / k for k in (1, 2, 3, 5, 7))
    return np.asarray(envelope * tones * 6500)
