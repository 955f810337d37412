"""A private Asterisk for tests (测试用 Asterisk): starts one from any configuration folder, asks it, stops it.

Owns the process. `write_minimal_config` makes a small dialplan that proves the test phone itself; the hotline's own
configuration comes from elsewhere.
"""

import asyncio
import contextlib
import socket
import subprocess
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from support import tones

REPOSITORY: Final = Path(__file__).resolve().parents[2]
BINARY: Final = REPOSITORY / ".tools/bin/asterisk"
MODULES: Final = REPOSITORY / ".tools/asterisk/modules"
DATA: Final = REPOSITORY / ".tools/asterisk/data"
_TEMPLATES: Final = Path(__file__).parent / "asterisk_minimal"
PROMPT_HZ: Final = {"menu": 600, "second": 900, "last": 1300, "music": 350}
"""The minimal configuration's prompts are pure tones, so that a test knows which one it hears."""


class AsteriskProcess:
    """A running Asterisk; `folder` holds asterisk.conf."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = (folder / "console.log").open("wb")
        self._process = subprocess.Popen(
            [BINARY, "-C", folder / "asterisk.conf", "-f"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def pid(self) -> int:
        """The process id, for reading its CPU time."""
        return self._process.pid

    def wait_booted(self, timeout_s: float = 30.0) -> None:
        """Return when Asterisk is fully booted. Raises RuntimeError with the end of its log when it does not come up."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self._process.poll() is None:
            if (
                subprocess.run(
                    self._remote("core waitfullybooted"), capture_output=True, check=False
                ).returncode
                == 0
            ):
                return
            time.sleep(0.05)
        raise RuntimeError(f"Asterisk did not start:\n{self.log()[-3000:]}")

    def log(self) -> str:
        """What it has printed so far."""
        return (self.folder / "console.log").read_text(errors="replace")

    async def cli(self, command: str) -> str:
        """The output of one CLI command, without blocking the event loop."""
        process = await asyncio.create_subprocess_exec(
            *map(str, self._remote(command)), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), 10)
        return output.decode(errors="replace")

    async def global_variable(self, name: str) -> str | None:
        """The value of a global dialplan variable."""
        for line in (await self.cli("dialplan show globals")).splitlines():
            key, _, value = line.strip().partition("=")
            if key == name:
                return value
        return None

    async def channel_count(self) -> int:
        """How many channels live now."""
        return int((await self.cli("core show channels count")).split()[0])

    def is_running(self) -> bool:
        """Whether the process still lives."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it: politely first, by its process id when that does not help."""
        if self.is_running():
            subprocess.run(self._remote("core stop now"), capture_output=True, check=False, timeout=10)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._log.close()

    def _remote(self, command: str) -> list[str | Path]:
        return [BINARY, "-C", self.folder / "asterisk.conf", "-rx", command]


@contextlib.contextmanager
def running_asterisk(folder: Path) -> Iterator[AsteriskProcess]:
    """A booted Asterisk for the length of a `with` block."""
    process = AsteriskProcess(folder)
    try:
        process.wait_booted()
        yield process
    finally:
        process.stop()


def write_minimal_config(folder: Path, sip_port: int, rtp_start: int, rtp_end: int) -> Path:
    """Write a configuration with echo, music, a menu and two accounts into `folder`; returns the folder."""
    for name in ("run", "log", "spool", "lib", "db", "prompts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    values = {
        "@FOLDER@": folder,
        "@MODULES@": MODULES,
        "@DATA@": DATA,
        "@SIP_PORT@": sip_port,
        "@RTP_START@": rtp_start,
        "@RTP_END@": rtp_end,
    }
    for template in _TEMPLATES.glob("*.conf"):
        text = template.read_text()
        for mark, value in values.items():
            text = text.replace(mark, str(value))
        (folder / template.name).write_text(text)
    _write_prompts(folder / "prompts")
    return folder


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_prompts(folder: Path) -> None:
    for name, hz in PROMPT_HZ.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(tones.RATE_HZ)
            out.writeframes(tones.sine(hz, 10.0 if name == "music" else 1.0).tobytes())
