"""The tables of the notices of finances (财务公开, M-112…M-115)."""

from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime, only_where
from core.units import Unit
from tickets.finances.stages import Channel, Level, Purpose, Signatory, Stage


class FinanceNotice(Base):
    """One publication of a unit's finances for one period (一期)."""

    __tablename__ = "finance_notices"
    __table_args__ = (UniqueConstraint("unit_id", "village", "first_on", "last_on", "title"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    stage: Mapped[Stage] = mapped_column(String(12), default=Stage.PREPARATION)
    title: Mapped[str] = mapped_column(String(100))
    level: Mapped[Level] = mapped_column(String(10))
    village: Mapped[str] = mapped_column(String(40), default="")
    """Whose the finances are at the level of a village: its committee's name."""
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    subjects: Mapped[list[str]] = mapped_column(JSON, default=list)
    content: Mapped[str] = mapped_column(Text, default="")
    decision: Mapped[str] = mapped_column(Text, default="")
    """What was decided together (集体讨论决定), and by whom."""
    decided_on: Mapped[date | None] = mapped_column(Date)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    signer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the principal signed (审签)."""
    archive_no: Mapped[str] = mapped_column(String(40), default="")
    archive_form: Mapped[str] = mapped_column(String(12), default="")
    """paper, electronic or both"""
    filed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    unit: Mapped[Unit] = relationship()


class FinanceMark(Base):
    """One thing that was done with a notice (办理经过); never changed."""

    __tablename__ = "finance_marks"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("finance_notices.id"), index=True)
    stage: Mapped[Stage] = mapped_column(String(12))
    deed: Mapped[str] = mapped_column(String(20))
    """A key of `marks.DEEDS`."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str] = mapped_column(Text, default="")


class FinancePaper(Base):
    """A scan or photograph that proves something of a notice; its bytes lie with the tickets' papers."""

    __tablename__ = "finance_papers"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("finance_notices.id"), index=True)
    purpose: Mapped[Purpose] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    added_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    void_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was taken back, or what it proved began anew."""


class FinanceSignature(Base):
    """One representative's signature on the paper that is to be published (签字, M-113)."""

    __tablename__ = "finance_signatures"
    __table_args__ = (
        Index(
            "ix_finance_signatures_one_a_person", "notice_id", "category", "name", unique=True, **only_where("void_at IS NULL")
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("finance_notices.id"))
    category: Mapped[Signatory] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(40))
    signed_on: Mapped[date] = mapped_column(Date)
    void_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FinanceChannel(Base):
    """A way by which a notice was published, and when (M-114)."""

    __tablename__ = "finance_channels"
    __table_args__ = (UniqueConstraint("notice_id", "channel"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("finance_notices.id"))
    channel: Mapped[Channel] = mapped_column(String(8))
    on: Mapped[date] = mapped_column(Date)
    note: Mapped[str] = mapped_column(String(200), default="")
    """Where: the board's place, the meeting, to whom the letters went."""


class FinanceNumber(Base):
    """How many of one category have to sign a unit's notices; without a line one."""

    __tablename__ = "finance_numbers"

    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True, autoincrement=False)
    category: Mapped[Signatory] = mapped_column(String(12), primary_key=True)
    least: Mapped[int] = mapped_column(server_default=text("1"))
