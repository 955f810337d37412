"""The table of what other hotlines have reported (外来报表)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.units import Region
from reports.models import PeriodKind


class ReceivedReport(Base):
    """One revision of a signed report as another hotline gave it; never changed."""

    __tablename__ = "received_reports"
    __table_args__ = (UniqueConstraint("region_id", "kind", "first_on", "revision"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    kind: Mapped[PeriodKind] = mapped_column(String(8))
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    revision: Mapped[int]
    """1 as signed, each later one a correction."""
    reason: Mapped[str] = mapped_column(Text, default="")
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rule_version: Mapped[str] = mapped_column(String(20))
    """Of the hotline that counted: its definitions may differ from ours."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    figures: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Each `id`, `name`, `numerator`, `denominator`, `text`, as it was given."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    receiver_id: Mapped[int] = mapped_column(ForeignKey("users.id"))

    region: Mapped[Region] = relationship(lazy="raise")
