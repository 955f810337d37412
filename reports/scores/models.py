"""The table of weights (考评权重): each change is a further version that holds from its month on."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class Judged(StrEnum):
    """Whose sheet it is."""

    UNIT = "unit"
    """单位"""
    CLERK = "clerk"
    """窗口人员"""


class ScoreWeights(Base):
    """What each component weighs on the sheets of one region, for periods that end on `from_on` or later."""

    __tablename__ = "score_weights"
    __table_args__ = (UniqueConstraint("region_id", "judged", "number"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    judged: Mapped[Judged] = mapped_column(String(5), default=Judged.UNIT, server_default=Judged.UNIT)
    number: Mapped[int] = mapped_column(default=1)
    from_on: Mapped[date] = mapped_column(Date)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    weights: Mapped[dict[str, int]] = mapped_column(JSON)
    """Key of the indicator → weight; components of weight 0 are left out."""
