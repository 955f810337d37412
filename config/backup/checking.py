"""Is a backup whole, and one that this version can restore? Reads every byte of it and writes nothing."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.backup import rows
from config.backup.layout import (
    CHUNK_BYTES,
    FORMAT,
    MANIFEST,
    Manifest,
    RestoreRefused,
    table_member,
)  # fmt: skip

_BROKEN = "{file} 不完整或已损坏（{what}），请换一份备份。"


@contextmanager
def opened(file: Path) -> Iterator[tarfile.TarFile]:
    """The tar for reading; whatever is wrong with its form becomes RestoreRefused."""
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, UnicodeError, json.JSONDecodeError) as error:
        raise RestoreRefused(reason=_BROKEN.format(file=file, what=type(error).__name__)) from error


def checked(tar: tarfile.TarFile, file: Path, prefixes: tuple[str, ...], head: str) -> Manifest:
    """The manifest, when everything fits it. Raises RestoreRefused."""
    sums = {member.name: _checksum(tar, member) for member in _members(tar, file, prefixes)}
    manifest = _manifest(tar, file)
    if manifest.format != FORMAT:
        raise RestoreRefused(reason=f"{file} 的格式是 {manifest.format}，本版本只认识 {FORMAT}。")
    if manifest.revision != head:
        raise RestoreRefused(
            reason=f"备份的数据库结构是 {manifest.revision}，本版本是 {head}。请用做备份时的版本恢复，再升级。"
        )
    wanted = {table_member(table.name) for table in rows.tables()}
    del sums[MANIFEST]
    if sums.keys() != manifest.sha256.keys() or not wanted <= sums.keys():
        raise RestoreRefused(reason=_BROKEN.format(file=file, what="内容与清单不一致"))
    if changed := next((name for name in sums if sums[name] != manifest.sha256[name]), None):
        raise RestoreRefused(reason=_BROKEN.format(file=file, what=f"{changed} 的校验和不符"))
    return manifest


def _members(tar: tarfile.TarFile, file: Path, prefixes: tuple[str, ...]) -> Iterator[tarfile.TarInfo]:
    """Every member; a link, a device, a name twice or a path that leads elsewhere is refused."""
    seen = set()
    for member in tar:
        is_known = member.name == MANIFEST or member.name.startswith(("db/", *(f"{p}/" for p in prefixes)))
        if not (member.isreg() and is_known) or ".." in Path(member.name).parts or member.name in seen:
            raise RestoreRefused(reason=f"{file} 含有不属于备份的内容（{member.name}），不可信。")
        seen.add(member.name)
        yield member


def _checksum(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    digest, content = hashlib.sha256(), tar.extractfile(member)
    assert content is not None
    while chunk := content.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _manifest(tar: tarfile.TarFile, file: Path) -> Manifest:
    try:
        content = tar.extractfile(MANIFEST)
        assert content is not None
        return Manifest(**json.load(content))
    except (KeyError, TypeError) as error:
        raise RestoreRefused(reason=_BROKEN.format(file=file, what="没有清单")) from error
