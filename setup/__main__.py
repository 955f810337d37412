"""`python3 -m setup WHAT…`: parts of the set-up in order; a part that is done already costs nothing.

A stamp holds a hash of what the part was made from and where, so that a second run touches neither network nor disk.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from setup import asterisk, dispatcher, extras, loopback, packages
from setup.say import SetupError

HOME = Path(__file__).resolve().parent
TOOLS = HOME.parent / ".tools"
ENVIRONMENT = HOME.parent / ".venv"


@dataclass(frozen=True)
class Part:
    """One part of the set-up: what it is called on screen, where its stamp lies, what it is made from."""

    title: str
    provide: Callable[[Path], None]
    place: Path
    made_from: tuple[Path, ...]


_EXTRAS = (HOME / "extras.py",)
PARTS = {
    "packages": Part(
        "Python 软件包", packages.provide, ENVIRONMENT, (packages.LOCK, HOME.parent / "pyproject.toml")
    ),
    "asterisk": Part("Asterisk", asterisk.provide, TOOLS, (asterisk.LOCK, HOME / "asterisk.py")),
    "voice": Part("普通话语音 espeak-ng", extras.provide_voice, TOOLS, _EXTRAS),
    "database": Part("测试用 PostgreSQL", extras.provide_database, TOOLS, _EXTRAS),
    "dispatcher": Part("测试用 Kamailio", dispatcher.provide, TOOLS, (HOME / "dispatcher.py",)),
    "browser": Part("测试用 Chromium", extras.provide_browser, TOOLS, _EXTRAS),
}
COMMANDS: dict[str, Callable[[], None]] = {
    "loopback": loopback.provide,
    "lock": packages.refresh_lock,
    "lock-asterisk": lambda: asterisk.refresh_lock(TOOLS),
}


def main(arguments: list[str]) -> int:
    """Provide the named parts, `all` of `/of` steps counted from 1; 1 when one of them cannot be had."""
    names = arguments[1:]
    try:
        for number, name in enumerate(names, start=1):
            if name in COMMANDS:
                COMMANDS[name]()
                continue
            print(f"[{number}/{arguments[0]}] {PARTS[name].title}", flush=True)
            _provide_once(name, PARTS[name])
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _provide_once(name: str, part: Part) -> None:
    stamp = part.place / f"{name}.stamp"
    wanted = _fingerprint(part)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    part.provide(part.place)
    stamp.write_text(wanted, encoding="utf-8")


def _fingerprint(part: Part) -> str:
    """What the part is made from; the folder too, because launchers hold absolute paths."""
    contents = [str(HOME).encode(), *(file.read_bytes() for file in part.made_from)]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
