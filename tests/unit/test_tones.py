"""The test kit's ears: a tone is found where it is, and nowhere else."""

import numpy as np
import pytest
from support import g711, tones
from support.heard import Heard


def _noise(duration_s: float, level: float = 3000.0) -> tones.Samples:
    return (np.random.default_rng(96128).normal(0, level, round(duration_s * 8000))).astype(np.int16)


@pytest.mark.parametrize("hz", [300, 440, 997, 1300, 3000])
def test_pure_tone_carries_all_energy(hz: int) -> None:
    """A sine at the asked frequency has a share near one, half a kilohertz away near none."""
    samples = tones.sine(hz, 0.1)

    assert tones.tone_level(samples, hz) > 0.98
    assert tones.tone_level(samples, hz + 500) < 0.02


@pytest.mark.parametrize("law", ["alaw", "ulaw"])
def test_tone_survives_g711(law: str) -> None:
    """Companding costs less than one percent of a tone's share, and less than 0.1 dB of its level."""
    samples = tones.sine(440, 0.2)

    decoded = g711.decode(g711.encode(samples, law), law)

    assert tones.tone_level(decoded, 440) > 0.99
    assert tones.level_dbfs(decoded) == pytest.approx(tones.level_dbfs(samples), abs=0.1)


def test_every_g711_code_survives_a_round_trip() -> None:
    """Decoding then encoding gives back the code; the two zeros of the μ law are the one exception."""
    codes = bytes(range(256))

    assert codes == g711.encode(g711.decode(codes, "alaw"), "alaw")
    back = g711.encode(g711.decode(codes, "ulaw"), "ulaw")
    assert [c for c in codes if back[c] != c] in ([0x7F], [0xFF])


def test_three_equal_talkers_are_all_heard() -> None:
    """In a mix of three tones each is heard, and a fourth is not."""
    mix = sum((tones.sine(hz, 0.2, -18) for hz in (440, 700, 1100)), np.zeros(1600, np.int16))

    assert [tones.hears(mix, hz) for hz in (440, 700, 1100, 900)] == [True, True, True, False]


def test_noise_is_not_a_tone() -> None:
    """White noise is sound, but holds no tone in any of its windows."""
    noise = _noise(10)

    assert tones.is_sound(noise)
    assert tones.segments_with(noise, 440) == []


def test_silence_holds_no_tone() -> None:
    """Digital silence and nothing at all are neither sound nor tone."""
    assert not tones.hears(np.zeros(800, np.int16), 440)
    assert not tones.hears(np.zeros(0, np.int16), 440)
    assert tones.level_dbfs(np.zeros(0, np.int16)) == -120.0


def test_level_of_a_sine_is_three_decibels_under_its_peak() -> None:
    """The effective level of a sine with a peak of -12 dBFS is -15 dBFS."""
    assert tones.level_dbfs(tones.sine(440, 1.0)) == pytest.approx(-15.0, abs=0.05)


def test_segments_tell_when_the_tone_sounded() -> None:
    """A tone between 0.5 s and 1.2 s and again from 2 s is reported as two stretches."""
    gap, tone = np.zeros(4000, np.int16), tones.sine(440, 0.7)
    samples = np.concatenate([gap, tone, np.zeros(6400, np.int16), tones.sine(440, 0.5), tones.sine(600, 1)])

    found = tones.segments_with(samples, 440)

    assert [pytest.approx(segment, abs=0.11) for segment in found] == [(0.5, 1.2), (2.0, 2.5)]


def test_longest_silence_is_measured_in_frames() -> None:
    """The longer of two pauses counts."""
    pause, long_pause, tone = np.zeros(2400, np.int16), np.zeros(8000, np.int16), tones.sine(440, 0.5)

    assert tones.longest_silence_s(np.concatenate([tone, pause, tone, long_pause, tone])) == 1.0
    assert tones.longest_silence_s(np.zeros(0, np.int16)) == 0.0


def test_late_packets_keep_their_place() -> None:
    """Packets that arrive in a burst are laid end to end by their time stamps, without a click or a hole."""
    heard, tone = Heard(), tones.sine(440, 1.0)

    for n in range(50):
        heard.add(
            tone[n * 160 : n * 160 + 160], 65530 + n & 0xFFFF, 2**32 - 800 + n * 160 & 0xFFFFFFFF, 7, n == 0
        )

    placed = [a.position for a in heard.arrivals[:12]]
    assert [n * 160 for n in range(12)] == placed
    assert heard.packets_lost == 0


def test_lost_packets_are_counted_and_leave_silence() -> None:
    """Three missing sequence numbers are three lost packets and 60 ms of silence."""
    heard, tone = Heard(), tones.sine(440, 0.2)

    for n in (0, 1, 2, 6, 7, 8):
        heard.add(tone[n * 160 : n * 160 + 160], n, n * 160, 7, n == 0)

    assert heard.packets_lost == 3
    assert heard.longest_silence_s() == pytest.approx(0.06)


def test_new_spurt_is_a_marker_or_a_jump() -> None:
    """The first packet of a new sound is found among the packets after an instant."""
    heard, pcm = Heard(), tones.sine(440, 0.02)

    for n, (stamp, marker) in enumerate([(0, True), (160, False), (320, False), (960, False), (1120, False)]):
        heard.add(pcm, n, stamp, 7, marker)

    first = heard.arrivals[0].at
    fresh = heard.first_packet_after(first, new_spurt=True)
    assert fresh is not None
    assert fresh.timestamp == 960
    assert heard.first_packet_after(heard.arrivals[-1].at) is None
