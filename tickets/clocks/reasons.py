"""Why a due date is what it is, in Chinese sentences (期限说明): pure wording of a `Due` or of a whole step."""

from datetime import date, datetime, timedelta
from itertools import groupby

from core.calendar.workdays import WEEKDAYS, DayStatus, Due, WorkCalendar
from core.clock import beijing
from tickets.clocks.deadlines import RULES
from tickets.models import ClockKind, Step


def of_step(calendar: WorkCalendar, step: Step, region_code: str) -> list[str]:
    """The sentences of one step's date; where the table has changed since it was judged, that is said instead (WD-9)."""
    due = calendar.due_on(step.started_at, step.days, region_code)
    if due.on != step.due_on:
        return [
            f"{_day(beijing(step.started_at).date())}收到，时限 {step.days} 个工作日。",
            f"按当时的工作日表（版本 {step.table_version}）到期日为 {_day(step.due_on)}。",
            "工作日表其后有变更，已办结的环节仍按原到期日考核。",
        ]
    lines = sentences(ClockKind(step.clock), step.started_at, due)
    if step.cut_off_at > due.cut_off_at:  # WD-8
        lines.append(f"原暂定到期日较晚，对承办单位仍按 {_day(beijing(step.cut_off_at).date())} 考核。")
    return lines


def sentences(kind: ClockKind, received_at: datetime, due: Due) -> list[str]:
    """Received when, the rule and its words, the days counted, the days not counted and why, the table."""
    rule = RULES[kind]
    local = beijing(received_at)
    lines = [
        f"{_day(local.date())} {local:%H:%M}（北京时间）{rule.starts}，当日不计，自下一个工作日起算。",
        f"时限：{rule.name}，{_length(kind, due)}。依据：{rule.basis}。",
        f"计入的工作日：{_counted(due)}。",
    ]
    if due.skipped:
        lines.append(f"不计的日期：{_skipped(due)}。")
    close = beijing(due.cut_off_at)
    lines.append(f"到期：{_day(due.on)} {close:%H:%M} 下班前（含）{'，暂定' if due.provisional else ''}。")
    lines.append(f"工作日表版本：{due.table_version}。")
    if due.provisional:
        lines.append("期限涉及尚未公布放假安排的年份，安排公布后重新计算。")
    return lines


def _length(kind: ClockKind, due: Due) -> str:
    rule = RULES[kind]
    if due.days == rule.extended_days and due.days != rule.days:
        return f"经批准由 {rule.days} 个工作日延长到 {due.days} 个工作日（自收到之日起总计）"
    return f"{due.days} 个工作日"


def _counted(due: Due) -> str:
    days = due.counted
    since = due.received_on.year
    return "、".join(f"{_short(day.on, since)}{_made_up(day)}" for day in days) + f"，共 {len(days)} 天"


def _made_up(day: DayStatus) -> str:
    return "" if day.why in WEEKDAYS else f"（{day.why}）"


def _skipped(due: Due) -> str:
    """Neighbouring days with one reason become one span; Saturday and Sunday are one reason, 双休日."""
    numbered = enumerate(due.skipped)
    runs = groupby(numbered, key=lambda item: (item[1].on - timedelta(days=item[0]), _why(item[1])))
    parts = []
    for (_, why), run in runs:
        days = [day.on for _, day in run]
        first, last = _short(days[0], due.received_on.year), _short(days[-1], due.received_on.year)
        span = first if len(days) == 1 else f"{first}至{last}"
        parts.append(f"{span}（{why}）")
    return "、".join(parts)


def _why(day: DayStatus) -> str:
    return "双休日" if day.why in WEEKDAYS else day.why


def _short(on: date, since_year: int) -> str:
    return f"{on.month}月{on.day}日" if on.year == since_year else f"{on.year}年{on.month}月{on.day}日"


def _day(on: date) -> str:
    return f"{on.year}年{on.month}月{on.day}日（{WEEKDAYS[on.weekday()]}）"
