"""Calls back to the asker (回拨): each try of a ticket."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class BackOutcome(StrEnum):
    ANSWERED = "answered"
    FAILED = "failed"


class CallBack(Base):
    """One try to reach the asker by telephone (M-28 「向查询人进行反馈」); its call's recording is the ticket's."""

    __tablename__ = "ticket_call_backs"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    linkedid: Mapped[str] = mapped_column(String(64), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[BackOutcome | None] = mapped_column(String(10))
    """Empty while the call runs, or when its end was not seen."""
