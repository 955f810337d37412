"""Items of administrative approval (行政审批监察, M-120 「对行政审批服务事项办理全过程实行电子监察管理」).

The system that handles them reports accepted, step, due and decided; here they are watched like the hotline's own
clocks: due soon from the working day before, overdue after the close of the due day.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.bus import publish
from core.calendar.holidays import load_calendar
from core.clock import BEIJING, Clock
from core.db import Database
from core.errors import Conflict, InvalidInput, NotFound
from core.units import Region, Unit
from reports.outside.events import OutsideReported
from reports.outside.models import ApprovalEvent, ApprovalItem
from tickets.clocks.deadlines import due_soon_from_on

ACCEPTED, STEP, DUE, DECIDED = "accepted", "step", "due", "decided"
KINDS = {ACCEPTED: "受理", STEP: "环节", DUE: "期限变更", DECIDED: "办结"}
LONGEST_NO, LONGEST_TEXT = 40, 200
AHEAD = timedelta(minutes=5)
"""By so much the other system's clock may be fast."""


class ItemUnknown(NotFound):
    """An event of an item that was never reported as accepted."""

    code = "approval_unknown"
    text = "没有这个办件，请先报送受理（accepted）。"


class ItemKnown(Conflict):
    """Accepted a second time."""

    code = "approval_known"
    text = "这个办件已经报送过受理；期限变更请报送 due。"


class ItemDecided(Conflict):
    """An event after the decision."""

    code = "approval_decided"
    text = "这个办件已经办结，不能再报送办理情况。"


@dataclass(frozen=True)
class Reported:
    """One event; `unit` and `name` of an acceptance, `due_on` of that and of a new due day."""

    item_no: str
    kind: str
    at: datetime
    text: str = ""
    name: str = ""
    due_on: date | None = None


async def take_in(
    session: AsyncSession, clock: Clock, region: Region, unit: Unit | None, reported: Reported
) -> ApprovalItem:
    """The item after the event; the same event again changes nothing. Raises InvalidInput, ItemUnknown, ItemKnown, ItemDecided."""
    if reported.at > clock.now() + AHEAD:
        raise InvalidInput(field="at", reason="不能晚于现在")
    item = await find(session, region.id, reported.item_no)
    if item is not None and _is_repeated(item, reported):
        return item
    if reported.kind == ACCEPTED:
        item = _accepted(region, unit, item, reported)
    if item is None:
        raise ItemUnknown
    if item.decided_at is not None:
        raise ItemDecided
    if reported.kind == DECIDED:
        item.decided_at = reported.at
    if reported.kind in {ACCEPTED, DUE}:
        await _set_due(session, region, item, reported.due_on)
    item.events.append(
        ApprovalEvent(kind=reported.kind, at=reported.at, text=reported.text, received_at=clock.now())
    )
    session.add(item)
    await session.flush()
    publish(session, OutsideReported(region.id))
    return item


async def ring(db: Database, clock: Clock) -> int:
    """Tell the open pages of the items whose due day has just passed; returns how many. Loop work, safe to race."""
    now = clock.now()
    unseen = is_late(now) & ApprovalItem.overdue_at.is_(None)
    async with db.reading() as session:
        if await session.scalar(select(ApprovalItem.id).where(unseen).limit(1)) is None:
            return 0
    async with db.unit_of_work() as session:
        marked = update(ApprovalItem).where(unseen).values(overdue_at=now).returning(ApprovalItem.region_id)
        regions = (await session.scalars(marked)).all()
        for region_id in sorted(set(regions)):
            publish(session, OutsideReported(region_id))
    return len(regions)


async def find(session: AsyncSession, region_id: int, item_no: str) -> ApprovalItem | None:
    """The item with its unit and events."""
    wanted = select(ApprovalItem).where(ApprovalItem.region_id == region_id, ApprovalItem.item_no == item_no)
    loaded = wanted.options(selectinload(ApprovalItem.unit), selectinload(ApprovalItem.events))
    return await session.scalar(loaded)


def is_soon(now: datetime) -> ColumnElement[bool]:
    return (
        ApprovalItem.decided_at.is_(None) & (ApprovalItem.warn_at <= now) & (ApprovalItem.cut_off_at >= now)
    )


def is_late(now: datetime) -> ColumnElement[bool]:
    """Overdue and not decided yet."""
    return ApprovalItem.decided_at.is_(None) & (ApprovalItem.cut_off_at < now)


def state_of(item: ApprovalItem, now: datetime) -> tuple[str, str]:
    """(tone, text)"""
    if item.decided_at is not None:
        return ("warn", "逾期办结") if item.decided_at > item.cut_off_at else ("ok", "已办结")
    if now > item.cut_off_at:
        return ("bad", "已逾期")
    return ("warn", "即将到期") if now >= item.warn_at else ("info", "办理中")


def _is_repeated(item: ApprovalItem, reported: Reported) -> bool:
    said = (reported.kind, reported.at, reported.text)
    return any((event.kind, event.at, event.text) == said for event in item.events)


def _accepted(
    region: Region, unit: Unit | None, known: ApprovalItem | None, reported: Reported
) -> ApprovalItem:
    if known is not None:
        raise ItemKnown
    if unit is None or not reported.name:
        raise InvalidInput(field="unit" if unit is None else "name", reason="受理须写明 unit、name 和 due_on")
    return ApprovalItem(
        region_id=region.id, unit=unit, item_no=reported.item_no, name=reported.name, accepted_at=reported.at,
        events=[],
    )  # fmt: skip


async def _set_due(session: AsyncSession, region: Region, item: ApprovalItem, due_on: date | None) -> None:
    """The other system reckons the day; the close of business and the day to warn are the region's."""
    if due_on is None:
        raise InvalidInput(field="due_on", reason="受理和期限变更须写明期限")
    calendar = await load_calendar(session)
    warn_on = due_soon_from_on(calendar, due_on, region.code)
    item.due_on, item.overdue_at = due_on, None
    item.cut_off_at = calendar.cut_off_at(due_on, region.code)
    item.warn_at = datetime.combine(warn_on, time(), BEIJING)
