"""Grading (评分): once given never changed; a second grader to compare by, an appeal, a recheck by a third person.

    待评分 ─评分→ 已评分 ─申诉→ 待复核 ─复核→ 已复核

A grade is points by question over the points that could be had; a question 不适用 is left out. The first grade stands,
after a recheck that one. A second grade (校准) only shows how far two graders are apart.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, selectinload

from core import audit
from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.people import User
from recordings.models import Call
from reports.quality.models import Appeal, Grade, GradeKind, Sample, ScoreSheetVersion

APPEAL_WORKDAYS = 5
"""[I] to object, counted from the day of the grade."""
SHORTEST_REASON, LONGEST_TEXT = 5, 2000
FULL = 10_000
_Recheck = aliased(Grade)
STANDS: ColumnElement[bool] = or_(
    Grade.kind == GradeKind.RECHECK,
    and_(
        Grade.kind == GradeKind.FIRST,
        ~exists().where(_Recheck.sample_id == Grade.sample_id, _Recheck.kind == GradeKind.RECHECK),
    ),
)
"""The one grade of a talk that counts (K-21)."""


class AlreadyGraded(Conflict):
    """This talk has that grade, or this person has graded it."""

    code = "already_graded"
    text = "这次通话已有评分，或您已评过，评分不能更改。请刷新后核对。"


class NotOneself(NotAllowed):
    """Nobody grades or rechecks their own talk, nor rechecks their own grade."""

    code = "not_oneself"
    text = "不能给自己评分，也不能复核自己的评分，请由他人办理。"


class AppealClosed(Conflict):
    """Too late, made already, or there is nothing to appeal against."""

    code = "appeal_closed"
    text = "不能申诉：尚未评分、已申诉过，或已超过评分后 5 个工作日。"


async def find(session: AsyncSession, sample_id: int, seen: ColumnElement[bool]) -> Sample:
    """The sample with call, grades and appeal; raises NotFound unless `seen` holds."""
    wanted = select(Sample).join(Call, Call.id == Sample.call_id).where(Sample.id == sample_id, seen)
    sample = await session.scalar(
        wanted.options(
            selectinload(Sample.call), selectinload(Sample.appeal),
            selectinload(Sample.grades).selectinload(Grade.version),
        )
    )  # fmt: skip
    if sample is None:
        raise NotFound
    return sample


async def version_for(session: AsyncSession, sample: Sample) -> ScoreSheetVersion:
    """What the next grade answers: the first grade's version, so that grades compare; else the sheet's present one."""
    if sample.grades:
        return sample.grades[0].version
    newest = select(ScoreSheetVersion).where(ScoreSheetVersion.sheet_id == sample.sheet_id)
    return (await session.scalars(newest.order_by(ScoreSheetVersion.number.desc()).limit(1))).one()


def next_kind(sample: Sample) -> GradeKind | None:
    """Which grade is still to be given; None: none."""
    given = {grade.kind for grade in sample.grades}
    if GradeKind.FIRST not in given:
        return GradeKind.FIRST
    if sample.appeal is not None and GradeKind.RECHECK not in given:
        return GradeKind.RECHECK
    return GradeKind.SECOND if GradeKind.SECOND not in given and sample.appeal is None else None


def may_grade(sample: Sample, user_id: int) -> bool:
    """Not one's own talk, and each talk once."""
    return sample.user_id != user_id and all(grade.grader_id != user_id for grade in sample.grades)


async def grade(
    session: AsyncSession, clock: Clock, user: User, sample: Sample, kind: GradeKind,
    answers: Sequence[int | None], comment: str,
) -> Grade:  # fmt: skip
    """Give the grade that the page offered; raises NotOneself, AlreadyGraded, InvalidInput."""
    if next_kind(sample) != kind:
        raise AlreadyGraded
    if not may_grade(sample, user.id):
        raise NotOneself if kind == GradeKind.RECHECK or sample.user_id == user.id else AlreadyGraded
    text = comment.strip()[:LONGEST_TEXT]
    if kind == GradeKind.RECHECK and len(text) < SHORTEST_REASON:
        raise InvalidInput(field="复核意见", reason=f"请至少写 {SHORTEST_REASON} 个字")
    version = await version_for(session, sample)
    made = Grade(
        sample=sample, kind=kind, version=version, grader_id=user.id, graded_at=clock.now(),
        answers=list(answers), points=points_of(version, answers), comment=text,
    )  # fmt: skip
    session.add(made)
    if kind == GradeKind.RECHECK and sample.appeal:
        sample.appeal.answered_at = clock.now()
    try:
        await session.flush()
    except IntegrityError:
        raise AlreadyGraded from None
    await _note(session, clock, user, f"quality.grade.{kind}", sample)
    return made


def points_of(version: ScoreSheetVersion, answers: Sequence[int | None]) -> int:
    """Hundredths of a point out of 100; raises InvalidInput for points beyond a question's weight."""
    asked = version.questions
    if len(answers) != len(asked):
        raise InvalidInput(field="评分", reason="评分项目与评分表不符，请刷新后重评")
    for one, given in zip(asked, answers, strict=True):
        if given is not None and not 0 <= given <= one["weight"]:
            raise InvalidInput(field=one["text"], reason=f"请填写 0 到 {one['weight']} 的整数，不适用的留空")
    possible: int = sum(one["weight"] for one, given in zip(asked, answers, strict=True) if given is not None)
    if not possible:
        raise InvalidInput(field="评分", reason="至少要评一项")
    return round(sum(given for given in answers if given is not None) * FULL / possible)


async def appeal(session: AsyncSession, clock: Clock, user: User, sample: Sample, reason: str) -> Appeal:
    """Object to the grade; the caller has made sure that the talk is this person's or their unit's."""
    text = reason.strip()
    if not SHORTEST_REASON <= len(text) <= LONGEST_TEXT:
        raise InvalidInput(field="申诉理由", reason=f"请写 {SHORTEST_REASON} 到 {LONGEST_TEXT} 个字")
    if not await may_appeal(session, clock.now(), sample):
        raise AppealClosed
    made = Appeal(sample=sample, asker_id=user.id, asked_at=clock.now(), reason=text)
    session.add(made)
    try:
        await session.flush()
    except IntegrityError:
        raise AppealClosed from None
    await _note(session, clock, user, "quality.appeal", sample)
    return made


async def may_appeal(session: AsyncSession, now: datetime, sample: Sample) -> bool:
    """Graded, not objected to yet, and within five working days of the grade."""
    if not sample.grades or sample.appeal is not None:
        return False
    calendar = await load_calendar(session)
    until = calendar.due_from(beijing(sample.grades[0].graded_at).date(), APPEAL_WORKDAYS)
    return beijing(now).date() <= until.on


def mark_seen(sample: Sample, user: User, now: datetime) -> None:
    """The person graded, or else their head, has looked at the result; a later recheck is news again."""
    newest = max((one.graded_at for one in sample.grades if one.kind != GradeKind.SECOND), default=None)
    column = "seen_at" if sample.user_id == user.id else "head_seen_at"
    seen_at = getattr(sample, column)
    if newest is not None and (seen_at is None or seen_at < newest):
        setattr(sample, column, now)


def standing(sample: Sample) -> Grade | None:
    """The grade that counts."""
    by_kind = {grade.kind: grade for grade in sample.grades}
    return by_kind.get(GradeKind.RECHECK) or by_kind.get(GradeKind.FIRST)


def apart(sample: Sample) -> int | None:
    """How far the first and second grader are apart, in hundredths of a point; None without two."""
    by_kind = {grade.kind: grade for grade in sample.grades}
    first, second = by_kind.get(GradeKind.FIRST), by_kind.get(GradeKind.SECOND)
    return abs(first.points - second.points) if first and second else None


def say(points: float | None) -> str:
    """92.50; “—” without any."""
    return "—" if points is None else f"{points / 100:.2f}"


async def _note(session: AsyncSession, clock: Clock, user: User, action: str, sample: Sample) -> None:
    await audit.record(session, clock, actor=user.username, action=action, target=f"{sample.id}")
