"""Who has the trainings that their roles need, as of a day (培训资格, M-89): missing, expired, about to expire, valid.

A training holds from its day to its last valid day, when it was passed and not taken back; of several the longest
counts. Nothing is stored: what is asked for tomorrow is reckoned tomorrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Exists,
    Select,
    Subquery,
    case,
    exists,
    false,
    func,
    literal,
    select,
    true,
    union,
)
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import beijing
from core.db import provided
from core.people import RoleGrant, User
from core.units import Unit
from reports.counting.slices import Slice
from reports.training.models import Result, Topic, TrainingRecord
from reports.training.settings import TrainingSettings

FOR_GOOD = date(9999, 12, 31)
WORKS_IN = func.coalesce(User.region_id, Unit.region_id)
"""The region of a person, `Unit` joined."""
_MOST_TOPICS = 16


class State(StrEnum):
    MISSING = "missing"
    EXPIRED = "expired"
    EXPIRING = "expiring"
    VALID = "valid"


LACKING = (State.MISSING, State.EXPIRED)


@dataclass(frozen=True)
class Standing:
    """One topic that a person needs, and how they stand in it."""

    topic: Topic
    state: State
    until: date | None
    """The last valid day, FOR_GOOD for one without end; None: never trained."""


@dataclass(frozen=True)
class Share:
    """How many trainings are needed and how many of these are valid."""

    needed: int
    valid: int

    @property
    def text(self) -> str:
        """87.50%, “—” where nothing is needed."""
        return f"{self.valid / self.needed:.2%}" if self.needed else "—"

    @property
    def in_words(self) -> str:
        return f"有效 {self.valid} 项，应具备 {self.needed} 项，{self.text}"


def standings(settings: TrainingSettings, today: date, only: Select[int] | None = None) -> Subquery:
    """A row for each active person and topic they need: `key` (unique), `user_id`, `topic`, `until`, `state`.

    `only` the people with these keys: what every open page asks for its bell must not reckon with everybody.
    """
    needs, held = _needs(settings, only), _held(today, only)
    until = held.c.until
    state = case(
        (until.is_(None), State.MISSING),
        (until < today, State.EXPIRED),
        (until <= today + timedelta(days=settings.warn_days), State.EXPIRING),
        else_=State.VALID,
    )
    same = (held.c.user_id == needs.c.user_id) & (held.c.topic == needs.c.topic)
    return (
        select(needs.c.key, needs.c.user_id, needs.c.topic, until, state.label("state"))
        .join(User, User.id == needs.c.user_id)
        .outerjoin(held, same)
        .where(User.is_active)
        .subquery("standings")
    )


def _needs(settings: TrainingSettings, only: Select[int] | None) -> Subquery:
    of_these = true() if only is None else RoleGrant.user_id.in_(only)
    topics = list(Topic)
    parts = [
        select(
            (RoleGrant.user_id * _MOST_TOPICS + topics.index(Topic(topic))).label("key"),
            RoleGrant.user_id,
            literal(topic).label("topic"),
        ).where(RoleGrant.role == role, of_these)
        for role, needed in settings.needed.items()
        for topic in needed
    ]
    nobody = select(RoleGrant.user_id.label("key"), RoleGrant.user_id, literal("").label("topic"))
    return union(nobody.where(false()), *parts).subquery("needs")


def _held(today: date, only: Select[int] | None) -> Subquery:
    until = func.coalesce(TrainingRecord.valid_until, literal(FOR_GOOD, Date))
    return (
        select(TrainingRecord.user_id, TrainingRecord.topic, func.max(until).label("until"))
        .where(
            TrainingRecord.result == Result.PASSED,
            TrainingRecord.revoked_at.is_(None),
            TrainingRecord.held_on <= today,
            true() if only is None else TrainingRecord.user_id.in_(only),
        )
        .group_by(TrainingRecord.user_id, TrainingRecord.topic)
        .subquery("held")
    )


async def of_person(
    session: AsyncSession, settings: TrainingSettings, today: date, user_id: int
) -> list[Standing]:
    """Every topic that this person's roles need."""
    found = standings(settings, today, select(User.id).where(User.id == user_id))
    rows = select(found.c.topic, found.c.state, found.c.until)
    return [
        Standing(Topic(topic), State(state), until)
        for topic, state, until in await session.execute(rows.order_by(found.c.key))
    ]


async def share(
    session: AsyncSession, settings: TrainingSettings, today: date, where: ColumnElement[bool] | None = None
) -> Share:
    """Over the people that `where` admits (a condition on `User`, `Unit` joined); one about to expire is still valid."""
    found = standings(settings, today)
    is_valid = found.c.state.not_in(LACKING)
    query = (
        select(func.count(), func.count().filter(is_valid))
        .select_from(found)
        .join(User, User.id == found.c.user_id)
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(true() if where is None else where)
    )
    return Share(*(await session.execute(query)).one())


async def share_of(session: AsyncSession, of: Slice, where: ColumnElement[bool]) -> Share:
    """On the last day of the period, or on the day of the making where that is earlier."""
    day = beijing(min(of.until - timedelta(seconds=1), of.now)).date()
    return await share(session, provided(session, TrainingSettings), day, where)


async def told_to(
    session: AsyncSession, settings: TrainingSettings, today: date, user: User, units: Any
) -> Sequence[Any]:
    """What to warn this person of: rows `user_id`, `person`, `topic`, `state`, `until`, their own and those of `units`."""
    theirs = select(User.id).where((User.id == user.id) | User.unit_id.in_(units))
    found = standings(settings, today, theirs)
    query = (
        select(
            found.c.user_id, User.display_name.label("person"), found.c.topic, found.c.state, found.c.until
        )
        .join(User, User.id == found.c.user_id)
        .where(found.c.state != State.VALID)
        .order_by(User.id != user.id, found.c.key)
    )
    return (await session.execute(query)).all()


def somebody_lacks(settings: TrainingSettings, today: date) -> Exists:
    """Condition on `Unit`: one of its people lacks a training (the readiness list)."""
    found = standings(settings, today)
    return exists().where(found.c.user_id == User.id, User.unit_id == Unit.id, found.c.state.in_(LACKING))
