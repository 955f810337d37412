"""The tables of quality checks (质检): score sheets, draws, the talks drawn, grades, appeals."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, ForeignKey, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.errors import Conflict
from recordings.models import Call


class About(StrEnum):
    """Whose side of the talk is graded."""

    OPERATOR = "operator"
    UNIT = "unit"
    """the liaison, and with them the unit"""


class Method(StrEnum):
    """How talks are drawn (M-82 「随机检查、专项督查、重点抽查」)."""

    RANDOM = "random"
    TOPIC = "topic"
    UNIT = "unit"
    WEAK = "weak"
    """of the units whose answers please least"""
    BAD = "bad"
    """every talk that was rated 不满意"""
    MYSTERY = "mystery"
    """every 暗访 call (M-135)"""


class GradeKind(StrEnum):
    FIRST = "first"
    """the grade that stands unless an appeal changes it"""
    SECOND = "second"
    """another grader's of the same talk, to compare by (校准); counts nowhere"""
    RECHECK = "recheck"
    """after an appeal, by a third person; stands from then on"""


class ScoreSheet(Base):
    """One sheet (评分表) of a region; what it asks is in its versions."""

    __tablename__ = "score_sheets"
    __table_args__ = (UniqueConstraint("region_id", "name"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    about: Mapped[About] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(40))

    versions: Mapped[list["ScoreSheetVersion"]] = relationship(
        order_by="ScoreSheetVersion.number", lazy="raise", back_populates="sheet"
    )


class ScoreSheetVersion(Base):
    """What a sheet asked from some day on; a change is a further version, so earlier grades stay as they were."""

    __tablename__ = "score_sheet_versions"
    __table_args__ = (UniqueConstraint("sheet_id", "number"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheets.id"))
    number: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """In order: `text`, `weight` (the most points), `situation` (key of the standard phrases it is about, or empty)."""

    sheet: Mapped[ScoreSheet] = relationship(lazy="raise", back_populates="versions")


class Draw(Base):
    """One drawing of talks (抽样): the same method, limits and seed give the same talks."""

    __tablename__ = "quality_draws"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    """Of this region and those below it, as far as the drawer reaches."""
    sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheets.id"))
    method: Mapped[Method] = mapped_column(String(8))
    seed: Mapped[int] = mapped_column(BigInteger)
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    topic: Mapped[str] = mapped_column(String(100), default="")
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    wanted: Mapped[int]
    found: Mapped[int]
    """How many talks there were to draw from."""
    drawn: Mapped[int]
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)

    sheet: Mapped[ScoreSheet] = relationship(lazy="raise")


class Sample(Base):
    """One side of one talk that was drawn at least once; graded once however often it is drawn."""

    __tablename__ = "quality_samples"
    __table_args__ = (UniqueConstraint("call_id", "about"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id"))
    about: Mapped[About] = mapped_column(String(8))
    sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheets.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    """Who is graded; empty where a unit's telephone was answered by nobody known."""
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)
    """The unit at the time of the talk; an operator's at the time of the draw."""
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the person graded last looked at a result that was news."""
    head_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the head of their unit did."""

    call: Mapped[Call] = relationship(lazy="raise")
    grades: Mapped[list["Grade"]] = relationship(order_by="Grade.id", lazy="raise", back_populates="sample")
    appeal: Mapped["Appeal | None"] = relationship(lazy="raise", back_populates="sample")


class DrawnSample(Base):
    __tablename__ = "quality_drawn_samples"

    draw_id: Mapped[int] = mapped_column(
        ForeignKey("quality_draws.id"), primary_key=True, autoincrement=False
    )
    sample_id: Mapped[int] = mapped_column(
        ForeignKey("quality_samples.id"), primary_key=True, autoincrement=False
    )
    position: Mapped[int]


class Grade(Base):
    """What one grader gave (评分): never changed and never removed."""

    __tablename__ = "quality_grades"
    __table_args__ = (UniqueConstraint("sample_id", "kind"), UniqueConstraint("sample_id", "grader_id"))

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("quality_samples.id"))
    kind: Mapped[GradeKind] = mapped_column(String(8))
    version_id: Mapped[int] = mapped_column(ForeignKey("score_sheet_versions.id"))
    grader_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    graded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answers: Mapped[list[int | None]] = mapped_column(JSON)
    """Points by question; null: 不适用, left out of the whole."""
    points: Mapped[int]
    """Hundredths of a point: 100 points are 10000."""
    comment: Mapped[str] = mapped_column(Text, default="")

    sample: Mapped[Sample] = relationship(lazy="raise", back_populates="grades")
    version: Mapped[ScoreSheetVersion] = relationship(lazy="raise")


class Appeal(Base):
    """The person graded, or their head, disagrees (申诉): once for a talk, answered by a recheck."""

    __tablename__ = "quality_appeals"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("quality_samples.id"), unique=True)
    asker_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    sample: Mapped[Sample] = relationship(lazy="raise", back_populates="appeal")


class GradeFixed(Conflict):
    """Somebody tried to change or remove a grade."""

    code = "grade_fixed"
    text = "评分一经提交不能修改；如有异议，请由被评人申诉后由他人复核。"


@event.listens_for(Grade, "before_update")
@event.listens_for(Grade, "before_delete")
def _stays(*_: Any) -> None:
    raise GradeFixed
