"""The register's table (市长热线往来登记, M-122)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime, only_where


class Way(StrEnum):
    HOTLINE = "hotline"
    LETTERS = "letters"


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


WAYS = {Way.HOTLINE: "市长热线", Way.LETTERS: "市长信箱"}
DIRECTIONS = {Direction.OUT: "移交", Direction.IN: "转来"}


class MayorReferral(Base):
    """One hand-over, there or here, with both numbers: ours is the ticket's."""

    __tablename__ = "mayor_referrals"
    __table_args__ = (
        Index(
            "uq_mayor_referrals_waiting",
            "ticket_id",
            "direction",
            unique=True,
            **only_where("answered_at IS NULL"),
        ),
        Index(
            "uq_mayor_referrals_their_no",
            "region_id",
            "way",
            "their_no",
            unique=True,
            **only_where("direction = 'in'"),
        ),
        Index("ix_mayor_referrals_ticket_id", "ticket_id"),
        Index("ix_mayor_referrals_at", "at"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    direction: Mapped[Direction] = mapped_column(String(3))
    way: Mapped[Way] = mapped_column(String(8))
    their_no: Mapped[str] = mapped_column(String(40), default="")
    """Of what was handed over it may be told later."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(Text, default="")
    due_on: Mapped[date | None] = mapped_column(Date)
    """The day until which an answer is wanted, if one was named."""
    answer: Mapped[str] = mapped_column(Text, default="")
    """What they told us of it, or we told them."""
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answerer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    def is_late(self, today: date) -> bool:
        """Not answered though its day has passed."""
        return self.answered_at is None and self.due_on is not None and self.due_on < today
