"""The table of returns (便民服务中心月报, M-127 「要实行便民服务中心月报制度」)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class CentreState(StrEnum):
    """How far a centre has come (M-127)."""

    NOT_BEGUN = "not_begun"
    BUILDING = "building"
    BUILT = "built"
    OPENED = "opened"


class CentreReturn(Base):
    """What one centre reported for one month: number 1 as first filed, each later one a correction with its reason.

    Never changed. The centre is named as it was called then, whatever the directory says later.
    """

    __tablename__ = "centre_returns"
    __table_args__ = (UniqueConstraint("region_id", "centre", "first_on", "number"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    centre: Mapped[str] = mapped_column(String(80))
    first_on: Mapped[date] = mapped_column(Date, index=True)
    """The first day of the month."""
    number: Mapped[int] = mapped_column(default=1)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(Text, default="")
    """Why it corrects the one before."""
    state: Mapped[CentreState] = mapped_column(String(10))
    staff: Mapped[int]
    received: Mapped[int]
    finished: Mapped[int]
    on_spot: Mapped[int]
    due: Mapped[int]
    in_time: Mapped[int]
    used_days: Mapped[int]
    """Working days, summed over the finished."""
    allowed_days: Mapped[int]
    ratable: Mapped[int]
    rated: Mapped[int]
    satisfied: Mapped[int]
    """满意 and 基本满意"""
