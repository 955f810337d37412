"""The tables of the supervision (督办): notices and who has read them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime
from core.people import Role


class NoticeKind(StrEnum):
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    UNEXPLAINED = "unexplained"
    MESSAGE_UNOPENED = "message_unopened"
    """留言尚未开启 (§5.7)"""
    PING_PONG = "ping_pong"
    """推诿标记 (M-55)"""


class Notice(Base):
    """Something about a ticket that people with one role of one unit should know (M-46)."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_unit_id_role_at", "unit_id", "role", "at"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[NoticeKind] = mapped_column(String(20))
    role: Mapped[Role] = mapped_column(String(20))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    step_id: Mapped[int | None] = mapped_column(ForeignKey("ticket_steps.id"))


class NoticeRead(Base):
    """One person has seen one notice."""

    __tablename__ = "notice_reads"
    __table_args__ = (UniqueConstraint("user_id", "notice_id"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
