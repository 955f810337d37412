"""Audio at rest: what goes into the archive comes out again, and nobody reads or alters it there."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tones import hears, sine

from recordings.audio import Clip, clip_of
from recordings.errors import KeyMissing, RecordingDamaged, RecordingGone
from recordings.keeping import archive
from recordings.keeping.keyring import Keyring
from recordings.listening import waveform
from recordings.models import Recording
from recordings.settings import RecordingSettings

PATH = "2026/06/01/talk-n1-1.1.opus.enc"


@pytest.fixture
def settings(tmp_path: Path) -> RecordingSettings:
    return RecordingSettings(tmp_path / "archive", tmp_path / "keys.json", tmp_path / "spool")


def stereo(length_s: float = 2.0) -> Clip:
    return clip_of(2, np.stack([sine(440, length_s), sine(880, length_s)], axis=1).tobytes())


def stored(settings: RecordingSettings, clip: Clip, path: str = PATH) -> Recording:
    made = archive.store(clip, path, settings)
    return Recording(
        public_id="x", path=made.path, channels=made.channels, duration_ms=made.duration_ms, size=made.size,
        sha256=made.sha256, wrapped_key=made.wrapped_key, wrapped_by=made.wrapped_by,
    )  # fmt: skip


@pytest.mark.parametrize("frames", [1, 7, 160, 16_001])
def test_every_frame_comes_back_on_its_channel(settings: RecordingSettings, frames: int):
    """Compression keeps the exact number of frames, so that every offset in the call's story still fits."""
    samples = archive.samples(stored(settings, clip_of(2, stereo(3).data[: frames * 4])), settings)
    assert samples.shape == (frames, 2)


def test_compression_keeps_what_was_said(settings: RecordingSettings):
    """Each side's tone is found on its own channel, in a sixth of the space or less."""
    row = stored(settings, stereo(20))
    samples = archive.samples(row, settings)
    assert hears(samples[:, 0], 440)
    assert hears(samples[:, 1], 880)
    assert not hears(samples[:, 0], 880)
    assert row.size * 6 < 20 * 8000 * 4


def test_reading_from_the_middle_is_reading_the_middle(settings: RecordingSettings):
    """A listener who jumps hears what one who waited hears there."""
    row = stored(settings, stereo(10))
    whole = archive.samples(row, settings)
    with archive.opened(row, settings) as audio:
        assert np.array_equal(audio.read(31_007, 40_000), whole[31_007:40_000])


def test_a_clip_without_audio_is_kept_and_opens(settings: RecordingSettings):
    """Nothing was said: the recording is there, and empty."""
    assert archive.samples(stored(settings, clip_of(2, b"")), settings).shape == (0, 2)


def test_the_disk_alone_tells_nothing(settings: RecordingSettings):
    """No file in the archive has the mark of a sound file, and two files of one clip differ."""
    first, second = stored(settings, stereo()), stored(settings, stereo(), "other.opus.enc")
    contents = [(settings.archive_dir / row.path).read_bytes() for row in (first, second)]
    assert not any(mark in content for content in contents for mark in (b"OggS", b"Opus", b"RIFF"))
    assert contents[0] != contents[1]


def test_a_changed_bit_is_noticed(settings: RecordingSettings):
    """Not a click in the sound but a refusal."""
    row = stored(settings, stereo())
    file = settings.archive_dir / row.path
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(RecordingDamaged):
        archive.samples(row, settings)


def test_a_file_under_another_name_does_not_open(settings: RecordingSettings):
    """Nobody passes one call off as another, not even together with its key."""
    row = stored(settings, stereo())
    (settings.archive_dir / "other.opus.enc").write_bytes((settings.archive_dir / PATH).read_bytes())
    row.path = "other.opus.enc"
    with pytest.raises(RecordingDamaged):
        archive.samples(row, settings)


def test_a_lost_file_and_a_lost_key_are_told_apart(settings: RecordingSettings, tmp_path: Path):
    """One cannot be helped, the other can: the administrator must know which."""
    row = stored(settings, stereo())
    with pytest.raises(KeyMissing):
        archive.samples(Recording(**{**_columns(row), "wrapped_by": "k9"}), settings)
    (settings.archive_dir / row.path).unlink()
    with pytest.raises(RecordingGone):
        archive.samples(row, settings)


def _columns(row: Recording) -> dict[str, object]:
    names = ("public_id", "path", "channels", "wrapped_key", "wrapped_by")
    return {name: getattr(row, name) for name in names}


def test_nothing_half_written_is_left_when_the_disk_fails(
    settings: RecordingSettings, monkeypatch: pytest.MonkeyPatch
):
    """When writing fails, the target does not exist and neither does a part of it."""
    keyring = Keyring(settings.keyring)
    keyring.new_file_key()

    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="No space"):
        archive.store(stereo(), PATH, settings)
    assert [file for file in settings.archive_dir.rglob("*") if file.is_file()] == []


def test_a_new_key_opens_old_recordings_after_rewrapping(settings: RecordingSettings):
    """Rotation changes the small key and not the file; afterwards the old key may be forgotten."""
    row, keyring = stored(settings, stereo()), Keyring(settings.keyring)
    before = (settings.archive_dir / row.path).read_bytes()
    assert keyring.add_key() == "k2"
    fresh = keyring.rewrap(row.wrapped_key, row.wrapped_by)
    assert (fresh.wrapped_by, fresh.wrapped != row.wrapped_key) == ("k2", True)
    keyring.keep_only_current()
    with pytest.raises(KeyMissing):
        archive.samples(row, settings)
    row.wrapped_key, row.wrapped_by = fresh.wrapped, fresh.wrapped_by
    assert len(archive.samples(row, settings)) == 16_000
    assert (settings.archive_dir / row.path).read_bytes() == before


def test_the_keyring_is_for_the_owner_alone(settings: RecordingSettings):
    """Mode 0600, and one key at first."""
    stored(settings, stereo())
    assert settings.keyring.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(settings.keyring.read_text())["keys"]) == ["k1"]


def test_peaks_are_worked_out_once(settings: RecordingSettings):
    """The second question is answered from the kept numbers."""
    row = stored(settings, stereo())
    first = waveform.peaks(row, settings, 10)
    kept = settings.archive_dir / PATH.replace(".opus.enc", ".10.peaks")
    kept.write_text("[[1], [2]]")
    assert waveform.peaks(row, settings, 10) == [[1], [2]]
    kept.unlink()
    assert waveform.peaks(row, replace(settings), 10) == first
