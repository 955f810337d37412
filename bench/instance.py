"""What the bench's instances share (ports, tones instead of speech), and the floor's Asterisk.

Every prompt of the measured way is a tone of its own frequency, so that the first packet of the next prompt is told
from the last packet of the one that a key cut off.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench import ROOT
from ivr.asterisk.embedded import EmbeddedAsterisk
from ivr.asterisk.site import DIALPLAN, Folders, LineFacts, Telephone, write_all
from ivr.settings import AsteriskSettings, CallSettings
from ivr.speech import prompt_audio as audio
from ivr.speech.prompt_catalogue import load

LINE = "96128"
REGION = "5300"
STEP_HZ = (1100.0, 1700.0)
"""Tones of the prompts after the first key and after the second."""
_TONES = {
    "welcome": (500, 300),
    "main-menu": (700, 8000),
    "query-menu": (1100, 8000),
    "department-level": (1700, 8000),
}
_OTHER_TONE = (440, 200)
FIRST_RTP_OFFSET, LAST_RTP_OFFSET = 100, 1999
"""Four ports a talk: each of its two ends has one for speech and one for its reports."""


def settings(base_port: int, number: int) -> AsteriskSettings:
    """Ports of instance `number` (0, 1) below `base_port` + 2000; the instances are loaded in turn and share RTP."""
    first = base_port + 10 * number
    return AsteriskSettings(
        sip_port=first, ami_port=first + 1, http_port=first + 2, rtp_start=base_port + FIRST_RTP_OFFSET,
        rtp_end=base_port + LAST_RTP_OFFSET, system_name=f"bench{number}",
    )  # fmt: skip


def rtp_ports(base_port: int) -> range:
    """Where the instances' Asterisks take audio."""
    return range(base_port + FIRST_RTP_OFFSET, base_port + LAST_RTP_OFFSET + 1)


def write_tones(folder: Path) -> None:
    """A tone for every prompt, as a recording that wins over the synthesised voice."""
    for prompt in load(DIALPLAN / "prompts.toml", LINE):
        _write_tone(folder / f"{prompt.id}.wav", *_TONES.get(prompt.id, _OTHER_TONE))


async def start_floor(
    asterisk: AsteriskSettings, root: Path, phones: Sequence[Telephone]
) -> EmbeddedAsterisk:
    """The hotline's own configuration but for the dialplan, which is the floor's."""
    folders = Folders(root)
    write_all(asterisk, folders, lines=LineFacts(), phones=phones, calls=CallSettings())
    for prompt in load(DIALPLAN / "prompts.toml", LINE):
        _write_tone(folders.sounds / f"{prompt.sound}.wav", *_TONES.get(prompt.id, _OTHER_TONE))
    shutil.copy(ROOT / "bench/floor.conf", folders.etc / "extensions.conf")
    running = EmbeddedAsterisk(asterisk, folders)
    await running.start()
    return running


def _write_tone(path: Path, hz: float, ms: int) -> None:
    audio.write_wav(path, audio.tone(hz, ms))
