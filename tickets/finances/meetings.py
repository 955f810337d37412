"""Meetings on published finances (半年、年终座谈会，年度测评会议, M-118): reminded of by their day until the result is entered.

Nothing of a reminder is stored: a meeting is due because the unit publishes and the year has come so far.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock, beijing
from core.errors import InvalidInput, NotAllowed, NotFound
from core.people import User
from core.units import Unit
from tickets.finances.access import reach_of
from tickets.finances.errors import Recorded
from tickets.finances.feedback_models import FinanceMeeting, MeetingKind
from tickets.finances.models import FinanceChannel, FinanceNotice
from tickets.text import clean

REMINDED_BEFORE = timedelta(days=30)
KINDS = {
    MeetingKind.HALF_YEAR: ("半年座谈会", (6, 30)),
    MeetingKind.YEAR_END: ("年终座谈会", (12, 31)),
    MeetingKind.ASSESSMENT: ("年度测评会议", (12, 31)),
}
"""Name, and month and day by which it is held."""


@dataclass(frozen=True)
class Meeting:
    """One that a unit is to hold in a year; `held` once its result is entered."""

    unit: Unit
    kind: MeetingKind
    year: int
    held: FinanceMeeting | None = None

    @property
    def name(self) -> str:
        return f"{self.year}年{KINDS[self.kind][0]}"

    @property
    def due_on(self) -> date:
        return date(self.year, *KINDS[self.kind][1])

    def is_late(self, today: date) -> bool:
        return self.held is None and today > self.due_on

    def is_shown(self, today: date) -> bool:
        """Held, or near enough to be reminded of."""
        return self.held is not None or today >= self.due_on - REMINDED_BEFORE


async def meetings_of(session: AsyncSession, unit_ids: Collection[int], today: date) -> list[Meeting]:
    """This year's and last year's of the units that publish, from their first publication on; by day."""
    began = await _began(session, unit_ids)
    units = await session.scalars(select(Unit).where(Unit.id.in_(began)).order_by(Unit.id))
    rows = await session.scalars(select(FinanceMeeting).where(FinanceMeeting.unit_id.in_(began)))
    held = {(row.unit_id, row.kind, row.year): row for row in rows}
    every = [
        Meeting(unit, kind, year, held.get((unit.id, kind, year)))
        for unit in units
        for year in (today.year - 1, today.year)
        for kind in KINDS
    ]
    return sorted(
        (one for one in every if one.due_on >= began[one.unit.id]), key=lambda one: (one.due_on, one.unit.id)
    )


async def waiting(session: AsyncSession, unit_ids: Collection[int], today: date) -> Sequence[Meeting]:
    """Those to be reminded of."""
    found = await meetings_of(session, unit_ids, today)
    return [one for one in found if one.held is None and one.is_shown(today)]


async def enter(
    session: AsyncSession, clock: Clock, *, user: User, unit_id: int, kind: MeetingKind, year: int, held_on: date,
    people: str, result: str,
) -> FinanceMeeting:  # fmt: skip
    """The result, once; raises NotFound, NotAllowed, InvalidInput, Recorded."""
    reach, today = await reach_of(session, user), beijing(clock.now()).date()
    if unit_id not in reach.seen:
        raise NotFound
    if unit_id not in reach.own:
        raise NotAllowed
    known = {(one.kind, one.year): one for one in await meetings_of(session, [unit_id], today)}
    if (kind, year) not in known:
        raise InvalidInput(field="会议", reason="请从列表中选择")
    if not date(year, 1, 1) <= held_on <= today:
        raise InvalidInput(field="召开日期", reason=f"请填写 {year} 年以后、今天以前的日期")
    texts = {"people": clean("feedback", people), "result": clean("minutes", result)}
    if not all(texts.values()):
        raise InvalidInput(field="参加人员和会议结果", reason="请填写")
    meeting = FinanceMeeting(
        unit_id=unit_id, kind=kind, year=year, held_on=held_on, entered_at=clock.now(), entered_by_id=user.id, **texts
    )  # fmt: skip
    session.add(meeting)
    try:
        await session.flush()
    except IntegrityError:
        raise Recorded(what=known[kind, year].name) from None
    await audit.record(
        session, clock, actor=user.username, action="finance.meeting", target=f"meeting:{meeting.id}",
        reason=known[kind, year].name,
    )  # fmt: skip
    return meeting


async def _began(session: AsyncSession, unit_ids: Collection[int]) -> dict[int, date]:
    """Of each unit that has published the first day it did."""
    first = (
        select(FinanceNotice.unit_id, func.min(FinanceChannel.on))
        .join(FinanceChannel, FinanceChannel.notice_id == FinanceNotice.id)
        .where(FinanceNotice.unit_id.in_(unit_ids))
        .group_by(FinanceNotice.unit_id)
    )
    return {unit_id: on for unit_id, on in await session.execute(first)}  # noqa: C416 (types)
