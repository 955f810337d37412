"""Audio files: what becomes of whole and broken ones, and the picture drawn of them."""

import wave
from pathlib import Path

import numpy as np
import pytest
from support.tones import hears, sine

from recordings import audio
from recordings.listening import waveform

LEFT, RIGHT = sine(440, 2.0), sine(880, 2.0)


def stereo() -> bytes:
    return np.stack([LEFT, RIGHT], axis=1).tobytes()


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return path


def test_raw_stereo_has_each_side_on_its_channel(tmp_path: Path):
    """The caller's tone is on the left, the other side's on the right, the length is exact."""
    source = tmp_path / "n1-1.1.raw"
    source.write_bytes(stereo())
    clip = audio.read(source)
    assert (clip.channels, clip.duration_ms, clip.damaged) == (2, 2000, False)
    assert hears(clip.frames[:, 0], 440)
    assert hears(clip.frames[:, 1], 880)
    assert not hears(clip.frames[:, 0], 880)
    made = tmp_path / "sent.wav"
    made.write_bytes(audio.wav_header(2, len(clip.data)) + clip.data)
    with wave.open(str(made)) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getnframes()) == (2, 8000, 16000)


@pytest.mark.parametrize("extra", [1, 2, 3])
def test_a_file_that_ends_in_mid_frame_keeps_its_whole_frames(tmp_path: Path, extra: int):
    """One to three stray bytes mark the file as damaged; nothing before them is lost."""
    source = tmp_path / "odd.raw"
    source.write_bytes(stereo() + b"\x01" * extra)
    clip = audio.read(source)
    assert (clip.damaged, clip.duration_ms) == (True, 2000)


def test_an_empty_file_is_kept_as_damaged(tmp_path: Path):
    """No byte of audio is a clip of no length, marked damaged."""
    source = tmp_path / "empty.raw"
    source.touch()
    clip = audio.read(source)
    assert (clip.damaged, clip.duration_ms, clip.frames.shape) == (True, 0, (0, 2))


def test_a_wav_cut_short_keeps_what_there_is(tmp_path: Path):
    """A header that promises more than there is marks the file as damaged and loses nothing."""
    whole = write_wav(tmp_path / "whole.wav", LEFT)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole.read_bytes()[:16044])
    clip = audio.read(cut)
    assert (clip.damaged, clip.duration_ms, clip.channels) == (True, 1000, 1)


def test_a_wav_whose_writer_died_is_read_past_its_empty_header(tmp_path: Path):
    """Asterisk writes lengths last: a header that promises nothing does not hide the audio behind it."""
    died = tmp_path / "died.wav"
    died.write_bytes(audio.wav_header(1, 0) + LEFT.tobytes())
    clip = audio.read(died)
    assert (clip.damaged, clip.duration_ms) == (True, 2000)
    assert hears(clip.frames[:, 0], 440)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav at all", b"RIFF\xff\xff\xff\xffWAVEfmt "])
def test_garbage_is_damaged_and_never_raises(tmp_path: Path, content: bytes):
    """Whatever lies in the spool becomes a damaged recording, not an exception."""
    garbage = tmp_path / "garbage.wav"
    garbage.write_bytes(content)
    assert audio.read(garbage).damaged


def test_a_wav_of_another_rate_is_brought_to_ours(tmp_path: Path):
    """16 kHz in, 8 kHz out, the same tone and length."""
    foreign = tmp_path / "wide.wav"
    n = np.arange(32000)
    write_wav(foreign, (8000 * np.sin(2 * np.pi * 440 * n / 16000)).astype("<i2"), rate=16000)
    clip = audio.read(foreign)
    assert (clip.duration_ms, clip.damaged) == (2000, False)
    assert hears(clip.frames[:, 0], 440)


def test_peaks_follow_the_loudness_of_each_channel():
    """Silence is 0, a tone 6 dB below full scale about 50, full scale 100."""
    silence, half = np.zeros(8000, np.int16), sine(440, 1.0, -6.02)
    samples = np.stack([np.concatenate([silence, half]), np.concatenate([half, silence])], axis=1)
    left, right = waveform.peaks_of(samples, 100)
    assert left == right[50:] + right[:50]
    assert set(left[:50]) == {0}
    assert all(48 <= value <= 52 for value in left[50:])
    assert waveform.peaks_of(np.full((10, 1), -32768, np.int16), 5) == [[100] * 5]


def test_silences_are_where_nobody_on_any_channel_is_heard():
    """Hiss is silence, one voice ends it, shorter ones are left out; nothing at all is one silence, no audio none."""
    left = [50] * 10 + [2] * 20 + [50] * 10 + [0] * 60
    right = [0] * 40 + [0] * 4 + [60] * 6 + [1] * 50
    assert waveform.silences([left, right], 100_000) == [(10_000, 30_000), (50_000, 100_000)]
    assert waveform.silences([left], 20_000) == [(8_000, 20_000)]
    assert waveform.silences([[0, 0]], 4_999) == []
    assert waveform.silences([[], []], 0) == []


def test_a_recording_shorter_than_the_picture_has_a_peak_per_frame():
    """Three frames give three peaks, no frame none."""
    assert [len(p) for p in waveform.peaks_of(np.zeros((3, 2), np.int16), 800)] == [3, 3]
    assert waveform.peaks_of(np.zeros((0, 2), np.int16), 800) == [[], []]
