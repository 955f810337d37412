"""The statutory clocks (办理时限) of the mission's §5.2: how long, from when, how far extendable. Pure.

Every length is counted from the same Day 0 (WD-4); 「延长到」 is a total, not an addition (WD-6). Nothing pauses
a clock (WD-7). Dates come from a `WorkCalendar`; this module knows periods, not holidays.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.calendar.workdays import Due, WorkCalendar
from core.clock import BEIJING, beijing
from tickets.models import ClockKind, QuestionClass, Stage, Ticket, TicketKind

CLASS_CHANGE_DAYS = 5
QUIET_DAYS = 15
"""A reply without a complaint for this long is archived (T14)."""
MESSAGE_NOON = time(12)


@dataclass(frozen=True)
class ClockRule:
    kind: ClockKind
    name: str
    days: int
    extended_days: int | None
    """Total after an extension; none: not extendable."""
    starts: str
    basis: str
    """The source's own words, or `[I]` for our rule."""


RULES = {
    rule.kind: rule
    for rule in (
        ClockRule(
            ClockKind.Q5, "一般性问题", 5, 20, "到达承办单位",
            "「一般性问题在5个工作日内办结回复」「情况特殊的,经本单位负责人同意后可延长到20个工作日」(M-41、M-42)",
        ),
        ClockRule(
            ClockKind.Q10, "重要复杂问题", 10, 20, "到达承办单位",
            "「重要复杂问题在10个工作日内回复」「情况特殊的,经本单位负责人同意后可延长到20个工作日」(M-41、M-42)",
        ),
        ClockRule(
            ClockKind.C15, "投诉", 15, 30, "提出投诉",
            "「投诉的办理时限为15个工作日,情况特殊的,经本单位负责人同意后可延长到30个工作日」(M-43)",
        ),
        ClockRule(
            ClockKind.G5, "政府办转发处理", 5, None, "到达该级政府办",
            "「每级政府办转发处理时限为5个工作日」(M-45)",
        ),
        ClockRule(
            ClockKind.CC1, "呼叫中心登记留言", 1, None, "留下留言",
            "[I] 留言、来信须在 1 个工作日内登记转出 (§5.2)",
        ),
        ClockRule(
            ClockKind.D20, "政府信息公开申请", 20, 40, "到达承办单位",
            "《中华人民共和国政府信息公开条例》第三十三条：自收到申请之日起 20 个工作日内答复，经同意可延长，延长的期限最长不得超过 20 个工作日 (M-110)",
        ),
        ClockRule(
            ClockKind.P5, "并联事项（一般）", 5, 20, "到达承办单位", "[I] 并联办理的各单位各自计时，时限与提问相同 (M-129)",
        ),
        ClockRule(
            ClockKind.P10, "并联事项（复杂）", 10, 20, "到达承办单位", "[I] 并联办理的各单位各自计时，时限与提问相同 (M-129)",
        ),
        ClockRule(
            ClockKind.P20, "并联件（牵头汇总）", 20, 30, "牵头单位受理",
            "[I] 容得下各单位的时限和汇总；「发改、工商等部门…切实发挥好牵头作用」(M-129)",
        ),
    )
}  # fmt: skip


def clock_for(ticket: Ticket) -> ClockKind:
    """The clock of a unit that answers what was asked; complaints have theirs from the start."""
    if ticket.kind == TicketKind.DISCLOSURE:
        return ClockKind.D20
    if ticket.kind == TicketKind.PARALLEL:
        return ClockKind.P20
    if ticket.kind == TicketKind.PART:
        return ClockKind.P10 if ticket.question_class == QuestionClass.IMPORTANT else ClockKind.P5
    return ClockKind.Q10 if ticket.question_class == QuestionClass.IMPORTANT else ClockKind.Q5


def due(calendar: WorkCalendar, kind: ClockKind, received_at: datetime, region_code: str | None) -> Due:
    """The due date of a step that reached its unit at `received_at`."""
    return calendar.due_on(received_at, RULES[kind].days, region_code)


def may_extend(kind: ClockKind, *, now: datetime, cut_off_at: datetime, extended_at: datetime | None) -> bool:
    """Before expiry, once, and only a clock that can be extended (M-42 「经本单位负责人同意」 is the guard's)."""
    return RULES[kind].extended_days is not None and extended_at is None and now <= cut_off_at


def may_change_class(
    calendar: WorkCalendar,
    kind: ClockKind,
    *,
    now: datetime,
    received_at: datetime,
    changed_at: datetime | None,
    region_code: str | None,
) -> bool:
    """Once, before the fifth working day ends (T12)."""
    if kind not in {ClockKind.Q5, ClockKind.Q10} or changed_at is not None:
        return False
    return now <= calendar.due_on(received_at, CLASS_CHANGE_DAYS, region_code).cut_off_at


def is_overdue(*, now: datetime, cut_off_at: datetime, finished_at: datetime | None) -> bool:
    """At the cut-off is on time, a second later is not (WD-5)."""
    return (finished_at or now) > cut_off_at


def accountable_from_on(calendar: WorkCalendar, due_on: date, region_code: str | None) -> date:
    """From this day an unexplained overdue step is on the accountability list (M-52)."""
    return calendar.due_from(due_on, 2, region_code).on


def due_soon_from_on(calendar: WorkCalendar, due_on: date, region_code: str | None) -> date:
    """The working day before the due day, when those concerned are warned (M-46)."""
    day = due_on - timedelta(days=1)
    while not calendar.is_workday(day, region_code):
        day -= timedelta(days=1)
    return day


def reached(
    *,
    now: datetime,
    warn_at: datetime,
    cut_off_at: datetime,
    accountable_at: datetime,
    explained_at: datetime | None,
) -> Stage:
    """How far an open step has got by now; an explanation given in time or later takes it off the last one."""
    if now >= accountable_at and explained_at is None:
        return Stage.UNEXPLAINED
    if now > cut_off_at:
        return Stage.OVERDUE
    return Stage.DUE_SOON if now >= warn_at else Stage.ON_TIME


@dataclass(frozen=True)
class Winding:
    """A step's clock as it is stored: the columns of `Step` of the same names."""

    days: int
    due_on: date
    cut_off_at: datetime
    provisional: bool
    table_version: str
    warn_at: datetime
    accountable_at: datetime


def wind(
    calendar: WorkCalendar,
    kind: ClockKind,
    due: Due,
    region_code: str | None,
    *,
    not_before: datetime | None = None,
) -> Winding:
    """The clock for a due date; `not_before` is a later cut-off that the unit was promised (WD-8)."""
    cut_off_at = max(due.cut_off_at, not_before or due.cut_off_at)
    accountable_on = accountable_from_on(calendar, beijing(cut_off_at).date(), region_code)
    return Winding(
        due.days,
        due.on,
        cut_off_at,
        due.provisional,
        due.table_version,
        warn_at=_warn_at(calendar, kind, due, region_code),
        accountable_at=_instant(accountable_on),
    )


def rewind(
    calendar: WorkCalendar,
    kind: ClockKind,
    new: Due,
    region_code: str | None,
    *,
    was_provisional: bool,
    old_cut_off_at: datetime,
) -> Winding:
    """An open clock after the calendar changed (WD-8, WD-9).

    A unit that was given a later provisional date is judged by that later one; people are told the new date.
    """
    return wind(calendar, kind, new, region_code, not_before=old_cut_off_at if was_provisional else None)


def _warn_at(calendar: WorkCalendar, kind: ClockKind, due: Due, region_code: str | None) -> datetime:
    """A message not registered by noon of the due day is called to mind (§5.7); the rest a working day before."""
    if kind is ClockKind.CC1:
        return _instant(due.on, MESSAGE_NOON)
    return _instant(due_soon_from_on(calendar, due.on, region_code))


def _instant(on: date, at: time = time()) -> datetime:
    return datetime.combine(on, at, BEIJING).astimezone(UTC)
