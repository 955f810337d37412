"""A private Asterisk for the bench: the hotline's own configuration, tones instead of speech.

Every prompt of the measured way is a tone of its own frequency, so that the first packet of the next prompt is told
from the last packet of the one that a key cut off.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from bench import ROOT
from ivr import prompt_audio as audio
from ivr.embedded import EmbeddedAsterisk
from ivr.prompt_catalogue import load
from ivr.settings import AsteriskSettings
from ivr.site import DIALPLAN, Folders, Telephone, write_all

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
_MUSIC = (300, 4000)
FIRST_RTP_OFFSET, LAST_RTP_OFFSET = 100, 999


def settings(base_port: int, number: int) -> AsteriskSettings:
    """Ports of instance `number` (0, 1) below `base_port` + 1000; the instances are loaded in turn and share RTP."""
    first = base_port + 10 * number
    return AsteriskSettings(
        sip_port=first, ami_port=first + 1, http_port=first + 2, rtp_start=base_port + FIRST_RTP_OFFSET,
        rtp_end=base_port + LAST_RTP_OFFSET, system_name=f"bench{number}",
    )  # fmt: skip


def prepare(asterisk: AsteriskSettings, root: Path, phones: Iterable[Telephone] = ()) -> Folders:
    """A fresh folder with the hotline's configuration and toned prompts."""
    folders = Folders(root)
    write_all(asterisk, folders, lines={LINE: REGION}, phones=phones)
    for prompt in load(DIALPLAN / "prompts.toml", LINE):
        _write_tone(folders.sounds / f"{prompt.sound}.wav", *_TONES.get(prompt.id, _OTHER_TONE))
    _write_tone(folders.music / "tone.wav", *_MUSIC)
    return folders


def make_floor(folders: Folders) -> None:
    """Replace the hotline's dialplan by the floor's."""
    shutil.copy(ROOT / "bench/floor.conf", folders.etc / "extensions.conf")


async def start(asterisk: AsteriskSettings, folders: Folders) -> EmbeddedAsterisk:
    running = EmbeddedAsterisk(asterisk, folders)
    await running.start()
    return running


def _write_tone(path: Path, hz: float, ms: int) -> None:
    audio.write_wav(path, audio.tone(hz, ms))
