"""The tables of this room: the reports filed (上报的报表, M-71) and their revisions."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.units import Region


class PeriodKind(StrEnum):
    MONTH = "month"
    QUARTER = "quarter"
    HALF = "half"
    YEAR = "year"


class Report(Base):
    """One region's report of one period; from signing on its figures are frozen."""

    __tablename__ = "reports"
    __table_args__ = (UniqueConstraint("region_id", "kind", "first_on"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    kind: Mapped[PeriodKind] = mapped_column(String(8))
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    due_on: Mapped[date] = mapped_column(Date)
    """The day it must have been sent up by."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Its end of business: one sent later is late."""
    signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    signer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    receiver_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    region: Mapped[Region] = relationship(lazy="raise")
    revisions: Mapped[list["ReportRevision"]] = relationship(order_by="ReportRevision.number", lazy="raise")


class ReportRevision(Base):
    """What a report says: number 1 as signed, each later one a correction with its reason; never changed once signed."""

    __tablename__ = "report_revisions"
    __table_args__ = (UniqueConstraint("report_id", "number"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id"))
    number: Mapped[int] = mapped_column(default=1)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: drafted by schedule."""
    reason: Mapped[str] = mapped_column(Text, default="")
    rule_version: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As `reports.signed.content` makes it."""


class CitationList(Base):
    """Who is praised and who criticised for one period (表扬和通报批评, M-78): signed by two bodies, then published."""

    __tablename__ = "citation_lists"
    __table_args__ = (UniqueConstraint("region_id", "kind", "first_on"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    kind: Mapped[PeriodKind] = mapped_column(String(8))
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rule_version: Mapped[str] = mapped_column(String(20))
    content: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The classes, as `reports.signed.citations` makes them; fixed from the first signature on."""
    signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """By the government office."""
    signer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """By the supervision body of the same level."""
    cosigner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)

    region: Mapped[Region] = relationship(lazy="raise")
