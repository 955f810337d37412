"""Files of a backup on their way into their folders: staged inside each, then moved in by name, or all taken back.

Staging inside the folder keeps the move on one disk, also where the folder is the top of a disk array.
"""

import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from config.backup.layout import RestoreRefused

_STAGING = ".restoring"
_OF_THE_DISK = {_STAGING, "lost+found"}


class Placing:
    """Used as a context: leaving it with an error takes everything back."""

    def __init__(self, tar: tarfile.TarFile, folders: Mapping[str, Path]) -> None:
        self._tar, self._folders = tar, folders
        self._made: list[Path] = []
        self._moved: list[Path] = []

    def refuse_occupied(self) -> None:
        """Raises RestoreRefused for a folder with anything in it."""
        for folder in self._folders.values():
            if folder.exists() and any(one.name not in _OF_THE_DISK for one in folder.iterdir()):
                raise RestoreRefused(
                    reason=f"{folder} 里已有文件。恢复绝不覆盖，请换一个空的 data_dir 或先移走它们。"
                )

    def stage(self) -> None:
        """Unpack every file beside its place. Raises OSError."""
        for prefix, folder in self._folders.items():
            shutil.rmtree(folder / _STAGING, ignore_errors=True)
            self._make(folder, 0o700 if prefix == "secrets" else 0o777)
            for member in self._tar:
                if member.name.startswith(f"{prefix}/"):
                    inside = member.replace(name=member.name.removeprefix(f"{prefix}/"), deep=False)
                    self._tar.extract(inside, folder / _STAGING, filter="data")

    def put(self) -> int:
        """Move what was staged to its place; gives the number of files."""
        count = 0
        for folder in self._folders.values():
            staging = folder / _STAGING
            count += sum(path.is_file() for path in staging.rglob("*"))
            for child in list(staging.iterdir()) if staging.exists() else ():
                self._moved.append(child.rename(folder / child.name))
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for folder in self._folders.values():
            shutil.rmtree(folder / _STAGING, ignore_errors=True)
        if kind is None:
            return
        for path in self._moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for folder in reversed(self._made):
            folder.rmdir()

    def _make(self, folder: Path, mode: int) -> None:
        missing = [path for path in (*reversed(folder.parents), folder) if not path.exists()]
        for path in missing:
            path.mkdir(mode=mode if path == folder else 0o777)
            self._made.append(path)
