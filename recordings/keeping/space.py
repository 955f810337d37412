"""Room left on the disk (剩余空间, M-60 「磁盘存储整列」): how much, and whether it is too little. Blocks on the disk."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Space:
    """The least room of several folders."""

    free_mb: int
    is_low: bool

    @property
    def text(self) -> str:
        said = f"剩余 {self.free_mb / 1024:.1f} GB"
        return f"{said}，空间不足，请立即清理磁盘或更换录音目录" if self.is_low else said


def space(least_mb: int, *folders: Path) -> Space:
    """Of the disks that these folders, made already or not, are on."""
    free_mb = min(_free_mb(folder) for folder in folders)
    return Space(free_mb, free_mb < least_mb)


def _free_mb(folder: Path) -> int:
    existing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return shutil.disk_usage(existing).free // 2**20
