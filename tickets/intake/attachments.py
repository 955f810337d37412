"""Papers that come with a ticket (附件): checked by their content, shown to a virus scanner, kept outside the web root.

M-108: the scan of a letter.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import HotlineError, NotFound
from tickets.intake.models import Attachment
from tickets.settings import AttachmentSettings
from tickets.text import clean

_KINDS = {
    b"%PDF-": ("application/pdf", ".pdf"),
    b"\xff\xd8\xff": ("image/jpeg", ".jpg"),
    b"\x89PNG\r\n\x1a\n": ("image/png", ".png"),
}


class WrongKind(HotlineError):
    """The file `name` is none of the kinds that are taken."""

    code = "attachment_kind"
    status = 415
    text = "附件“{name}”的格式不能接收，请换成 PDF、JPG 或 PNG 文件。"


@dataclass(frozen=True)
class Paper:
    """One file on disk that belongs to no ticket yet."""

    public_id: str
    name: str
    media_type: str
    size: int
    sha256: str


@dataclass
class Received:
    """What came with one sending."""

    papers: list[Paper] = field(default_factory=list)
    are_attached: bool = False
    """To a ticket, by `attach`; those of a repeated sending are not, for the first one's are there."""


@asynccontextmanager
async def received(
    settings: AttachmentSettings, files: Sequence[tuple[str, bytes]]
) -> AsyncIterator[Received]:
    """Check and keep `files` ((name, content)); if the work inside fails or attaches them to nothing, they are gone again.

    Raises WrongKind, Infected, NotScanned.
    """
    found = Received()
    try:
        for name, data in files:
            found.papers.append(await _keep(settings, name, data))
        yield found
    except BaseException:
        found.are_attached = False
        raise
    finally:
        if not found.are_attached:
            for paper in found.papers:
                await asyncio.to_thread(path_of(settings, paper.public_id).unlink, missing_ok=True)


async def attach(
    session: AsyncSession,
    clock: Clock,
    ticket_id: int,
    received: Received,
    *,
    user_id: int | None = None,
) -> None:
    """The papers belong to the ticket from the commit on."""
    received.are_attached = True
    session.add_all(
        Attachment(
            public_id=paper.public_id, ticket_id=ticket_id, name=paper.name, media_type=paper.media_type,
            size=paper.size, sha256=paper.sha256, added_at=clock.now(), added_by_id=user_id,
        )
        for paper in received.papers
    )  # fmt: skip
    await session.flush()


async def attachments_of(session: AsyncSession, ticket_id: int) -> Sequence[Attachment]:
    found = select(Attachment).where(Attachment.ticket_id == ticket_id).order_by(Attachment.id)
    return (await session.scalars(found)).all()


async def attachment(session: AsyncSession, ticket_id: int, public_id: str) -> Attachment:
    """One paper of a ticket that the asker may see; raises NotFound."""
    wanted = (Attachment.ticket_id == ticket_id) & (Attachment.public_id == public_id)
    found = await session.scalar(select(Attachment).where(wanted))
    if found is None:
        raise NotFound
    return found


def path_of(settings: AttachmentSettings, public_id: str) -> Path:
    return settings.folder / public_id[:2] / public_id


async def _keep(settings: AttachmentSettings, name: str, data: bytes) -> Paper:
    media_type, ending = next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), (None, ""))
    name = _plain(name)
    if media_type is None:
        raise WrongKind(name=name)
    public_id = secrets.token_hex(16)
    file = path_of(settings, public_id)
    await asyncio.to_thread(_write, file, data)
    try:
        await settings.scanner.check(file, name)
    except BaseException:
        await asyncio.to_thread(file.unlink)
        raise
    stem = name.rsplit(".", 1)[0] or "附件"
    return Paper(public_id, stem + ending, media_type, len(data), hashlib.sha256(data).hexdigest())


def _plain(name: str) -> str:
    """The last part of what the sender calls it, without a path or characters nobody typed."""
    return clean("file_name", name.replace("\\", "/").rsplit("/", 1)[-1][-100:]) or "附件"


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_bytes(data)
    file.chmod(0o600)
