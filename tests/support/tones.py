"""Pure arithmetic on 8 kHz speech-band audio (单音检测): makes sine tones, and tells which tone a piece of audio holds.

Owns levels and frequencies. Knows nothing of packets, calls or time of day: samples in, numbers out.
"""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
FULL_SCALE = 32768.0
SILENCE_DBFS = -50.0
"""Anything below is silence: G.711 companding noise and comfort noise stay under it, speech and tones well over it."""

Samples = NDArray[np.int16]


def sine(hz: float, duration_s: float, level_dbfs: float = -12.0) -> Samples:
    """`duration_s` seconds of a sine whose peak is `level_dbfs` below full scale."""
    peak = 32767.0 * 10 ** (level_dbfs / 20)
    n = np.arange(round(duration_s * RATE_HZ))
    return np.round(peak * np.sin(2 * np.pi * hz * n / RATE_HZ)).astype(np.int16)


def level_dbfs(samples: Samples) -> float:
    """Root-mean-square level relative to full scale; -120 for digital silence and for nothing at all."""
    if not len(samples):
        return -120.0
    power = float(np.mean(np.square(samples.astype(np.float64)))) / FULL_SCALE**2
    return 10 * np.log10(power) if power > 1e-12 else -120.0


def is_sound(samples: Samples, threshold_dbfs: float = SILENCE_DBFS) -> bool:
    """Whether the piece as a whole is louder than the silence threshold."""
    return level_dbfs(samples) > threshold_dbfs


def tone_level(samples: Samples, hz: float) -> float:
    """The share (0.0 to 1.0) of the piece's energy that lies at `hz`, as Goertzel's filter finds it.

    A pure tone gives 1.0, two equally loud tones 0.5 each. The filter is about `8000 / len(samples)` Hz wide.
    """
    x = samples.astype(np.float64)
    x -= x.mean() if len(x) else 0.0
    energy = float(np.dot(x, x))
    if energy < 1.0:
        return 0.0
    bin_value = np.dot(x, np.exp(-2j * np.pi * hz / RATE_HZ * np.arange(len(x))))
    return min(1.0, 2 * float(abs(bin_value)) ** 2 / (len(x) * energy))


def hears(samples: Samples, hz: float, min_share: float = 0.25) -> bool:
    """Whether the tone carries at least `min_share` of the energy of a piece that is not silent.

    The default leaves room for three equally loud talkers mixed into one recording.
    """
    return is_sound(samples) and tone_level(samples, hz) >= min_share


def segments_with(
    samples: Samples, hz: float, window_ms: int = 100, min_share: float = 0.25
) -> list[tuple[float, float]]:
    """The stretches that hold the tone, as (start, end) in seconds from the first sample, to one window's precision."""
    size = RATE_HZ * window_ms // 1000
    found: list[tuple[float, float]] = []
    for start in range(0, len(samples) - size + 1, size):
        if not hears(samples[start : start + size], hz, min_share):
            continue
        begin_s, end_s = start / RATE_HZ, (start + size) / RATE_HZ
        if found and found[-1][1] == begin_s:
            found[-1] = (found[-1][0], end_s)
        else:
            found.append((begin_s, end_s))
    return found


def longest_silence_s(samples: Samples, frame_ms: int = 20, threshold_dbfs: float = SILENCE_DBFS) -> float:
    """Seconds of the longest run of frames below the threshold."""
    size = RATE_HZ * frame_ms // 1000
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    floor = (FULL_SCALE * 10 ** (threshold_dbfs / 20)) ** 2
    longest = run = 0
    for quiet in np.mean(np.square(frames), axis=1) <= floor if len(frames) else ():
        run = run + 1 if quiet else 0
        longest = max(longest, run)
    return longest * frame_ms / 1000
