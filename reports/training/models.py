"""The table of the training register (培训登记)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime, only_where
from core.people import User


class Topic(StrEnum):
    """What was taught (M-89)."""

    BUSINESS = "business"
    SERVICE = "service"
    LAW = "law"
    SECRECY = "secrecy"
    PRE_POST = "pre_post"
    """M-124 「岗前集中培训」"""


class Kind(StrEnum):
    """On what occasion (M-111 「初任培训、任职培训和在职培训」「全员及新任职培训相结合」)."""

    INITIAL = "initial"
    APPOINTMENT = "appointment"
    IN_SERVICE = "in_service"
    EVERYBODY = "everybody"
    NEW_POST = "new_post"


class Result(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ABSENT = "absent"


class TrainingRecord(Base):
    """One person at one course: written once, taken back with a reason, never changed or removed."""

    __tablename__ = "training_records"
    __table_args__ = (
        Index(
            "uq_training_records_standing", "user_id", "topic", "course", "held_on", unique=True,
            **only_where("revoked_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    topic: Mapped[Topic] = mapped_column(String(12))
    kind: Mapped[Kind] = mapped_column(String(12))
    course: Mapped[str] = mapped_column(String(100))
    held_on: Mapped[date] = mapped_column(Date)
    """The last day of the course."""
    hours: Mapped[int | None]
    trainer: Mapped[str] = mapped_column(String(60), default="")
    """Who taught: a person or a body."""
    result: Mapped[Result] = mapped_column(String(8))
    score: Mapped[int | None]
    """Of the test, out of 100."""
    certificate: Mapped[str] = mapped_column(String(60), default="")
    valid_until: Mapped[date | None] = mapped_column(Date)
    """The last day it holds; empty: for good."""
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    revoked_why: Mapped[str] = mapped_column(String(200), default="")

    user: Mapped[User] = relationship(foreign_keys=[user_id], lazy="raise")
