"""The tables of what comes back after publishing (回执、整改、会议, M-117, M-118)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from tickets.finances.models import FinanceNotice
from tickets.finances.stages import Signatory


class FinanceReceipt(Base):
    """One 《财务公开回执单》 that came back, as it was filled in (M-117)."""

    __tablename__ = "finance_receipts"
    __table_args__ = (UniqueConstraint("notice_id", "number"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("finance_notices.id"))
    number: Mapped[int]
    """As printed on the form."""
    category: Mapped[Signatory] = mapped_column(String(12))
    answers: Mapped[dict[str, str]] = mapped_column(JSON)
    """Question of `receipts.QUESTIONS` → answer."""
    opinion: Mapped[str] = mapped_column(Text, default="")
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entered_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


class PromiseState(StrEnum):
    """How far a rectification is."""

    PROMISED = "promised"
    REPORTED = "reported"
    CHECKED = "checked"


class FinancePromise(Base):
    """整改承诺: what was found wrong, what is promised until when, the proof, and the check (M-118)."""

    __tablename__ = "finance_promises"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("finance_notices.id"), index=True)
    state: Mapped[PromiseState] = mapped_column(String(10), default=PromiseState.PROMISED)
    issue: Mapped[str] = mapped_column(Text)
    promise: Mapped[str] = mapped_column(Text)
    person: Mapped[str] = mapped_column(String(40))
    """Who answers for it (责任人)."""
    due_on: Mapped[date] = mapped_column(Date)
    warn_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cut_off_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    maker_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    proof: Mapped[str] = mapped_column(Text, default="")
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finding: Mapped[str] = mapped_column(Text, default="")
    """What the supervising body found, when it accepted or returned the proof."""
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checker_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    notice: Mapped[FinanceNotice] = relationship()


class MeetingKind(StrEnum):
    HALF_YEAR = "half_year"
    YEAR_END = "year_end"
    ASSESSMENT = "assessment"


class FinanceMeeting(Base):
    """A meeting that was held, and what came of it (座谈会、测评会议, M-118)."""

    __tablename__ = "finance_meetings"
    __table_args__ = (UniqueConstraint("unit_id", "kind", "year"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    kind: Mapped[MeetingKind] = mapped_column(String(10))
    year: Mapped[int]
    held_on: Mapped[date] = mapped_column(Date)
    people: Mapped[str] = mapped_column(Text)
    """Who took part: representatives of which categories, how many."""
    result: Mapped[str] = mapped_column(Text)
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entered_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
