"""The statutory clocks: lengths, extensions, explanations, accountability, and the reason in words."""

from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from core.calendar.holidays import read_table
from core.calendar.workdays import NationalTable, WorkCalendar
from core.clock import BEIJING
from tickets.clocks import deadlines, reasons
from tickets.models import ClockKind, QuestionClass, Stage, Ticket, TicketKind

TABLE = read_table(Path(__file__).parents[2] / "config/calendar/cn.toml")
CALENDAR = WorkCalendar(TABLE)
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


MONDAY = at("2026-06-01T10:00")


@pytest.mark.parametrize(("kind", "due", "extended"), [("Q5", "06-08", "06-30"), ("Q10", "06-15", "06-30"), ("C15", "06-23", "07-14"), ("G5", "06-08", None), ("CC1", "06-02", None), ("D20", "06-30", "07-28")])  # fmt: skip
def test_lengths(kind: str, due: str, extended: str | None):
    """5/10→20, 15→30, an application 20→40, office 5 and call centre 1 without extension (§5.2)."""
    clock = ClockKind(kind)
    assert f"{deadlines.due(CALENDAR, clock, MONDAY, None).on:%m-%d}" == due
    days = deadlines.RULES[clock].extended_days
    assert (f"{CALENDAR.due_on(MONDAY, days, None).on:%m-%d}" if days else None) == extended


def test_class_decides_the_clock():
    """General questions have five days, important and complex ones ten (M-41)."""
    general, important = (
        Ticket(kind=TicketKind.QUESTION, question_class=question_class) for question_class in QuestionClass
    )
    assert [deadlines.clock_for(ticket) for ticket in (general, important)] == [ClockKind.Q5, ClockKind.Q10]


def test_an_application_has_the_regulations_own_clock():
    """M-110: whatever class stands on the ticket, and that class cannot be changed."""
    application = Ticket(kind=TicketKind.DISCLOSURE, question_class=QuestionClass.IMPORTANT)
    clock, at = deadlines.clock_for(application), {"now": MONDAY, "received_at": MONDAY}
    assert clock == ClockKind.D20
    assert not deadlines.may_change_class(CALENDAR, clock, **at, changed_at=None, region_code=None)


def test_extension_before_expiry_and_once():
    """At the cut-off still possible, a second later not, a second time not, for an office never."""
    cut_off = deadlines.due(CALENDAR, ClockKind.Q5, MONDAY, None).cut_off_at

    def may(
        kind: ClockKind = ClockKind.Q5, now: datetime = cut_off, extended_at: datetime | None = None
    ) -> bool:
        return deadlines.may_extend(kind, now=now, cut_off_at=cut_off, extended_at=extended_at)

    assert may()
    assert not may(now=cut_off + SECOND)
    assert not may(extended_at=MONDAY)
    assert not may(ClockKind.G5)
    assert not may(ClockKind.CC1)


def test_overdue_a_second_after_the_cut_off():
    """Exactly at the cut-off is on time, a second later overdue, finished in time never (WD-5)."""
    cut_off = at("2026-06-08T18:00")
    assert not deadlines.is_overdue(now=cut_off, cut_off_at=cut_off, finished_at=None)
    assert deadlines.is_overdue(now=cut_off + SECOND, cut_off_at=cut_off, finished_at=None)
    assert not deadlines.is_overdue(now=cut_off + SECOND, cut_off_at=cut_off, finished_at=cut_off)
    assert deadlines.is_overdue(now=cut_off, cut_off_at=cut_off, finished_at=cut_off + SECOND)


def test_explanation_and_accountability_dates():
    """§6.2: due 06-08, an explanation is timely until 06-09 close, unexplained on the list from 06-10."""
    due = deadlines.due(CALENDAR, ClockKind.Q5, MONDAY, None)
    wound = deadlines.wind(CALENDAR, ClockKind.Q5, due, None)
    assert (wound.due_on, wound.cut_off_at) == (date(2026, 6, 8), at("2026-06-08T18:00"))

    def stage(now: str, explained: str | None = None) -> Stage:
        marks = {"warn_at": wound.warn_at, "accountable_at": wound.accountable_at}
        explained_at = at(explained) if explained else None
        return deadlines.reached(now=at(now), cut_off_at=wound.cut_off_at, explained_at=explained_at, **marks)

    assert stage("2026-06-04T23:59") == Stage.ON_TIME
    assert stage("2026-06-05T00:00") == Stage.DUE_SOON
    assert stage("2026-06-08T18:00") == Stage.DUE_SOON
    assert stage("2026-06-08T18:01") == Stage.OVERDUE
    assert stage("2026-06-09T23:59") == Stage.OVERDUE
    assert stage("2026-06-10T00:00") == Stage.UNEXPLAINED
    assert stage("2026-06-10T00:00", explained="2026-06-09T17:00") == Stage.OVERDUE
    assert stage("2026-06-12T00:00", explained="2026-06-11T17:00") == Stage.OVERDUE


def test_an_unregistered_message_is_called_to_mind_at_noon():
    """§5.7: left on Friday night, the box is mentioned at noon of Monday."""
    due = deadlines.due(CALENDAR, ClockKind.CC1, at("2026-06-05T21:00"), None)
    assert deadlines.wind(CALENDAR, ClockKind.CC1, due, None).warn_at == at("2026-06-08T12:00")


def test_class_may_change_once_before_the_fifth_day_ends():
    """T12"""

    def may(now: str, kind: ClockKind = ClockKind.Q5, changed_at: datetime | None = None) -> bool:
        return deadlines.may_change_class(
            CALENDAR, kind, now=at(now), received_at=MONDAY, changed_at=changed_at, region_code=None
        )

    assert may("2026-06-08T18:00")
    assert not may("2026-06-08T18:01")
    assert not may("2026-06-02T10:00", changed_at=MONDAY)
    assert not may("2026-06-02T10:00", kind=ClockKind.C15)


def test_due_soon_is_the_working_day_before():
    """M-46: the warning for a Monday comes on Friday, for the first day after a long holiday before it."""
    assert deadlines.due_soon_from_on(CALENDAR, date(2026, 6, 8), None) == date(2026, 6, 5)
    assert deadlines.due_soon_from_on(CALENDAR, date(2025, 10, 9), None) == date(2025, 9, 30)


def test_the_chain_of_the_mission():
    """§6.3: four steps, three kinds of clock, each from its own Day 0."""
    chain = [
        ("Q5", "06-01", "06-08"),
        ("G5", "06-04", "06-11"),
        ("G5", "06-08", "06-15"),
        ("Q10", "06-12", "06-29"),
    ]
    for kind, received, due in chain:
        reckoned = deadlines.due(CALENDAR, ClockKind(kind), at(f"2026-{received}T16:00"), None)
        assert f"{reckoned.on:%m-%d}" == due


def test_a_provisional_date_never_moves_against_the_unit():
    """WD-8: told is the new date, judged the later one; WD-9: a published table's change counts as it is."""
    received = at("2026-12-21T10:00")
    first = CALENDAR.due_on(received, 15)
    assert first.provisional
    shorter = NationalTable(
        "cn-2027", TABLE.years | {2027}, TABLE.days
    )  # no New Year's day off: a day earlier
    new = WorkCalendar(shorter).due_on(received, 15)
    assert new.on < first.on
    again = partial(deadlines.rewind, WorkCalendar(shorter), ClockKind.C15, new, None)
    kept = again(was_provisional=True, old_cut_off_at=first.cut_off_at)
    assert (kept.due_on, kept.cut_off_at, kept.provisional) == (new.on, first.cut_off_at, False)
    changed = again(was_provisional=False, old_cut_off_at=first.cut_off_at)
    assert (changed.cut_off_at, changed.table_version) == (new.cut_off_at, "cn-2027")


def test_the_reason_of_a_due_date_in_words():
    """A due date says received when, the rule's words, each day counted, each not and why, and the table."""
    received = at("2025-09-26T10:05")
    lines = reasons.sentences(ClockKind.Q5, received, deadlines.due(CALENDAR, ClockKind.Q5, received, None))
    assert lines == [
        "2025年9月26日（周五） 10:05（北京时间）到达承办单位，当日不计，自下一个工作日起算。",
        (
            "时限：一般性问题，5 个工作日。依据：「一般性问题在5个工作日内办结回复」"
            "「情况特殊的,经本单位负责人同意后可延长到20个工作日」(M-41、M-42)。"
        ),
        "计入的工作日：9月28日（国庆节调休上班）、9月29日、9月30日、10月9日、10月10日，共 5 天。",
        "不计的日期：9月27日（双休日）、10月1日至10月5日（国庆节）、10月6日（中秋节）、10月7日至10月8日（国庆节）。",
        "到期：2025年10月10日（周五） 18:00 下班前（含）。",
        "工作日表版本：cn-2026。",
    ]


def test_the_reason_names_extension_and_provisional():
    """An extension is told as a total from receipt, a date past the table as 暂定."""
    received = at("2026-11-23T10:00")
    due = CALENDAR.due_on(received, 30, None)
    text = "\n".join(reasons.sentences(ClockKind.C15, received, due))
    assert "由 15 个工作日延长到 30 个工作日（自收到之日起总计）" in text
    assert "2027年1月1日（预计元旦）" in text
    assert "暂定" in text
