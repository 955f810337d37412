"""The tables of the written doors: what was sent in once, and the papers that came with a ticket."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class Submission(Base):
    """One thing sent in by a form or a program (提交), so that a repeat gives the same ticket."""

    __tablename__ = "ticket_submissions"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    key_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Keyed hash of the form's or the program's own key; none where it sent no key."""
    content_hash: Mapped[str] = mapped_column(String(64))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"), index=True)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"), index=True)
    """The channel key it came with (M-101): that channel is told what becomes of it."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Attachment(Base):
    """A paper that belongs to a ticket (附件): a scan of a letter, a photograph, a document of the asker."""

    __tablename__ = "ticket_attachments"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    """As the sender called it, cleaned; never a path."""
    media_type: Mapped[str] = mapped_column(String(40))
    """By its content, whatever the name says."""
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the public."""
