"""Orders about tasks (任务督办, M-134 「督办」): an office or a supervision body wants of a unit what no ticket is about.

Answered once by the unit; unanswered or late past its day it waits for the inspectors' decision (M-52). Every step is
in the audit log, for there is no ticket whose trail could tell it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from core.db import hit_one
from core.errors import InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from core.units import Unit, regions_below
from tickets.access import own_units, supervised_units
from tickets.errors import StepTaken
from tickets.guards import GuardFailed
from tickets.oversight.accountability import OUTCOMES, HeldAlready
from tickets.oversight.orders import ISSUERS, cut_off
from tickets.oversight.oversight_models import AccountabilityOutcome, TaskOrder
from tickets.requests import acts_for
from tickets.text import clean

ANSWERERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE})
DECIDED: dict[str, str] = {
    key: text for key, text in OUTCOMES.items() if key != AccountabilityOutcome.JUDICIARY
}
"""What may become of a late task; a crime is found in a case, not in a task."""


def reachable(user: User) -> ColumnElement[bool]:
    """The condition on `Unit` whom this person may order: an office its level and below, inspectors whom they watch."""
    within: list[ColumnElement[bool]] = []
    if Role.OFFICE in user.roles:
        within.append(Unit.region_id.in_(regions_below(user.region_id)))
    if Role.INSPECTOR in user.roles:
        within.append(Unit.id.in_(supervised_units(user)))
    return or_(false(), *within) & Unit.is_active & (Unit.id != user.unit_id)


def visible(user: User) -> ColumnElement[bool]:
    """The condition on `TaskOrder` for who issued it, who is to answer it and who watches over them."""
    watched = TaskOrder.unit_id.in_(supervised_units(user)) if Role.INSPECTOR in user.roles else false()
    return (TaskOrder.issuer_unit_id == user.unit_id) | TaskOrder.unit_id.in_(own_units(user)) | watched


def awaits_decision(now: datetime) -> ColumnElement[bool]:
    """The condition on `TaskOrder` of the accountability list: unanswered past its day, and nothing decided."""
    return TaskOrder.answered_at.is_(None) & (TaskOrder.cut_off_at < now) & TaskOrder.decided_at.is_(None)


async def find(session: AsyncSession, user: User, order_id: int) -> TaskOrder:
    """Raises NotFound for what this person may not see."""
    order = await session.scalar(select(TaskOrder).where(TaskOrder.id == order_id, visible(user)))
    if order is None:
        raise NotFound
    return order


async def issue(
    session: AsyncSession, clock: Clock, *, user: User, unit_id: int, text: str, until_on: date
) -> TaskOrder:
    """Raises NotAllowed, InvalidInput."""
    if not user.roles & set(ISSUERS) or user.unit_id is None:
        raise NotAllowed
    unit = await session.scalar(select(Unit).where(Unit.id == unit_id, reachable(user)))
    if unit is None:
        raise InvalidInput(field="承办单位", reason="请从列表中选择")
    what = clean("order", text)
    if not what:
        raise InvalidInput(field="督办要求", reason="请写明需要完成的任务")
    order = TaskOrder(
        unit_id=unit.id, issuer_id=user.id, issuer_unit_id=user.unit_id, issued_at=clock.now(), what=what,
        until_on=until_on, cut_off_at=await cut_off(session, clock, unit, until_on),
    )  # fmt: skip
    session.add(order)
    await session.flush()
    await _note(session, clock, user, "issue", order, what)
    return order


async def answer(session: AsyncSession, clock: Clock, *, user: User, order: TaskOrder, text: str) -> None:
    """The unit's answer, once; a late one is kept as late. Raises NotAllowed, InvalidInput, StepTaken."""
    if not user.roles & ANSWERERS or not await acts_for(session, user, order.unit_id):
        raise NotAllowed
    said = clean("order_answer", text)
    if not said:
        raise InvalidInput(field="督办反馈", reason="请写明办理情况")
    values = {"answer": said, "answered_at": clock.now(), "answerer_id": user.id}
    if not await _first(session, order, TaskOrder.answered_at.is_(None), values):
        raise StepTaken
    await _note(session, clock, user, "answer", order, said)


async def decide(
    session: AsyncSession, clock: Clock, *, user: User, order: TaskOrder, outcome: str, reason: str
) -> None:
    """What becomes of a late one; raises NotAllowed, GuardFailed, InvalidInput, HeldAlready."""
    watched = select(Unit.id).where(Unit.id == order.unit_id, Unit.id.in_(supervised_units(user)))
    if (
        Role.INSPECTOR not in user.roles
        or order.unit_id == user.unit_id
        or await session.scalar(watched) is None
    ):
        raise NotAllowed
    if not order.is_late(clock.now()):
        raise GuardFailed(guard="is_overdue", sentence="该督办尚未逾期，不列入问责。")
    why = clean("reason", reason)
    if outcome not in DECIDED or not why:
        raise InvalidInput(field="问责结果和理由", reason="请选择结果并写明理由")
    values = {"outcome": outcome, "reason": why, "decider_id": user.id, "decided_at": clock.now()}
    if not await _first(session, order, TaskOrder.decided_at.is_(None), values):
        raise HeldAlready
    await _note(session, clock, user, "decide", order, f"{DECIDED[outcome]}：{why}")


async def waiting(session: AsyncSession, user: User, now: datetime, most: int = 20) -> Sequence[TaskOrder]:
    """What this person has still to answer, and as an inspector to decide about; the most urgent first."""
    wanted: list[ColumnElement[bool]] = [false()]
    if user.roles & ANSWERERS:
        wanted.append(TaskOrder.answered_at.is_(None) & TaskOrder.unit_id.in_(own_units(user)))
    if Role.INSPECTOR in user.roles:
        wanted.append(awaits_decision(now) & TaskOrder.unit_id.in_(supervised_units(user)))
    query = select(TaskOrder).where(or_(*wanted)).order_by(TaskOrder.cut_off_at, TaskOrder.id).limit(most)
    return (await session.scalars(query)).all()


async def _first(
    session: AsyncSession, order: TaskOrder, still: ColumnElement[bool], values: dict[str, Any]
) -> bool:
    """Whether nobody was quicker."""
    return hit_one(
        await session.execute(update(TaskOrder).where(TaskOrder.id == order.id, still).values(**values))
    )


async def _note(
    session: AsyncSession, clock: Clock, user: User, what: str, order: TaskOrder, text: str
) -> None:
    await audit.record(
        session,
        clock,
        actor=user.username,
        action=f"task.{what}",
        target=f"task:{order.id}",
        reason=text[:500],
    )
