"""The tables of oversight: notices (通知), supervision orders (督办), accountability (问责), complaints' replies and gists (投诉答复、要点)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime, only_where
from core.people import Role


class NoticeKind(StrEnum):
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    UNEXPLAINED = "unexplained"
    MESSAGE_UNOPENED = "message_unopened"
    """留言尚未开启 (§5.7)"""
    PING_PONG = "ping_pong"
    """推诿标记 (M-55)"""
    APPROVAL = "approval"
    """有申请待审核 (M-38)"""
    REFUSED = "refused"
    """申请未获同意"""
    UNHAPPY = "unhappy"
    """不满意待复核 (M-63)"""
    UNHAPPY_AGAIN = "unhappy_again"
    """重办后仍不满意"""
    ORDER = "order"
    """督办 (M-134)"""
    ORDER_OVERDUE = "order_overdue"
    ORDER_ANSWERED = "order_answered"
    GIST = "gist"
    """what a complaint about the unit says (M-88)"""
    PART = "part"
    """a part of a parallel case has come (M-129)"""
    PART_RETURNED = "part_returned"
    PART_WITHDRAWN = "part_withdrawn"
    PART_DONE = "part_done"
    COORDINATION = "coordination"
    """信息通报、协调办理 (M-129)"""


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


class Ordered:
    """What every order (督办) says: who wants what of whom, until when, and the answer."""

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    """Who is to answer."""
    issuer_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    issuer_unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    what: Mapped[str] = mapped_column(Text)
    until_on: Mapped[date] = mapped_column(Date)
    cut_off_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answerer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    def is_late(self, now: datetime) -> bool:
        """Answered after its end of business, or not yet though it has passed."""
        return (self.answered_at or now) > self.cut_off_at


class SupervisionOrder(Ordered, Base):
    """督办: what an office or a supervision body wants of a unit about a ticket, and until when (M-134)."""

    __tablename__ = "supervision_orders"
    __table_args__ = (
        Index("ix_supervision_orders_watch_at", "watch_at", **only_where("watch_at IS NOT NULL")),
    )

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    watch_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the supervision looks at it; empty: answered, or known to be overdue."""
    overdue_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AccountabilityOutcome(StrEnum):
    """M-52"""

    CRITICISM = "criticism"
    """通报批评"""
    SANCTION = "sanction"
    """行政问责"""
    JUDICIARY = "judiciary"
    """移交司法"""
    NONE = "none"
    """不予问责"""


class AccountabilityRecord(Base):
    """问责: what the inspectors decided about one overdue step or order, once."""

    __tablename__ = "accountability_records"
    __table_args__ = (UniqueConstraint("step_id"), UniqueConstraint("order_id"))

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    step_id: Mapped[int | None] = mapped_column(ForeignKey("ticket_steps.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("supervision_orders.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)
    outcome: Mapped[AccountabilityOutcome] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(Text)
    recipient: Mapped[str] = mapped_column(String(100), default="")
    papers: Mapped[str] = mapped_column(Text, default="")
    decider_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Grade(StrEnum):
    """How grave an upheld complaint is (M-121); each grade has its one consequence."""

    MINOR = "minor"
    """一般性投诉 → 通报批评"""
    FAULT = "fault"
    """错批、乱批、延误 → 过错责任追究"""
    ABUSE = "abuse"
    """乱收费、设置障碍 → 移交监察部门"""


class ComplaintReply(Base):
    """The three compulsory parts of a complaint's reply (M-49 「将调查情况、处理意见和办理结果对投诉人进行回复」)."""

    __tablename__ = "complaint_replies"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True, autoincrement=False)
    findings: Mapped[str] = mapped_column(Text)
    """调查情况"""
    opinion: Mapped[str] = mapped_column(Text)
    """处理意见"""
    result: Mapped[str] = mapped_column(Text)
    """办理结果"""
    upheld: Mapped[bool]
    grade: Mapped[Grade | None] = mapped_column(String(10))
    """Of an upheld one (M-121)."""
    attitude: Mapped[bool] = mapped_column(default=False)
    """It was about 服务态度 (M-78 「服务态度恶劣」)."""
    redo: Mapped[bool] = mapped_column(default=False)
    """责成重办 (T17)"""


class ComplaintGist(Base):
    """要点: what the inspectors tell the unit complained about, in their own words (M-88)."""

    __tablename__ = "complaint_gists"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True, autoincrement=False)
    """The complaint."""
    about_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class TaskOrder(Ordered, Base):
    """督办 of a task that no ticket is about (M-134 「对完不成任务的要进行效能问责」): ordered, answered, decided about when late."""

    __tablename__ = "task_orders"

    outcome: Mapped[AccountabilityOutcome | None] = mapped_column(String(12))
    """What the inspectors decided about a late one, with their reason, once."""
    reason: Mapped[str] = mapped_column(Text, default="")
    decider_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
