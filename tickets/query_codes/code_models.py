"""The tables of query codes and ticket numbers (查询码、工单号); what they mean is `tickets.query_codes.codes`'."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class QueryCode(Base):
    """A query code (查询码) as it is kept: keyed hash and last four digits, never the code (§5.5)."""

    __tablename__ = "query_codes"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    last4: Mapped[str] = mapped_column(String(4))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    died_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """A newer code was issued for a lost one."""


class CodeFailure(Base):
    """One try of a code that opened nothing (§5.5); the source is kept as a keyed hash only."""

    __tablename__ = "code_failures"
    __table_args__ = (
        Index("ix_code_failures_source_hash_at", "source_hash", "at"),
        Index("ix_code_failures_line_at", "line", "at"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    source_hash: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(20), default="")


class CodeAlarm(Base):
    """Query codes are being guessed on one line (§5.5): from the first alarm until the line has been quiet for a while."""

    __tablename__ = "code_alarms"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    line: Mapped[str] = mapped_column(String(20))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    failures: Mapped[int]
    """The most within one minute."""


class TicketNumber(Base):
    """The last sequence number given out on a Beijing date."""

    __tablename__ = "ticket_numbers"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    last: Mapped[int]
