"""Writing the register (登记): a course for several people at once, and taking a line back with a reason."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock, beijing
from core.db import hit_one
from core.errors import Conflict, InvalidInput, NotAllowed
from core.people import User
from reports.training.models import Kind, Result, Topic, TrainingRecord

SHORTEST_REASON, LONGEST_REASON = 4, 200


@dataclass(frozen=True)
class Course:
    """What is written down for each person who was there, or should have been."""

    topic: Topic
    kind: Kind
    course: str
    held_on: date
    result: Result
    hours: int | None = None
    trainer: str = ""
    score: int | None = None
    certificate: str = ""
    valid_until: date | None = None

    def fault(self, today: date) -> str:
        """What does not go together, in Chinese; empty: nothing."""
        if not self.course:
            return "请填写课程名称"
        if self.held_on > today:
            return "培训日期不能在今天之后"
        if self.valid_until and self.valid_until < self.held_on:
            return "有效期不能早于培训日期"
        if self.result != Result.PASSED and (self.valid_until or self.certificate):
            return "不合格或缺席的，不能填写证书和有效期"
        return ""


class AlreadyRegistered(Conflict):
    """The same person, topic, course and day stand in the register."""

    code = "training_registered"
    text = "{names}的这次培训已经登记，没有重复登记。如需更正，请先注销原记录。"


class NotOwnTraining(NotAllowed):
    """Nobody vouches for their own training."""

    code = "own_training"
    text = "不能登记或注销自己的培训，请由主管、政府办或负责人办理。"


async def register(
    session: AsyncSession, clock: Clock, author: User, lines: Sequence[tuple[User, Course]]
) -> list[TrainingRecord]:
    """One record a line, all or none; raises InvalidInput, NotOwnTraining, AlreadyRegistered."""
    today = beijing(clock.now()).date()
    if not lines:
        raise InvalidInput(field="人员", reason="请至少选择一人")
    for user, course in lines:
        if user.id == author.id:
            raise NotOwnTraining
        if fault := course.fault(today):
            raise InvalidInput(field=user.display_name, reason=fault)
    known = await standing_keys(session, [user.id for user, _ in lines])
    if again := [user.display_name for user, course in lines if key_of(user.id, course) in known]:
        raise AlreadyRegistered(names="、".join(again[:5]))
    made = [
        TrainingRecord(user_id=user.id, author_id=author.id, recorded_at=clock.now(), **asdict(course))
        for user, course in lines
    ]
    session.add_all(made)
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict from None
    courses = "、".join(sorted({course.course for _, course in lines}))
    await _note(
        session, clock, author, "training.register", made, f"{len(made)} 人：{courses}"[:LONGEST_REASON]
    )
    return made


async def revoke(
    session: AsyncSession, clock: Clock, author: User, record: TrainingRecord, reason: str
) -> None:
    """Take a line back; it stays to be read and counts no more."""
    text = reason.strip()
    if not SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        raise InvalidInput(field="注销原因", reason=f"请写 {SHORTEST_REASON} 到 {LONGEST_REASON} 个字")
    if record.user_id == author.id:
        raise NotOwnTraining
    standing = (TrainingRecord.id == record.id, TrainingRecord.revoked_at.is_(None))
    taken_back = {"revoked_at": clock.now(), "revoked_by_id": author.id, "revoked_why": text}
    done = await session.execute(update(TrainingRecord).where(*standing).values(**taken_back))
    if not hit_one(done):
        raise Conflict
    await _note(session, clock, author, "training.revoke", [record], text)


Key = tuple[int, str, str, date]


def key_of(user_id: int, course: Course) -> Key:
    return user_id, course.topic, course.course, course.held_on


async def standing_keys(session: AsyncSession, user_ids: Iterable[int]) -> set[Key]:
    """What these people have in the register already."""
    columns = (TrainingRecord.user_id, TrainingRecord.topic, TrainingRecord.course, TrainingRecord.held_on)
    mine = (TrainingRecord.user_id.in_(list(user_ids)), TrainingRecord.revoked_at.is_(None))
    return {(*row,) for row in await session.execute(select(*columns).where(*mine))}


async def _note(
    session: AsyncSession,
    clock: Clock,
    author: User,
    action: str,
    records: Sequence[TrainingRecord],
    reason: str,
) -> None:
    target = f"training:{'-'.join(str(one.id) for one in (records[0], records[-1])[: len(records)])}"
    await audit.record(session, clock, actor=author.username, action=action, target=target, reason=reason)
