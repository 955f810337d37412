"""Audio at rest (录音存档): compressed with Opus, encrypted under a key of its own, checked when it is read (M-60, M-85).

A file in the archive is opened here and nowhere else. Everything blocks on disk and processor; callers run it in a
thread. Compression stands back for the calls that are going on: `in_background` runs at the lowest priority.
"""

import asyncio
import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from recordings.audio import RATE_HZ, Clip
from recordings.errors import RecordingAway, RecordingDamaged, RecordingGone
from recordings.keeping.depot import DepotAway, depot_of
from recordings.keeping.keyring import Keyring, seal, unseal
from recordings.models import Recording
from recordings.settings import RecordingSettings

SUFFIX = ".opus.enc"
_LOWEST_PRIORITY = 19
Result = TypeVar("Result")


@dataclass(frozen=True)
class Stored:
    """One finished file in the archive."""

    path: str
    """Relative to the archive folder."""
    channels: int
    duration_ms: int
    size: int
    sha256: str
    """Of the file as it lies in archive or depot."""
    audio_sha256: str
    """Of the samples that came from Asterisk: tells whether two spool files hold the same."""
    damaged: bool
    wrapped_key: bytes
    wrapped_by: str


def store(clip: Clip, path: str, settings: RecordingSettings) -> Stored:
    """Write the clip at `path` in the archive, whole or not at all. Raises OSError when the disk does not take it."""
    file_key = Keyring(settings.keyring).new_file_key()
    content = seal(file_key.key, _compressed(clip), path)
    _write_atomically(settings.archive_dir / path, content)
    return Stored(
        path, clip.channels, clip.duration_ms, len(content), hashlib.sha256(content).hexdigest(),
        clip.sha256, clip.damaged, file_key.wrapped, file_key.wrapped_by,
    )  # fmt: skip


async def in_background(work: Callable[..., Result], *arguments: object) -> Result:
    """Run `work` on the archive's own threads, behind everything else on the machine."""
    return await asyncio.get_running_loop().run_in_executor(_BACKGROUND, lambda: work(*arguments))


def samples(recording: Recording, settings: RecordingSettings) -> NDArray[np.int16]:
    """All samples, shape (frames, channels); raises RecordingGone, RecordingDamaged or KeyMissing."""
    with opened(recording, settings) as audio:
        return audio.read(0, audio.frames)


class Audio:
    """An open recording: `read` gives samples from any frame on."""

    def __init__(self, file: soundfile.SoundFile | None, channels: int) -> None:
        self._file = file
        self._channels = channels
        self.frames: int = file.frames if file else 0

    def read(self, start: int, until: int) -> NDArray[np.int16]:
        """Frames `start` to `until` (exclusive), shape (frames, channels)."""
        if self._file is None:
            return np.zeros((0, self._channels), np.int16)
        self._file.seek(start)
        found: NDArray[np.int16] = self._file.read(until - start, dtype="int16", always_2d=True)
        return found


@contextmanager
def opened(recording: Recording, settings: RecordingSettings) -> Iterator[Audio]:
    """The recording's audio; raises RecordingGone, RecordingAway, RecordingDamaged or KeyMissing."""
    try:
        sealed = file_content(recording.path, settings)
    except FileNotFoundError:
        raise RecordingGone(recording=recording.public_id) from None
    except DepotAway:
        raise RecordingAway(recording=recording.public_id) from None
    key = Keyring(settings.keyring).file_key(recording.wrapped_key, recording.wrapped_by)
    content = unseal(key, sealed, recording.path)
    if not content:
        yield Audio(None, recording.channels)
        return
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            yield Audio(file, recording.channels)
    except soundfile.SoundFileError as error:
        raise RecordingDamaged(recording=recording.public_id) from error


def file_content(path: str, settings: RecordingSettings) -> bytes:
    """A file of the archive as it lies there, or in the depot. Raises FileNotFoundError, DepotAway."""
    try:
        return (settings.archive_dir / path).read_bytes()
    except FileNotFoundError:
        if depot := depot_of(settings):
            return depot.get(path)
        raise


def _compressed(clip: Clip) -> bytes:
    """Opus in Ogg, of exactly as many frames; nothing for a clip without a frame, which Ogg cannot hold."""
    if not len(clip.frames):
        return b""
    out = io.BytesIO()
    soundfile.write(out, clip.frames, RATE_HZ, format="OGG", subtype="OPUS")
    return out.getvalue()


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


def _stand_back() -> None:
    """On Linux a thread has a priority of its own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)


_BACKGROUND = ThreadPoolExecutor(2, thread_name_prefix="archive", initializer=_stand_back)
