"""The way of a report (报表上报, M-71 「定期上报各项统计报表」): drafted by schedule, signed, sent up, received.

    草稿 ─签发→ 已签发 ─上报→ 已上报 ─签收→ 已签收

A draft is reckoned anew as often as wanted; what was signed stays, and a correction is a further revision with its
reason, which the level above receives anew. The topmost region has nobody to send to: its reports end with the signature.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core import audit
from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.db import Database
from core.errors import Conflict, InvalidInput, NotFound
from core.people import User
from core.units import Region, Unit, UnitDuty
from reports.counting.indicators import VERSION
from reports.models import Report, ReportRevision
from reports.signed import content
from reports.signed.periods import DUE_WORKDAY, Period, just_ended
from reports.signed.way import taken

STATES = {"draft": "草稿", "signed": "已签发", "sent": "已上报", "received": "已签收"}
SHORTEST_REASON = 5


class NotInThatState(Conflict):
    """The report is at another point of its way; `state` says which."""

    code = "report_state"
    text = "报表目前为“{state}”，不能进行这项操作，请刷新后核对。"


class NothingChanged(Conflict):
    """A correction that would say what was said before."""

    code = "report_unchanged"
    text = "重新计算的结果与现行版本一致，无需更正。"


def state_of(report: Report) -> str:
    """A key of STATES."""
    passed = [(report.received_at, "received"), (report.sent_at, "sent"), (report.signed_at, "signed")]
    return next((name for at, name in passed if at), "draft")


def is_late(report: Report, now: datetime) -> bool:
    """Sent after the due day's end of business, or not yet though it has passed; the topmost region's by its signature."""
    is_top = report.region.parent_id is None
    done_at = report.signed_at if is_top else report.sent_at
    return (done_at or now) > report.due_at


async def draft_due(db: Database, clock: Clock) -> int:
    """Draft what the month's end has made due, for every region with a government office; how many are new."""
    made = 0
    for period in just_ended(beijing(clock.now()).date()):
        async with db.reading() as session:
            regions = await _regions_without(session, period)
        for region in regions:
            async with db.unit_of_work() as session:
                await draft(session, clock, region, period)
            made += 1
    return made


async def _regions_without(session: AsyncSession, period: Period) -> Sequence[Region]:
    offices = select(Unit.region_id).where(Unit.duty == UnitDuty.OFFICE, Unit.is_active)
    drafted = select(Report.region_id).where(Report.kind == period.kind, Report.first_on == period.first)
    wanted = select(Region).where(Region.id.in_(offices), Region.id.not_in(drafted))
    return (await session.scalars(wanted.order_by(Region.code))).all()


async def draft(
    session: AsyncSession, clock: Clock, region: Region, period: Period, user: User | None = None
) -> Report:
    """A new report; raises InvalidInput before the period has ended, Conflict when there is one."""
    if period.last >= beijing(clock.now()).date():
        raise InvalidInput(field="报告期", reason=f"{period.name}尚未结束")
    known = select(Report.id).where(
        Report.region_id == region.id, Report.kind == period.kind, Report.first_on == period.first
    )
    if await session.scalar(known):
        raise Conflict
    calendar = await load_calendar(session)
    after = _month_after(period)
    due_on = calendar.nth_of_month(after.year, after.month, DUE_WORKDAY, region.code)
    report = Report(
        region_id=region.id, kind=period.kind, first_on=period.first, last_on=period.last, due_on=due_on,
        due_at=calendar.cut_off_at(due_on, region.code),
    )  # fmt: skip
    report.region = region
    session.add(report)
    await session.flush()
    await _store(session, clock, report, await content.make(session, report, clock.now()), 1, user, "")
    return report


async def find(session: AsyncSession, report_id: int, region_ids: frozenset[int]) -> Report:
    """The report with region and revisions; raises NotFound outside these regions."""
    wanted = select(Report).where(Report.id == report_id, Report.region_id.in_(region_ids))
    report = await session.scalar(wanted.options(selectinload(Report.region), selectinload(Report.revisions)))
    if report is None:
        raise NotFound
    return report


async def reckon_anew(session: AsyncSession, clock: Clock, report: Report, user: User) -> None:
    """A draft says what is true now."""
    _need(report, "draft")
    revision = report.revisions[-1]
    revision.content = await content.make(session, report, clock.now())
    revision.made_at, revision.author_id, revision.rule_version = clock.now(), user.id, VERSION
    await _note(session, clock, user, "reckon", report)


async def sign(session: AsyncSession, clock: Clock, report: Report, user: User) -> None:
    """签发: from now on the figures stand."""
    await _pass(
        session, clock, report, user, "draft", "sign", {"signed_at": clock.now(), "signer_id": user.id}
    )


async def send(session: AsyncSession, clock: Clock, report: Report, user: User) -> None:
    """上报 to the region above."""
    if report.region.parent_id is None:
        raise InvalidInput(field="上报", reason="本级没有上级地区，签发即可")
    await _pass(session, clock, report, user, "signed", "send", {"sent_at": clock.now()})


async def receive(session: AsyncSession, clock: Clock, report: Report, user: User) -> None:
    """签收 by the region above."""
    values = {"received_at": clock.now(), "receiver_id": user.id}
    await _pass(session, clock, report, user, "sent", "receive", values)


async def correct(
    session: AsyncSession, clock: Clock, report: Report, user: User, reason: str
) -> ReportRevision:
    """更正: a further revision of what was signed; raises NothingChanged, InvalidInput without a reason.

    A receipt was for what stood before (it stays in the audit log): the level above is to receive what stands now.
    """
    if state_of(report) == "draft":
        raise NotInThatState(state=STATES["draft"])
    if len(text := reason.strip()) < SHORTEST_REASON:
        raise InvalidInput(field="更正理由", reason=f"请至少写 {SHORTEST_REASON} 个字")
    last = report.revisions[-1]
    said = await content.make(session, report, clock.now())
    if not content.changes(last.content, said):
        raise NothingChanged
    made = await _store(session, clock, report, said, last.number + 1, user, text)
    report.received_at = report.receiver_id = None
    await _note(session, clock, user, "correct", report, text)
    return made


async def facts_of(session: AsyncSession, report: Report, revision: ReportRevision) -> dict[str, str]:
    """What the paper says besides the figures."""
    office = select(Unit.name).where(Unit.region_id == report.region_id, Unit.duty == UnitDuty.OFFICE)
    signer = await session.get(User, report.signer_id) if report.signer_id else None

    def day(at: datetime | None) -> str:
        return f"{beijing(at):%Y年%-m月%-d日}" if at else ""

    return {
        "period": f"{report.first_on:%Y年%-m月%-d日}至{report.last_on:%Y年%-m月%-d日}",
        "office": await session.scalar(office.limit(1)) or report.region.name,
        "revision": f"第 {revision.number} 版", "made": day(revision.made_at), "reason": revision.reason,
        "signer": signer.display_name if signer else "", "signed": day(report.signed_at),
        "sent": day(report.sent_at), "received": day(report.received_at),
    }  # fmt: skip


def _month_after(period: Period) -> date:
    """The first day of the month after the period."""
    return period.last + timedelta(days=1)


async def _store(
    session: AsyncSession,
    clock: Clock,
    report: Report,
    said: content.Content,
    number: int,
    user: User | None,
    reason: str,
) -> ReportRevision:
    revision = ReportRevision(
        report_id=report.id, number=number, made_at=clock.now(), author_id=user.id if user else None, reason=reason,
        rule_version=VERSION, content=said,
    )  # fmt: skip
    session.add(revision)
    await session.flush()
    return revision


async def _pass(
    session: AsyncSession,
    clock: Clock,
    report: Report,
    user: User,
    state: str,
    what: str,
    values: dict[str, object],
) -> None:
    """One step of the way, by compare-and-set."""
    _need(report, state)
    column, *_ = values
    if not await taken(session, report, column, values):
        raise NotInThatState(state=STATES[state_of(report)])
    await _note(session, clock, user, what, report)


def _need(report: Report, state: str) -> None:
    if state_of(report) != state:
        raise NotInThatState(state=STATES[state_of(report)])


async def _note(
    session: AsyncSession, clock: Clock, user: User, what: str, report: Report, reason: str = ""
) -> None:
    target = f"{report.region.code}:{report.kind}:{report.first_on}"
    await audit.record(
        session, clock, actor=user.username, action=f"report.{what}", target=target, reason=reason
    )
