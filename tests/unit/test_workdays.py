"""Working days: every vector of the mission's §6.1, 6.2 and 6.4, the whole table, regions, hours, past coverage."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar.holidays import read_table
from core.calendar.workdays import DayRow, NationalTable, RegionRules, Season, Segment, WorkCalendar
from core.clock import BEIJING

TABLE = read_table(Path(__file__).parents[2] / "config/calendar/cn.toml")
OFF = DayRow(is_workday=False, name="三月街民族节")
DALI = RegionRules(days={date(2024, 4, day): OFF for day in (23, 24, 25)})
SUMMER = Season((5, 1), (9, 30), (Segment(time(8, 0), time(12, 0)), Segment(time(15, 0), time(18, 30))))
WINTER = Season((11, 1), (2, 28), (Segment(time(9, 0), time(17, 0)),))
CALENDAR = WorkCalendar(
    TABLE,
    {
        "5329": DALI,
        "532901": RegionRules(
            parent_code="5329", days={date(2024, 4, 24): DayRow(is_workday=True, name="照常上班")}
        ),
        "warm": RegionRules(seasons=(SUMMER, WINTER)),
        "loop": RegionRules(parent_code="loop"),
    },
)
PERIODS = (5, 10, 15, 20, 30)
VECTORS = [
    # number in the mission, received (Beijing), 5, 10, 15, 20, 30 days; None: provisional
    ("1", "2026-06-01T09:00", ["06-08", "06-15", "06-23", "06-30", "07-14"]),
    ("2 at nine", "2026-06-05T09:00", ["06-12", "06-22", "06-29", "07-06", "07-20"]),
    ("2 before six", "2026-06-05T17:59", ["06-12", "06-22", "06-29", "07-06", "07-20"]),
    ("2 at eleven", "2026-06-05T23:00", ["06-12", "06-22", "06-29", "07-06", "07-20"]),
    ("3 on Saturday", "2026-06-06T12:00", ["06-12", "06-22", "06-29", "07-06", "07-20"]),
    ("3 on Sunday", "2026-06-07T00:00", ["06-12", "06-22", "06-29", "07-06", "07-20"]),
    ("4", "2025-09-26T10:00", ["10-10", "10-16", "10-23", "10-30", "11-13"]),
    ("5", "2025-09-30T10:00", ["10-14", "10-21", "10-28", "11-04", "11-18"]),
    ("6", "2025-10-03T10:00", ["10-14", "10-21", "10-28", "11-04", "11-18"]),
    ("7", "2025-10-11T10:00", ["10-17", "10-24", "10-31", "11-07", "11-21"]),
    ("8", "2026-02-13T10:00", ["02-27", "03-05", "03-12", "03-19", "04-02"]),
    ("9", "2026-02-18T10:00", ["02-28", "03-06", "03-13", "03-20", "04-03"]),
    ("10", "2009-09-25T10:00", ["10-09", "10-15", "10-22", "10-29", "11-12"]),
    ("11", "2009-04-01T10:00", ["04-09", "04-16", "04-23", "04-30", "05-15"]),
    ("13", "2026-11-23T10:00", ["11-30", "12-07", "12-14", "12-21", None]),
    ("14", "2026-12-21T10:00", ["12-28", None, None, None, None]),
    ("16", "2020-01-22T10:00", ["02-06"]),
]
CASES = [
    pytest.param(received, n, on, id=f"v{number}, {n} days")
    for number, received, row in VECTORS
    for n, on in zip(PERIODS, row, strict=False)
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.mark.parametrize(("received", "days", "expected"), CASES)
def test_due_dates_of_the_mission(received: str, days: int, expected: str | None):
    """§6.1: the due date is the Nth working day after the Beijing date of receipt; past coverage it is provisional."""
    due = CALENDAR.due_on(at(received), days)
    assert due.provisional is (expected is None)
    if expected:
        assert f"{due.on:%m-%d}" == expected


def test_the_date_is_beijings_not_utcs():
    """Vector 12: 01:30 in Beijing is still yesterday in UTC and must not lose a day."""
    assert CALENDAR.due_on(datetime(2026, 6, 4, 17, 30, tzinfo=UTC), 5).on == date(2026, 6, 12)


@pytest.mark.parametrize(("region", "five", "ten"), [(None, (4, 26), (5, 7)), ("5329", (4, 30), (5, 10))])
def test_local_holidays_count_where_they_are(region: str | None, five: tuple[int, int], ten: tuple[int, int]):
    """Vector 15: three local days off move the date in that prefecture only."""
    received = at("2024-04-19T10:00")
    assert CALENDAR.due_on(received, 5, region).on == date(2024, *five)
    assert CALENDAR.due_on(received, 10, region).on == date(2024, *ten)


def test_a_county_has_its_prefectures_days_unless_it_says_otherwise():
    """The nearest region that names a day decides (WD-2)."""
    assert not CALENDAR.is_workday(date(2024, 4, 23), "532901")
    assert CALENDAR.day(date(2024, 4, 24), "532901").why == "照常上班"
    assert not CALENDAR.is_workday(date(2024, 4, 24), "5329")
    assert CALENDAR.is_workday(date(2024, 4, 24), "unheard of")
    assert CALENDAR.is_workday(date(2024, 4, 24), "loop")


def test_extensions_are_totals():
    """§6.2: 延长到 20 or 30 counts from the original Day 0, onto a make-up Saturday if it falls so."""
    assert CALENDAR.due_on(at("2026-06-01T10:00"), 20).on == date(2026, 6, 30)
    complaint = at("2026-08-24T10:00")
    assert CALENDAR.due_on(complaint, 15).on == date(2026, 9, 14)
    assert CALENDAR.due_on(complaint, 30).on == date(2026, 10, 10)


@pytest.mark.parametrize(("year", "month", "expected"), [(2026, 1, "01-08"), (2026, 2, "02-06"), (2026, 5, "05-11"), (2026, 10, "10-13")])  # fmt: skip
def test_reports_are_due_on_the_fifth_working_day(year: int, month: int, expected: str):
    """§6.4"""
    assert f"{CALENDAR.nth_of_month(year, month, 5):%m-%d}" == expected


def test_the_table_equals_the_package_on_every_day():
    """The shipped file says what chinesecalendar says, 2004-01-01 to 2026-12-31."""
    days = [date(2004, 1, 1) + timedelta(days=n) for n in range((date(2027, 1, 1) - date(2004, 1, 1)).days)]
    assert [day for day in days if CALENDAR.is_workday(day) != chinese_calendar.is_workday(day)] == []
    assert CALENDAR.covered_until == date(2026, 12, 31)
    assert CALENDAR.version == "cn-2026"


@pytest.mark.parametrize("year", [1949, 1999, 2003, 2027, 2041, 2099, 2500])
def test_years_nobody_published_are_provisional_never_an_error(year: int):
    """WD-8: outside the table dates still come, marked 暂定."""
    due = CALENDAR.due_on(at(f"{year}-03-02T10:00"), 30, "5329")
    assert due.provisional
    assert due.on > date(year, 4, 1)
    assert CALENDAR.day(date(year, 3, 3)).provisional


def test_expected_holidays_serve_the_provisional_answer():
    """Statutory days of a year to come are reckoned off, and say that they are expected."""
    spring = CALENDAR.day(date(2027, 2, 8))
    assert (spring.is_workday, spring.why) == (False, "预计春节")
    assert not CALENDAR.is_workday(date(2027, 10, 1))


def test_counted_and_skipped_days_say_why():
    """A due date can name each day that counted and each that did not."""
    due = CALENDAR.due_on(at("2025-09-26T10:00"), 5)
    assert [f"{day.on:%m-%d} {day.why}" for day in due.counted] == [
        "09-28 国庆节调休上班", "09-29 周一", "09-30 周二", "10-09 周四", "10-10 周五",
    ]  # fmt: skip
    assert [day.why for day in due.skipped] == ["周六", *["国庆节"] * 5, "中秋节", *["国庆节"] * 2]


@pytest.mark.parametrize(
    ("instant", "region", "is_open"),
    [
        ("2026-06-01T08:29:59", None, False),
        ("2026-06-01T08:30:00", None, True),
        ("2026-06-01T11:59:59", None, True),
        ("2026-06-01T12:00:00", None, False),
        ("2026-06-01T12:30:00", None, False),
        ("2026-06-01T14:30:00", None, True),
        ("2026-06-01T18:00:00", None, False),
        ("2026-06-01T20:00:00", None, False),
        ("2026-10-10T10:00:00", None, True),  # make-up Saturday
        ("2026-10-03T10:00:00", None, False),  # holiday
        ("2026-06-06T10:00:00", None, False),  # Saturday
        ("2026-06-01T08:10:00", "warm", True),
        ("2026-06-01T14:45:00", "warm", False),
        ("2026-12-01T08:45:00", "warm", False),
        ("2026-12-01T13:00:00", "warm", True),
        ("2026-10-12T08:45:00", "warm", True),  # between the seasons: the default
    ],
)
def test_statutory_hours(instant: str, region: str | None, is_open: bool):
    """M-10, WD-11: segments with lunch and seasons; a segment holds its first instant and not its last."""
    assert CALENDAR.is_open(at(instant), region) is is_open


def test_cut_off_is_the_regions_close():
    """WD-5: the due instant is the end of the region's last segment on the due day."""
    received = at("2026-06-01T10:00")
    assert CALENDAR.due_on(received, 5).cut_off_at == at("2026-06-08T18:00")
    assert CALENDAR.due_on(received, 5, "warm").cut_off_at == at("2026-06-08T18:30")
    assert CALENDAR.segments_on(date(2026, 6, 6)) == ()


def test_an_imported_table_overrides_years():
    """A year in the table is no longer provisional."""
    table = NationalTable("t", TABLE.years | {2027}, TABLE.days, TABLE.expected)
    assert not WorkCalendar(table, revision=3).due_on(at("2026-12-21T10:00"), 30).provisional
    assert WorkCalendar(table, revision=3).version == "t+3"


def test_a_period_has_a_day():
    """Zero days is a programming error, not a date."""
    with pytest.raises(ValueError, match="at least one"):
        CALENDAR.due_on(at("2026-06-01T10:00"), 0)


instants = st.datetimes(datetime(2004, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(instants, st.integers(1, 60), st.sampled_from([None, "5329", "532901", "warm"]))
def test_counting_agrees_with_itself(received: datetime, days: int, region: str | None):
    """The due day is worked, exactly `days` working days after Day 0, and the listed days fill the span."""
    due = CALENDAR.due_on(received, days, region)
    assert CALENDAR.is_workday(due.on, region)
    assert len(due.counted) == days
    assert due.counted[-1].on == due.on
    assert len(due.counted) + len(due.skipped) == (due.on - due.received_on).days
    assert due.provisional == any(day.provisional for day in (*due.counted, *due.skipped))


@given(instants, instants, st.integers(1, 40))
def test_later_receipt_is_never_due_earlier(one: datetime, other: datetime, days: int):
    """Due dates keep the order of receipt."""
    first, second = sorted((one, other))
    assert CALENDAR.due_on(first, days).on <= CALENDAR.due_on(second, days).on
