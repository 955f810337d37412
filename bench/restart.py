"""How long after a `kill -9` the controller is in charge again: `python -m bench.restart`.

A hotline in a process of its own is killed and at once started again, several times. In charge is who has written the
heartbeat that lets callers into the menus; until then Asterisk serves them alone. Beside it stands the floor: how long Python takes
to load the rooms and do nothing.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.controller import environment
from bench.instance import REGION, write_tones
from config.cli.ami_client import AmiClient, connected
from config.database import opened, upgrade
from config.settings import Settings, load
from core.units import Region, RegionLevel

READY = "热线已启动"
LIMIT_S = 90.0


async def _found(settings: Settings) -> None:
    await upgrade(settings.database.url)
    async with opened(settings) as db, db.unit_of_work() as session:
        session.add(Region(code=REGION, name="示范州", level=RegionLevel.PREFECTURE))


def _start(environ: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        command = [sys.executable, "-m", "config.cli", "run"]
        return subprocess.Popen(command, env=os.environ | environ, stdout=output, stderr=output)


def _until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while READY not in (said := log.read_text(errors="replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"not started:\n{said[-2000:]}")
        time.sleep(0.05)


def _beats(asterisk: AmiClient) -> bool:
    return str(asterisk.ask("Getvar", Variable="CTL_BEAT")["Value"]) != "0"


def _return_s(
    asterisk: AmiClient, environ: dict[str, str], log: Path
) -> "tuple[subprocess.Popen[bytes], float]":
    """A new process, and the seconds until its first beat."""
    asterisk.ask("Setvar", Variable="CTL_BEAT", Value="0")
    began = time.monotonic()
    process = _start(environ, log)
    while not _beats(asterisk):
        time.sleep(0.01)
    took = time.monotonic() - began
    _until_ready(process, log)
    return process, took


def _loading_s() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import config.bootstrap"], check=True)
    return time.monotonic() - began


def _measured(root: Path, base_port: int, times: int) -> list[float]:
    write_tones(root / "tones")
    environ = environment(root, base_port) | {"HOTLINE__MODE": "test"}
    settings = load(environ)
    asyncio.run(_found(settings))
    log = root / "output"
    process = _start(environ, log)
    _until_ready(process, log)
    found = []
    try:
        with connected(settings.asterisk) as client:
            for _ in range(times):
                process.kill()
                process.wait()
                process, took = _return_s(client, environ, log)
                found.append(took)
    finally:
        process.terminate()
        process.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--base-port", type=int, default=24_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hotline-restart-") as folder:
        found = _measured(Path(folder), given.base_port, given.times)
    floor_s = statistics.median(_loading_s() for _ in range(given.times))
    print(
        f"kill -9 to the next process's first beat, {len(found)} times: median {statistics.median(found):.2f} s, longest {max(found):.2f} s; Python alone {floor_s:.2f} s"
    )


if __name__ == "__main__":
    main()
