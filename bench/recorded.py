"""What Asterisk wrote of the bench's talks (录音): stereo samples without a header, each side a tone without a break.

Looks at the spool files themselves, which the floor and the hotline write alike; the archive is the hotline's own affair.
"""

import asyncio
import contextlib
import csv
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from support import tones

WRITTEN_S = 1.0
"""Until the recorders have closed their files and the calls stand in Asterisk's own book."""
WINDOW = 160
"""Samples in which each side must hold its tone."""
HEAD_S = 3
"""The staff number is spoken in it."""
_CALLER, _CHANNEL = 1, -2
"""Columns of Asterisk's call detail records."""


@dataclass(frozen=True, slots=True)
class Recordings:
    count: int
    broken: int
    """Recordings with a hole in either side."""
    quiet_frames: int
    """20 ms pieces in which one side lacks its tone; filled by Asterisk when a packet came late or never."""
    most_missing_ms: float
    """By how much the shortest is shorter than its talk."""


@contextlib.contextmanager
def kept(root: Path) -> Iterator[Path]:
    """A folder with the recordings in the spool; they stay in it whoever takes them from there."""
    folder = root / "kept"
    folder.mkdir()
    for file in (root / "asterisk/spool/talk").glob("*.raw"):
        os.link(file, folder / file.name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


async def look(root: Path, folder: Path, lengths_s: Mapping[str, float]) -> Recordings:
    """At the recordings of these talks, which have ended: seconds by the caller's number."""
    await asyncio.sleep(WRITTEN_S)
    found = [
        (lengths_s[number], np.fromfile(folder / f"{channel}.raw", np.int16))
        for channel, number in _callers(root).items()
        if number in lengths_s and (folder / f"{channel}.raw").exists()
    ]
    quiet = [_quiet_frames(samples[: len(samples) // 2 * 2].reshape(-1, 2)) for _, samples in found]
    missing_ms = [length_s * 1000 - len(samples) / 2 / tones.RATE_HZ * 1000 for length_s, samples in found]
    return Recordings(
        len(found), sum(frames > 0 for frames in quiet), sum(quiet), max(missing_ms, default=0.0)
    )


def _callers(root: Path) -> dict[str, str]:
    """The caller's number of each channel, by Asterisk's own book."""
    with (root / "asterisk/log/cdr-csv/Master.csv").open() as rows:
        return {row[_CHANNEL]: row[_CALLER] for row in csv.reader(rows)}


def _quiet_frames(both: tones.Samples) -> int:
    """Frames without sound on either side; the head and the last second are not looked at."""
    middle = both[HEAD_S * tones.RATE_HZ : -tones.RATE_HZ]
    return sum(_quiet(middle[:, side]) for side in (0, 1))


def _quiet(samples: tones.Samples) -> int:
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float64)
    quiet = np.sqrt((windows**2).mean(axis=1)) < tones.FULL_SCALE * 10 ** (tones.SILENCE_DBFS / 20)
    return int(quiet.sum())
