"""A recording's sound as it is sent (录音播放, M-59): those of its parts that may be heard, as a wav, in pieces.

Blocks on disk and processor; callers run it in a thread.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from recordings.audio import RATE_HZ, SAMPLE_BYTES, WAV_HEADER_BYTES, wav_header
from recordings.keeping import archive
from recordings.listening.permission import Permission
from recordings.models import Recording
from recordings.settings import RecordingSettings

_PIECE_FRAMES = 1 << 14


@dataclass(frozen=True)
class Sound:
    """A recording as it is sent: a wav with a header of its own and some of the archived frames."""

    recording: Recording
    settings: RecordingSettings
    ranges: tuple[tuple[int, int], ...]
    """First frame and the one after the last, of each part."""

    @property
    def header(self) -> bytes:
        return wav_header(self.recording.channels, self._data_bytes)

    @property
    def size(self) -> int:
        return WAV_HEADER_BYTES + self._data_bytes

    def pieces(self, start: int, until: int) -> Iterator[bytes]:
        """The bytes from `start` to `until` (exclusive) of what is sent; blocks on disk and processor."""
        if start < WAV_HEADER_BYTES:
            yield self.header[start : min(until, WAV_HEADER_BYTES)]
        passed = WAV_HEADER_BYTES
        with archive.opened(self.recording, self.settings) as audio:
            for first, last in self.ranges:
                length = (last - first) * self._frame
                yield from self._part(audio, first, max(0, start - passed), min(length, until - passed))
                passed += length

    def _part(self, audio: archive.Audio, first: int, begin: int, end: int) -> Iterator[bytes]:
        """Bytes `begin` to `end` of the part whose first frame is `first`."""
        while begin < end:
            frame, skip = divmod(begin, self._frame)
            frames = min(_PIECE_FRAMES, -(-end // self._frame) - frame)
            data = audio.read(first + frame, first + frame + frames).tobytes()[skip : skip + end - begin]
            begin += len(data)
            yield data

    @property
    def _frame(self) -> int:
        return self.recording.channels * SAMPLE_BYTES

    @property
    def _data_bytes(self) -> int:
        return sum(last - first for first, last in self.ranges) * self._frame


def sound_of(recording: Recording, settings: RecordingSettings, permission: Permission) -> Sound:
    """The audio of a recording as far as the permission goes; raises RecordingGone, RecordingDamaged or KeyMissing."""
    with archive.opened(recording, settings) as audio:
        frames = audio.frames
    parts = permission.parts if permission.parts is not None else ((0, recording.duration_ms + 1),)
    return Sound(recording, settings, tuple(_frames(part, frames) for part in parts))


def _frames(part: tuple[int, int], frames: int) -> tuple[int, int]:
    """A part in ms as frames of the archived audio, within it."""
    start, until = (ms * RATE_HZ // 1000 for ms in part)
    return min(start, frames), min(until, frames)
