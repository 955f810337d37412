"""Rectification (整改, M-118 「要作整改承诺并限期整改到位」): promised by the head, proved by the unit, checked by its supervising body.

Not proved by the end of its day, it is overdue on the inspectors' board until it is; what they return is promised still,
and the day stays the same.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.calendar.holidays import load_calendar
from core.clock import BEIJING, Clock
from core.db import hit_one
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from core.units import Region
from tickets.clocks.deadlines import due_soon_from_on
from tickets.finances.access import Reach, find
from tickets.finances.feedback_models import FinancePromise, PromiseState
from tickets.finances.marks import mark
from tickets.finances.models import FinanceNotice
from tickets.finances.papers import attach
from tickets.finances.receipts import published_own
from tickets.finances.stages import Purpose
from tickets.intake.attachments import Received
from tickets.oversight.orders import cut_off
from tickets.text import clean

STATES = {
    PromiseState.PROMISED: "整改中",
    PromiseState.REPORTED: "待核查",
    PromiseState.CHECKED: "已核查到位",
}


class PromiseMoved(Conflict):
    """Reported or checked already, or not reported yet."""

    code = "finance_promise_moved"
    text = "这项整改的状态已经变化，请刷新页面后再试。"


async def promise(
    session: AsyncSession,
    clock: Clock,
    *,
    user: User,
    notice_id: int,
    issue: str,
    text: str,
    person: str,
    due_on: date,
) -> FinancePromise:
    """By the unit's head, due on a working day within a year; raises NotFound, NotAllowed, NotPublished, InvalidInput."""
    if Role.HEAD not in user.roles:
        raise NotAllowed
    notice = await published_own(session, user, notice_id)
    texts = {
        "issue": _text("issue", issue, "需整改的问题"),
        "promise": _text("promise", text, "整改承诺"),
        "person": _text("person_name", person, "责任人"),
    }
    cut_off_at = await cut_off(session, clock, notice.unit, due_on)
    region = await session.get_one(Region, notice.unit.region_id)
    warn_on = due_soon_from_on(await load_calendar(session), due_on, region.code)
    made = FinancePromise(
        notice_id=notice.id, due_on=due_on, cut_off_at=cut_off_at, warn_at=datetime.combine(warn_on, time(), BEIJING),
        made_at=clock.now(), maker_id=user.id, **texts,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    await mark(session, clock, user, notice, "promise", f"{texts['promise']}（限 {due_on:%Y-%m-%d} 前）")
    return made


async def report(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, promise_id: int, proof: str, sent: Received
) -> None:  # fmt: skip
    """The unit's people prove it in words, and papers if there are any; raises as `promise`, PromiseMoved."""
    notice = await published_own(session, user, notice_id)
    said = _text("proof", proof, "整改情况")
    values = {"state": PromiseState.REPORTED, "proof": said, "reported_at": clock.now()}
    await _move(session, notice, promise_id, PromiseState.PROMISED, values)
    attach(session, clock, user, notice, Purpose.PROOF, sent)
    await mark(session, clock, user, notice, "proof", said)


async def check(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, promise_id: int, finding: str, accepted: bool
) -> None:  # fmt: skip
    """By an inspector of the supervising body: in place, or to be done after all; raises NotFound, NotAllowed, InvalidInput, PromiseMoved."""
    notice, reach = await find(session, user, notice_id)
    if notice.unit_id not in reach.watched:
        raise NotAllowed
    said = _text("finding", finding, "核查意见")
    values: dict[str, Any] = {"finding": said, "checker_id": user.id}
    values |= {"state": PromiseState.CHECKED, "checked_at": clock.now()} if accepted else _AGAIN
    await _move(session, notice, promise_id, PromiseState.REPORTED, values)
    await mark(session, clock, user, notice, "check", f"{'到位' if accepted else '退回继续整改'}：{said}")


_AGAIN = {"state": PromiseState.PROMISED, "reported_at": None}


async def promises_of(session: AsyncSession, notice_id: int) -> Sequence[FinancePromise]:
    wanted = select(FinancePromise).where(FinancePromise.notice_id == notice_id)
    return (await session.scalars(wanted.order_by(FinancePromise.id))).all()


async def waiting(
    session: AsyncSession, reach: Reach, now: datetime, most: int = 20
) -> Sequence[FinancePromise]:
    """What one's own unit has promised; for inspectors what is to be checked, and what is overdue; the most urgent first."""
    own = FinanceNotice.unit_id.in_(reach.own) & (FinancePromise.state == PromiseState.PROMISED)
    to_check = (FinancePromise.state == PromiseState.REPORTED) | is_overdue(now)
    watched = FinanceNotice.unit_id.in_(reach.watched) & to_check
    query = select(FinancePromise).join(FinanceNotice, FinanceNotice.id == FinancePromise.notice_id)
    query = query.where(or_(own, watched)).options(selectinload(FinancePromise.notice))
    return (
        await session.scalars(query.order_by(FinancePromise.cut_off_at, FinancePromise.id).limit(most))
    ).all()


def is_overdue(now: datetime) -> ColumnElement[bool]:
    """The condition of the inspectors' board: not proved by the end of its day."""
    return (FinancePromise.state == PromiseState.PROMISED) & (FinancePromise.cut_off_at < now)


def is_soon(now: datetime) -> ColumnElement[bool]:
    running = (FinancePromise.state == PromiseState.PROMISED) & (FinancePromise.cut_off_at >= now)
    return running & (FinancePromise.warn_at <= now)


def state_of(one: FinancePromise, now: datetime) -> tuple[str, str]:
    """(tone, text)"""
    if one.state == PromiseState.PROMISED and now > one.cut_off_at:
        return ("bad", "逾期未整改")
    was_late = one.reported_at is not None and one.reported_at > one.cut_off_at
    tone = {PromiseState.PROMISED: "info", PromiseState.REPORTED: "warn", PromiseState.CHECKED: "ok"}
    return (tone[PromiseState(one.state)], STATES[one.state] + ("（逾期报告）" if was_late else ""))


async def _move(
    session: AsyncSession, notice: FinanceNotice, promise_id: int, state: PromiseState, values: dict[str, Any]
) -> None:
    """Nobody was quicker; raises NotFound, PromiseMoved."""
    theirs = FinancePromise.id == promise_id, FinancePromise.notice_id == notice.id
    if await session.scalar(select(FinancePromise.id).where(*theirs)) is None:
        raise NotFound
    moved = update(FinancePromise).where(*theirs, FinancePromise.state == state).values(**values)
    if not hit_one(await session.execute(moved)):
        raise PromiseMoved


def _text(field: str, value: str, label: str) -> str:
    text = clean(field, value)
    if not text:
        raise InvalidInput(field=label, reason="请填写")
    return text
