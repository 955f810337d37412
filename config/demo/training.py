"""Training in the demo (演示的培训): everybody holds what their roles need; one is about to end, one is over."""

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import Clock, beijing
from core.people import Role, User
from reports.training import register
from reports.training.models import Kind, Result, Topic
from reports.training.register import Course

HELD_BEFORE, VALID_FOR = timedelta(days=150), timedelta(days=365)
ABOUT_TO_END, OVER = "operator2", "liaison2"
_LEFT = {ABOUT_TO_END: timedelta(days=20), OVER: timedelta(days=-12)}


async def seed_training(session: AsyncSession, clock: Clock) -> None:
    people = (await session.scalars(select(User).options(selectinload(User.grants)))).all()
    author = next(user for user in people if user.username == "supervisor1")
    today = beijing(clock.now()).date()
    staff = _holding(people, Role.OPERATOR, Role.LIAISON)
    lines = [(user, _course(Topic.SECRECY, "政务信息保密培训", today, user)) for user in staff]
    lines += [
        (user, _course(Topic.SERVICE, "服务用语和礼仪", today, user))
        for user in _holding(people, Role.OPERATOR)
    ]
    lines += [
        (user, _course(Topic.PRE_POST, "窗口人员岗前集中培训", today, user))
        for user in _holding(people, Role.WINDOW)
    ]
    await register.register(session, clock, author, lines)


def _holding(people: Iterable[User], *roles: Role) -> list[User]:
    return [user for user in people if user.roles & set(roles)]


def _course(topic: Topic, name: str, today: date, user: User) -> Course:
    held_on = today - HELD_BEFORE
    left = _LEFT.get(user.username, VALID_FOR - HELD_BEFORE)
    return Course(
        topic, Kind.EVERYBODY, name, held_on, Result.PASSED, hours=8, trainer="市政府办",
        score=80 + user.id % 20, certificate=f"PX{held_on:%Y%m}-{user.id:03}", valid_until=today + left,
    )  # fmt: skip
