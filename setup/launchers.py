"""Launchers (启动脚本): small files in `.tools/bin` that start a program of the machine or of a private tree."""

from __future__ import annotations

import shlex
from pathlib import Path

from setup.say import SetupError


def link(name: Path, target: Path) -> None:
    """Make `name` a link to a program or folder, replacing an older one."""
    name.parent.mkdir(parents=True, exist_ok=True)
    name.unlink(missing_ok=True)
    name.symlink_to(target)


def script(name: Path, command: list[str | Path], environment: dict[str, object] | None = None) -> None:
    """Write a launcher that sets the given variables and becomes the command."""
    exports = [f"export {key}={shlex.quote(str(value))}" for key, value in (environment or {}).items()]
    words = " ".join(shlex.quote(str(word)) for word in command)
    name.parent.mkdir(parents=True, exist_ok=True)
    name.unlink(missing_ok=True)
    name.write_text("\n".join(["#!/bin/sh", *exports, f'exec {words} "$@"', ""]), encoding="utf-8")
    name.chmod(0o755)


def own_loader(name: Path, tree: Path, program: str) -> None:
    """Start a program of a newer release: through its own loader, with its own libraries only, no chroot."""
    loader = next(
        iter(sorted(tree.glob("usr/lib*/ld-linux*.so.*")) or tree.glob("lib*/ld-linux*.so.*")), None
    )
    if loader is None:
        raise SetupError(
            f"{tree} 中没有动态加载器, 请删除该目录后重试。",
            f"No dynamic loader in {tree}: delete the folder and try again.",
        )
    libraries = ":".join(str(folder) for folder in library_folders(tree))
    script(name, [loader, "--library-path", libraries, "--argv0", name.name, tree / program])


def library_folders(tree: Path) -> list[Path]:
    """The folders of a tree in which its shared libraries lie, private ones of a package (pulseaudio/) included."""
    common = [
        folder
        for pattern in ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*")
        for folder in sorted(tree.glob(pattern))
    ]
    private = {file.parent for folder in common for file in folder.glob("*/lib*.so*")}
    return [*common, *sorted(private)]
