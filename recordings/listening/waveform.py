"""The picture of a recording (波形): loudest sample per slice and channel, kept beside the audio.

Blocks on the disk; callers run it in a thread.
"""

import json
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from recordings.audio import RATE_HZ
from recordings.keeping import archive
from recordings.models import Recording
from recordings.settings import RecordingSettings

FULL_SCALE = 32768
STEPS = 100
"""A peak is a whole number from 0 (silence) to this."""
QUIET = 2
"""Peaks up to this are hiss, not speech."""
SILENCE_LEAST_MS = 5000


def peaks_of(samples: NDArray[np.int16], buckets: int) -> list[list[int]]:
    """For each channel of `samples` (frames, channels), `buckets` numbers from 0 to 100; no audio, no numbers."""
    frames = len(samples)
    if frames == 0:
        return [[] for _ in range(samples.shape[1])]
    loud = np.abs(samples.astype(np.int32))
    starts = np.arange(min(buckets, frames)) * frames // min(buckets, frames)
    highest = np.maximum.reduceat(loud, starts, axis=0)
    return (np.ceil(highest * STEPS / FULL_SCALE).astype(int).T).tolist()  # type: ignore[no-any-return]


def silences(peaks: list[list[int]], duration_ms: int) -> list[tuple[int, int]]:
    """From and to, in ms, of each time in which nobody is heard on any channel for SILENCE_LEAST_MS or longer."""
    is_quiet = [max(loudest) <= QUIET for loudest in zip(*peaks, strict=True)]
    found, first = [], 0
    for quiet, run in groupby(is_quiet):
        last = first + len(list(run))
        span = (first * duration_ms // len(is_quiet), last * duration_ms // len(is_quiet))
        if quiet and span[1] - span[0] >= SILENCE_LEAST_MS:
            found.append(span)
        first = last
    return found


Parts = tuple[tuple[int, int], ...]


def peaks(
    recording: Recording, settings: RecordingSettings, buckets: int = 800, parts: Parts | None = None
) -> list[list[int]]:
    """The peaks of a recording, or of `parts` of it in ms one after the other.

    Those of the whole are worked out once, then read from `<name>.<buckets>.peaks`.
    """
    if parts is not None:
        samples = archive.samples(recording, settings)
        per_ms = RATE_HZ // 1000
        return peaks_of(np.concatenate([samples[a * per_ms : b * per_ms] for a, b in parts]), buckets)
    path = settings.archive_dir / recording.path
    cache = path.with_name(f"{path.name.removesuffix(archive.SUFFIX)}.{buckets}.peaks")
    if cache.exists() and (not path.exists() or cache.stat().st_mtime >= path.stat().st_mtime):
        return json.loads(cache.read_text())  # type: ignore[no-any-return]
    found = peaks_of(archive.samples(recording, settings), buckets)
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.replace(cache)
    return found
