"""The pinned package list (锁定文件) of the private Asterisk, and what to take when the archive has moved on."""

from __future__ import annotations

import re
from pathlib import Path

from setup.apt import Apt
from setup.say import SetupError, note

_HEADER = "#"


def read(file: Path) -> dict[str, str]:
    """Package name to pinned version, in file order."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if line and not line.startswith(_HEADER))


def refresh(file: Path, apt: Apt) -> None:
    """Write the file anew with the versions that the archive offers today, comments kept."""
    header = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(_HEADER)]
    chosen = choose(read(file), apt)
    file.write_text(
        "\n".join([*header, *(f"{name} {version}" for name, version in chosen.items())]) + "\n",
        encoding="utf-8",
    )


def choose(pins: dict[str, str], apt: Apt) -> dict[str, str]:
    """What to fetch: the pinned version where it is still served, else the current one, said aloud."""
    offered = apt.versions(list(pins))
    gone = [name for name in pins if name not in offered]
    renamed = _successors(gone, apt) if gone else {}
    offered |= apt.versions(list(renamed.values())) if renamed else {}
    chosen: dict[str, str] = {}
    for name, pinned in pins.items():
        now = renamed.get(name, name)
        chosen[now] = pinned if now == name and pinned in offered[now] else offered[now][0]
        if (now, chosen[now]) != (name, pinned):
            note(
                f"{name} {pinned} 已不再提供, 改用 {now} {chosen[now]}",
                f"{name} {pinned} is no longer served, taking {now} {chosen[now]}",
            )
    return chosen


def _successors(gone: list[str], apt: Apt) -> dict[str, str]:
    """A library's package is renamed with its binary interface (libxml2-16 to libxml2-17): follow the stem."""
    needed = {_stem(name): name for name in apt.depends(["asterisk", "sip-tester"])}
    lost = [name for name in gone if _stem(name) not in needed]
    if lost:
        raise SetupError(
            f"Debian 软件源中找不到软件包 {'、'.join(lost)}, 请更新 setup/asterisk.lock。",
            f"Not in the Debian archive: {', '.join(lost)}; setup/asterisk.lock needs an update.",
        )
    return {name: needed[_stem(name)] for name in gone}


def _stem(package: str) -> str:
    return re.sub(r"[-.\d]*(t64)?$", "", package)
