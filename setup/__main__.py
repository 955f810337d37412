"""`python3 -m setup WHAT`: one part of the set-up; done already means done at once.

A stamp holds a hash of what the part was made from and where, so that a second run touches neither network nor disk.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from setup import asterisk, extras
from setup.say import SetupError

HOME = Path(__file__).resolve().parent
TOOLS = HOME.parent / ".tools"
PARTS: dict[str, Callable[[Path], None]] = {
    "asterisk": asterisk.provide,
    "voice": extras.provide_voice,
    "database": extras.provide_database,
    "browser": extras.provide_browser,
}


def main(arguments: list[str]) -> int:
    """Provide the named parts; 1 when one of them cannot be had."""
    try:
        for name in arguments:
            _provide_once(name)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _provide_once(name: str) -> None:
    stamp = TOOLS / f"{name}.stamp"
    wanted = _fingerprint(name)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    TOOLS.mkdir(exist_ok=True)
    PARTS[name](TOOLS)
    stamp.write_text(wanted, encoding="utf-8")


def _fingerprint(part: str) -> str:
    """What the part is made from; the folder too, because launchers hold absolute paths."""
    made_from = [HOME / "asterisk.lock", HOME / "asterisk.py"] if part == "asterisk" else [HOME / "extras.py"]
    contents = [str(HOME).encode(), *(file.read_bytes() for file in made_from)]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
