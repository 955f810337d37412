"""The tables of the written doors: what was sent in once, the papers that came with a ticket, applicants' wishes."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class Way(StrEnum):
    """How an applicant wants to be given the information (获取方式)."""

    ONLINE = "online"
    COLLECT = "collect"
    POST = "post"
    EMAIL = "email"


WAYS = {
    Way.ONLINE: "凭查询码在网上查看",
    Way.COLLECT: "当面领取纸质文本",
    Way.POST: "邮寄纸质文本",
    Way.EMAIL: "电子邮件发送",
}


class DisclosureWish(Base):
    """What an application for disclosure says besides its text (依申请公开, M-110)."""

    __tablename__ = "disclosure_wishes"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True, autoincrement=False)
    way: Mapped[Way] = mapped_column(String(8))
    address: Mapped[str] = mapped_column(String(200), default="")
    """Where paper or mail is sent; in full, for whoever sees the applicant's name."""

    @property
    def text(self) -> str:
        return WAYS[Way(self.way)]


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
