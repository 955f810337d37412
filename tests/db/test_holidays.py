"""The calendar in the database: regional days, hours, imported years, revisions."""

from datetime import date, datetime

import pytest
from sqlalchemy import func, select
from support.tickets import City

from config.parts import calendar_state
from core.audit import AuditRow
from core.calendar import holidays
from core.calendar.holidays import CalendarChanged, load_calendar
from core.calendar.workdays import WorkCalendar
from core.errors import InvalidInput

FESTIVAL = date(2026, 6, 3)


async def calendar(city: City) -> WorkCalendar:
    async with city.db.reading() as session:
        return await load_calendar(session)


async def day_off(city: City, region: str = "city", on: date = FESTIVAL) -> None:
    async with city.db.unit_of_work() as session:
        await holidays.set_day(
            session,
            city.clock,
            region_id=city.regions[region],
            on=on,
            is_workday=False,
            name="火把节",
            actor="admin",
        )


async def test_a_local_day_counts_at_once_in_its_region_and_below(city: City):
    """A day off takes effect with the commit, for the city and its county and nobody else (WD-10)."""
    heard: list[CalendarChanged] = []
    city.db.bus.subscribe(CalendarChanged, heard.append)
    before = await calendar(city)
    assert before is await calendar(city)
    await day_off(city)
    after = await calendar(city)
    assert (before.version, after.version) == ("cn-2026", "cn-2026+1")
    assert heard == [CalendarChanged()]
    for region, worked in (("city", False), ("county", False), ("neighbour", True), ("province", True)):
        assert after.is_workday(FESTIVAL, region) is worked


async def test_a_day_can_be_replaced_and_removed(city: City):
    """Saying it twice is one row; removing it gives the table's word back; the audit log has each change."""
    await day_off(city)
    await day_off(city)
    async with city.db.unit_of_work() as session:
        assert await session.scalar(select(func.count()).select_from(holidays.CalendarDay)) == 1
        await holidays.remove_day(
            session, city.clock, region_id=city.regions["city"], on=FESTIVAL, actor="admin"
        )
    assert (await calendar(city)).is_workday(FESTIVAL, "city")
    async with city.db.reading() as session:
        changes = select(func.count()).where(AuditRow.action == "calendar.change")
        assert await session.scalar(changes) == 4


async def test_hours_with_seasons(city: City):
    """Hours of a season hold in it, for the region and below."""
    async with city.db.unit_of_work() as session:
        seasons = [("05-01", "09-30", "08:00-12:00 15:00-18:30")]
        await holidays.set_hours(
            session, city.clock, region_id=city.regions["city"], seasons=seasons, actor="admin"
        )
    now = datetime.fromisoformat("2026-06-01T08:10:00+08:00")
    assert (await calendar(city)).is_open(now, "county")
    assert not (await calendar(city)).is_open(now, "neighbour")


@pytest.mark.parametrize("season", [("05-01", "09-30", ""), ("05-01", "09-30", "12:00-08:00"), ("05-01", "09-30", "08:00-12:00 11:00-13:00"), ("13-01", "09-30", "08:00-12:00"), ("05-01", "09-30", "8点到12点"), ("05-01", "09-30", "08:00-25:00")])  # fmt: skip
async def test_bad_hours_are_refused_and_nothing_changes(city: City, season: tuple[str, str, str]):
    """Hours that overlap, run backwards or cannot be read are refused in Chinese."""
    with pytest.raises(InvalidInput):
        async with city.db.unit_of_work() as session:
            await holidays.set_hours(
                session, city.clock, region_id=city.regions["city"], seasons=[season], actor="admin"
            )
    assert (await calendar(city)).version == "cn-2026"


async def test_an_imported_year_is_no_longer_provisional(city: City):
    """M-11: importing 2027 replaces the expectation and settles a make-up day of the neighbouring year."""
    received = datetime.fromisoformat("2026-12-21T10:00:00+08:00")
    assert (await calendar(city)).due_on(received, 10, "city").provisional
    async with city.db.unit_of_work() as session:
        for _ in range(2):
            await holidays.import_year(
                session, city.clock, year=2027, off={date(2027, 1, 1): "元旦", date(2027, 1, 4): "元旦"},
                make_up={date(2026, 12, 26): "元旦"}, source="国办发明电", actor="admin",
            )  # fmt: skip
    new = await calendar(city)
    due = new.due_on(received, 10, "city")
    assert (due.on, due.provisional) == (date(2027, 1, 5), False)
    assert new.day(date(2026, 12, 26)).why == "元旦调休上班"
    assert new.covered_until == date(2027, 12, 31)


async def test_a_year_with_foreign_dates_is_refused(city: City):
    """A file of the wrong year is refused whole."""
    with pytest.raises(InvalidInput, match="其他年份"):
        async with city.db.unit_of_work() as session:
            await holidays.import_year(
                session,
                city.clock,
                year=2027,
                off={date(2030, 1, 1): "元旦"},
                make_up={},
                source="x",
                actor="admin",
            )
    assert (await calendar(city)).covered_until == date(2026, 12, 31)


async def test_what_was_rolled_back_is_not_remembered(city: City):
    """A change seen inside a failed unit of work never stays in the cache."""
    with pytest.raises(RuntimeError):
        async with city.db.unit_of_work() as session:
            await holidays.set_day(
                session,
                city.clock,
                region_id=city.regions["city"],
                on=FESTIVAL,
                is_workday=False,
                name="x",
                actor="a",
            )
            assert not (await load_calendar(session)).is_workday(FESTIVAL, "city")
            raise RuntimeError
    assert (await calendar(city)).is_workday(FESTIVAL, "city")
    await day_off(city, region="neighbour")
    assert (await calendar(city)).is_workday(FESTIVAL, "city")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-06-01T10:00:00+08:00", "节假日安排已公布到 2026年12月31日，此后的期限为暂定"),
        (
            "2026-12-01T10:00:00+08:00",
            "节假日安排已公布到 2026年12月31日，此后的期限为暂定（还有 30 天到期，请在下一年安排公布后导入",
        ),
        (
            "2027-03-01T10:00:00+08:00",
            "节假日安排已公布到 2026年12月31日，此后的期限为暂定（已经到期，请在下一年安排公布后导入",
        ),
    ],
)
async def test_the_end_of_the_published_calendar_is_told_and_stops_nothing(city: City, now: str, said: str):
    """WD-8: `/readyz` names the day and what to do, and stays ready."""
    city.clock.move_to(datetime.fromisoformat(now))
    state = await calendar_state(city.db, city.clock)
    assert (state.ok, state.text.startswith(said)) == (True, True), state.text
