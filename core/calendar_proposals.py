"""Proposed calendar changes (日历变更): whoever proposes one does not confirm it (two-person check, M-11).

A proposal holds what `core.holidays` is to write; confirming it writes it, in the same unit of work.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.units import Region


class ProposalKind(StrEnum):
    DAY = "day"
    """one day of a region, worked or off, or again as the table says"""
    HOURS = "hours"
    """a region's working segments by season"""
    YEAR = "year"
    """the published arrangement of a year"""


class ProposalState(StrEnum):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class CalendarProposal(Base):
    __tablename__ = "calendar_proposals"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    kind: Mapped[ProposalKind] = mapped_column(String(20))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[ProposalState] = mapped_column(String(20), default=ProposalState.WAITING, index=True)
    proposed_by: Mapped[str] = mapped_column(String(60))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(String(60), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    region: Mapped[Region | None] = relationship()
