"""Files of an entry (附件): checked by kind and size, shown to the virus scanner, kept once per content.

The bytes are in a folder outside every web root, named by their checksum; the table says to which entry they belong and
under which unguessable name they are served.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import NotFound
from core.scanner import Scanner
from kb.access import Editor, allow
from kb.entries import find as find_entry
from kb.errors import FileRefused
from kb.lifecycle import TABLE, Action
from kb.models import Attachment, Entry

LARGEST_MB = 20
MOST_FILES = 20
TYPES = {
    ".pdf": ("application/pdf", b"%PDF-"),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04"),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    ".doc": ("application/msword", b"\xd0\xcf\x11\xe0"),
    ".xls": ("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0"),
    ".png": ("image/png", b"\x89PNG"),
    ".jpg": ("image/jpeg", b"\xff\xd8\xff"),
    ".jpeg": ("image/jpeg", b"\xff\xd8\xff"),
}
"""Ending → content type and the first bytes of such a file: what is inside must be what the name says."""
_WRITERS = frozenset(actor for row in TABLE if row.action == Action.EDIT for actor in row.who)


@dataclass(frozen=True)
class Stored:
    """A file ready to be sent."""

    name: str
    content_type: str
    path: Path


@dataclass(frozen=True)
class Kept:
    """A file on disk that belongs to no entry yet."""

    name: str
    size: int
    sha256: str


async def keep(folder: Path, scanner: Scanner, name: str, content: bytes) -> Kept:
    """Check a file and write it down; raises FileRefused, Infected, NotScanned.

    Done before the unit of work: a scan may take seconds, in which others want to write.
    """
    name = PurePosixPath(name.replace("\\", "/")).name[-120:]
    _check(name, content)
    digest = hashlib.sha256(content).hexdigest()
    part = folder / f"{digest}.{secrets.token_hex(4)}.part"
    try:
        await asyncio.to_thread(_write, part, content)
        await scanner.check(part, name)
        part.replace(folder / digest)
    finally:
        part.unlink(missing_ok=True)
    return Kept(name, len(content), digest)


async def add(session: AsyncSession, clock: Clock, editor: Editor, entry_id: int, kept: Kept) -> Attachment:
    """A file belongs to an own entry from the commit on; raises FileRefused, NotYourUnit, ReadOnlyEntry."""
    entry = await find_entry(session, entry_id)
    await allow(session, editor, entry, _WRITERS)
    if len(await of(session, entry_id)) >= MOST_FILES:
        raise FileRefused(name=kept.name, reason=f"一条信息最多 {MOST_FILES} 个附件")
    row = Attachment(
        public_id=secrets.token_urlsafe(12), entry_id=entry_id, name=kept.name, size=kept.size, sha256=kept.sha256,
        added_by=editor.user_id, added_at=clock.now(),
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row


async def remove(session: AsyncSession, editor: Editor, entry_id: int, public_id: str) -> None:
    """Take a file off an own entry; its bytes stay, another entry may have the same."""
    entry = await find_entry(session, entry_id)
    await allow(session, editor, entry, _WRITERS)
    await session.execute(
        delete(Attachment).where(Attachment.public_id == public_id, Attachment.entry_id == entry_id)
    )


async def of(session: AsyncSession, entry_id: int) -> Sequence[Attachment]:
    query = select(Attachment).where(Attachment.entry_id == entry_id).order_by(Attachment.id)
    return (await session.scalars(query)).all()


def is_public(entry: Entry, file: Attachment) -> bool:
    """Whether a file went through the checks with the published text: added later, it waits for the next publication."""
    return entry.published_at is not None and file.added_at <= entry.published_at


async def stored(session: AsyncSession, folder: Path, entry_id: int, public_id: str) -> Stored:
    """The file to send; raises NotFound. Whether the asker may see the entry is decided before."""
    row = await session.scalar(
        select(Attachment).where(Attachment.public_id == public_id, Attachment.entry_id == entry_id)
    )
    if row is None or not (path := folder / row.sha256).is_file():
        raise NotFound
    return Stored(row.name, TYPES[Path(row.name).suffix.lower()][0], path)


def _check(name: str, content: bytes) -> None:
    known = TYPES.get(Path(name).suffix.lower())
    if known is None:
        raise FileRefused(name=name, reason="只接受 PDF、Word、Excel、PNG、JPEG 文件")
    if not content.startswith(known[1]):
        raise FileRefused(name=name, reason="文件内容与扩展名不符")
    if len(content) > LARGEST_MB * 1024 * 1024:
        raise FileRefused(name=name, reason=f"不能超过 {LARGEST_MB} MB")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def disposition(name: str) -> str:
    """The header that has a browser save the file under its Chinese name."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
