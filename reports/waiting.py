"""What waits for somebody (待办, M-46): reports due or late, results nobody has looked at, appeals, tasks ordered, purges, published finances,
and what other systems report that is late or beyond its bounds (M-120, M-133).

Nothing of it is stored: each line is true as long as it is shown, and goes when the thing is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import beijing
from core.people import User
from core.units import Region, Unit, regions_below
from recordings.models import Call, Purge, PurgeState
from reports.models import Report
from reports.outside import approvals, series
from reports.outside.models import ApprovalItem, OutsideFigure, OutsideSeries
from reports.quality.models import Appeal, Grade, GradeKind, Sample
from reports.signed import filing
from reports.signed.periods import Period
from tickets.finances import access, meetings, promises, signing
from tickets.mayor.models import Direction, MayorReferral
from tickets.models import Ticket
from tickets.oversight import tasks

SHOWN_FOR = timedelta(days=30)
MOST = 20
"""Lines of one kind."""


class Kind(StrEnum):
    REPORT = "report"
    SAMPLE = "sample"
    TASK = "task"
    PURGE = "purge"
    APPROVAL = "approval"
    SERIES = "series"
    MAYOR = "mayor"
    FINANCE = "finance"
    RECTIFICATION = "rectification"
    MEETING = "meeting"


@dataclass(frozen=True)
class Waiting:
    """One line: `id` of what it is about, an approval item's or a ticket's number, of a rectification its notice's, of a meeting its unit's."""

    kind: Kind
    id: int | str
    what: str
    text: str
    is_late: bool = False


async def of_office(session: AsyncSession, region_id: int, now: datetime) -> list[Waiting]:
    """The own level's reports that have not gone their way, and those of the level below to receive or long due."""
    is_own, is_below = Report.region_id == region_id, Region.parent_id == region_id
    unfinished = or_(Report.signed_at.is_(None), Report.sent_at.is_(None) & Region.parent_id.is_not(None))
    below = or_(
        Report.sent_at.is_not(None) & Report.received_at.is_(None),
        Report.sent_at.is_(None) & (Report.due_at < now),
    )
    wanted = select(Report).join(Region, Region.id == Report.region_id).options(selectinload(Report.region))
    found = await session.scalars(
        wanted.where(or_(is_own & unfinished, is_below & below))
        .order_by(Report.due_at, Report.id)
        .limit(MOST)
    )
    return [_report(one, now, is_own=one.region_id == region_id) for one in found]


async def of_graded(
    session: AsyncSession, user: User, concerns: ColumnElement[bool], now: datetime
) -> list[Waiting]:
    """Results that the person graded, or as their head, has not looked at since they were given."""
    seen_by_me = (Sample.user_id == user.id) & _is_news(Sample.seen_at, now)
    seen_by_head = or_(Sample.user_id.is_(None), Sample.user_id != user.id) & _is_news(
        Sample.head_seen_at, now
    )
    return [
        Waiting(Kind.SAMPLE, one.id, _talk(one), "质检结果待查看")
        for one in await _samples(session, concerns & or_(seen_by_me, seen_by_head))
    ]


async def of_grader(session: AsyncSession, user: User, grades: ColumnElement[bool]) -> list[Waiting]:
    """Appeals that this person may recheck."""
    appealed = select(Appeal.sample_id).where(Appeal.answered_at.is_(None))
    graded = select(Grade.sample_id).where(Grade.grader_id == user.id)
    not_own = or_(Sample.user_id.is_(None), Sample.user_id != user.id)
    return [
        Waiting(Kind.SAMPLE, one.id, _talk(one), "质检申诉待复核")
        for one in await _samples(
            session, grades & Sample.id.in_(appealed) & Sample.id.not_in(graded) & not_own
        )
    ]


async def of_tasks(session: AsyncSession, user: User, now: datetime) -> list[Waiting]:
    """Tasks that this person's unit has to answer; late ones also for the inspectors, to decide about."""
    return [
        Waiting(
            Kind.TASK, one.id, f"任务督办：{one.what[:40]}",
            f"逾期未反馈，应于 {one.until_on} 前" if one.is_late(now) else f"待反馈，应于 {one.until_on} 前",
            is_late=one.is_late(now),
        )
        for one in await tasks.waiting(session, user, now)
    ]  # fmt: skip


async def of_finances(session: AsyncSession, user: User, now: datetime) -> list[Waiting]:
    """Notices to sign off, rectifications promised, to be checked or overdue, meetings to hold (M-113, M-118)."""
    reach, today = await access.reach_of(session, user), beijing(now).date()
    if not await access.publishes(session, reach):
        return []
    to_sign = await signing.waiting(session, user, reach)
    found = [Waiting(Kind.FINANCE, one.id, f"财务公开：{one.title}", "待负责人审签") for one in to_sign]
    for promised in await promises.waiting(session, reach, now):
        tone, text = promises.state_of(promised, now)
        what = f"财务公开整改：{promised.issue[:40]}"
        until = f"{text}，应于 {promised.due_on} 前"
        found.append(Waiting(Kind.RECTIFICATION, promised.notice_id, what, until, is_late=tone == "bad"))
    for meeting in await meetings.waiting(session, reach.own, today):
        text = f"应于 {meeting.due_on} 前召开并登记结果"
        late = meeting.is_late(today)
        found.append(Waiting(Kind.MEETING, meeting.unit.id, f"财务公开{meeting.name}", text, is_late=late))
    return found


async def of_purges(session: AsyncSession, user: User, region_id: int) -> list[Waiting]:
    """Removals of recordings that somebody else asked for: a second person has to decide (M-60)."""
    asked = select(Purge).where(
        Purge.state == PurgeState.ASKED, Purge.asked_by_id != user.id, Purge.region_id.in_(regions_below(region_id))
    )  # fmt: skip
    return [
        Waiting(Kind.PURGE, one.id, f"清除 {one.count} 个到期录音", "待第二人批准")
        for one in await session.scalars(asked.order_by(Purge.id).limit(MOST))
    ]


async def of_inspectors(session: AsyncSession, region_id: int, now: datetime) -> list[Waiting]:
    """The own level's overdue approval items, and figures beyond their bounds that no later one has replaced."""
    late = select(ApprovalItem, Unit.name).join(Unit, Unit.id == ApprovalItem.unit_id)
    late = late.where(ApprovalItem.region_id == region_id, approvals.is_late(now))
    found = [
        Waiting(Kind.APPROVAL, item.item_no, f"行政审批：{unit} {item.name[:40]}", f"已逾期，期限 {item.due_on}", is_late=True)
        for item, unit in await session.execute(late.order_by(ApprovalItem.cut_off_at, ApprovalItem.id).limit(MOST))
    ]  # fmt: skip
    since = beijing(now).date() - SHOWN_FOR
    flagged = (
        select(OutsideFigure, OutsideSeries, Unit.name)
        .join(OutsideSeries, OutsideSeries.id == OutsideFigure.series_id)
        .join(Unit, Unit.id == OutsideFigure.unit_id)
        .where(OutsideSeries.region_id == region_id, OutsideFigure.on > since)
        .where(series.is_beyond(), series.is_newest())
    )
    for figure, of, unit in await session.execute(
        flagged.order_by(OutsideFigure.on.desc(), OutsideFigure.id).limit(MOST)
    ):
        what = f"外部数据：{unit} {of.name} {figure.value:g} {of.measure}".strip()
        flag = series.flag_of(of, figure.value)
        found.append(Waiting(Kind.SERIES, "", what, f"{figure.on} {flag}", is_late=True))
    return found


async def of_mayor(session: AsyncSession, region_id: int, now: datetime) -> list[Waiting]:
    """What came from the mayor's hotline, and must be answered there today or should have been before (M-122)."""
    today = beijing(now).date()
    pressing = MayorReferral.answered_at.is_(None) & (MayorReferral.due_on <= today)
    asked = select(MayorReferral, Ticket.ticket_no).join(Ticket, Ticket.id == MayorReferral.ticket_id)
    asked = asked.where(
        pressing, MayorReferral.direction == Direction.IN, MayorReferral.region_id == region_id
    )
    return [
        Waiting(Kind.MAYOR, ticket_no, f"市长热线转来：{row.their_no}", f"待回复，期限 {row.due_on}", row.is_late(today))
        for row, ticket_no in await session.execute(asked.order_by(MayorReferral.due_on, MayorReferral.id).limit(MOST))
    ]  # fmt: skip


def _is_news(seen_at: Any, now: datetime) -> ColumnElement[bool]:
    """A grade that stands, of the last thirty days and later than the last look."""
    given = select(Grade.id).where(
        Grade.sample_id == Sample.id, Grade.kind != GradeKind.SECOND, Grade.graded_at > now - SHOWN_FOR,
        or_(seen_at.is_(None), Grade.graded_at > seen_at),
    )  # fmt: skip
    return given.correlate(Sample).exists()


async def _samples(session: AsyncSession, condition: ColumnElement[bool]) -> Sequence[Sample]:
    wanted = (
        select(Sample)
        .join(Call, Call.id == Sample.call_id)
        .where(condition)
        .options(selectinload(Sample.call))
    )
    return (await session.scalars(wanted.order_by(Sample.id.desc()).limit(MOST))).all()


def _talk(one: Sample) -> str:
    return f"{beijing(one.call.started_at):%Y-%m-%d %H:%M} 的通话"


def _report(one: Report, now: datetime, *, is_own: bool) -> Waiting:
    is_late = filing.is_late(one, now) and filing.state_of(one) in {"draft", "signed"}
    text = f"逾期未报，应于 {one.due_on} 前上报" if is_late else f"待签发上报，应于 {one.due_on} 前"
    if not is_own and not is_late:
        text = "已上报，待签收"
    name = Period(one.kind, one.first_on, one.last_on).name
    return Waiting(Kind.REPORT, one.id, f"{one.region.name}{name}报表", text, is_late)
