"""The calendar's page: proposed by one, confirmed by another, in force for clocks and telephone alike (M-10, M-11)."""

from datetime import date, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import select
from support.tickets import City
from support.web import Browser, as_

from core.calendar.files import CalendarFileInvalid, read_years
from core.calendar.holidays import load_calendar
from core.calendar.proposals import CalendarProposal
from core.calendar.workdays import WorkCalendar
from core.units import Region
from ivr.flow.departments import Departments

NEXT_YEAR = "类型,首日,末日,名称\r\n放假,2027-01-01,2027-01-03,元旦\r\n放假,2027-02-05,2027-02-11,春节\r\n上班,2027-02-13,,春节\r\n"


async def calendar(city: City) -> WorkCalendar:
    async with city.db.reading() as session:
        return await load_calendar(session)


async def decide(browser: Browser, username: str, decision: str, number: int = 1) -> int:
    await as_(browser, username)
    sent = await browser.post(f"/admin/calendar/proposals/{number}", {"decision": decision})
    return sent.status


async def test_a_local_holiday_takes_two_people(city: City, browser: Browser):
    """政府办 proposes for its own region; neither it nor another region's confirms; the supervisor does, once."""
    day = {"region": "city", "on": "2026-06-03", "status": "off", "name": "三月街", "reason": "州政府通知"}
    await as_(browser, "county_office")
    assert (await browser.post("/admin/calendar/day", day)).status == 404
    await as_(browser, "office")
    assert (await browser.post("/admin/calendar/day", day | {"name": ""})).status == 422
    assert (await browser.post("/admin/calendar/day", day)).status == 303
    assert (await calendar(city)).is_workday(date(2026, 6, 3), "city")
    assert await decide(browser, "office", "confirm") == 403
    assert await decide(browser, "county_office", "refuse") == 404
    assert await decide(browser, "supervisor", "confirm") == 303
    assert await decide(browser, "admin", "confirm") == 409
    assert not (await calendar(city)).is_workday(date(2026, 6, 3), "county")
    text = await (await browser.get("/admin/calendar?region=city&year=2026")).text()
    assert "2026-06-03 三月街" in text


async def test_the_published_year_is_checked_by_a_second_person_and_settles_what_was_provisional(
    city: City, browser: Browser
):
    """M-11, WD-8: 2027 is provisional until the table that one uploads is confirmed by another."""
    received = datetime.fromisoformat("2026-12-21T10:00:00+08:00")
    assert (await calendar(city)).due_on(received, 10, "city").provisional
    await as_(browser, "supervisor")
    form = FormData([("csrf", browser.csrf), ("reason", "国办发明电〔2026〕7号")])
    form.add_field("file", BytesIO(NEXT_YEAR.encode()), filename="2027.csv")
    assert (await browser.client.post("/admin/calendar/year", data=form, allow_redirects=False)).status == 303
    assert await decide(browser, "supervisor", "confirm") == 403
    assert await decide(browser, "admin", "confirm") == 303
    new = await calendar(city)
    assert not new.due_on(received, 10, "city").provisional
    assert new.is_workday(date(2027, 2, 13))
    assert new.covered_until == date(2027, 12, 31)


async def test_a_proposal_can_be_withdrawn_by_who_made_it(city: City, browser: Browser):
    """Withdrawn, it is never written."""
    await as_(browser, "office")
    hours = {"region": "city", "seasons": "05-01 09-30 08:00-12:00 15:00-18:30", "reason": "夏季作息"}
    assert (await browser.post("/admin/calendar/hours", hours | {"seasons": "05-01 乱写"})).status == 422
    assert (await browser.post("/admin/calendar/hours", hours)).status == 303
    assert await decide(browser, "office", "refuse") == 303
    assert await decide(browser, "admin", "confirm") == 409
    async with city.db.reading() as session:
        assert (await session.scalars(select(CalendarProposal.state))).all() == ["refused"]
    assert (await calendar(city)).version == "cn-2026"


@pytest.mark.parametrize(("now", "warned"), [("2026-11-25T10:00:00+08:00", "还有 36 天"), ("2026-06-01T10:00:00+08:00", "")])  # fmt: skip
async def test_the_end_of_the_tables_is_announced_sixty_days_before(
    city: City, browser: Browser, now: str, warned: str
):
    """WD-8: in November the page asks for next year's table; in June it does not."""
    city.clock.move_to(datetime.fromisoformat(now))
    await as_(browser, "office")
    text = await (await browser.get("/admin/calendar?year=2027")).text()
    assert ("已公布的工作日表" in text) is bool(warned)
    assert warned in text
    assert "（暂定）" in text


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-06-01T10:00:00+08:00", "open"),
        ("2026-06-01T12:30:00+08:00", "closed"),  # lunch
        ("2026-06-01T20:00:00+08:00", "closed"),
        ("2026-10-01T10:00:00+08:00", "closed"),  # a holiday
        ("2026-10-10T10:00:00+08:00", "open"),  # a make-up Saturday
        ("2026-05-30T10:00:00+08:00", "closed"),  # any other Saturday
    ],
)
async def test_the_telephone_keeps_the_regions_working_hours(city: City, now: str, said: str):
    """M-10 「法定工作时间」: lunch, evening and holidays are closed, a make-up Saturday is open."""
    async with city.db.reading() as session:
        region = await session.get_one(Region, city.regions["city"])
    city.clock.move_to(datetime.fromisoformat(now))
    deps: Any = SimpleNamespace(db=city.db, clock=city.clock)
    caller: Any = SimpleNamespace(region=region, unit=None)
    branch = Departments(deps, caller, Any, {}, print, str)
    assert await branch.hours() == said


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "类型,首日,末日,名称\r\n休息,2027-01-01,,元旦", "第 2 行“类型”"),
        ("a.csv", "类型,首日,末日,名称\r\n放假,2027-13-01,,元旦", "第 2 行的日期"),
        ("a.csv", "类型,首日,末日,名称\r\n放假,2027-01-03,2027-01-01,元旦", "第 2 行的日期"),
        ("a.csv", "类型,首日,末日,名称\r\n放假,2027-01-03,,", "缺少“名称”"),
        ("a.csv", "类型,首日,末日,名称", "没有“放假”的行"),
        ("a.toml", "[[year]]\nyear = 2027", "写明 year、off"),
    ],
)
def test_a_wrong_table_is_named_by_its_row(name: str, text: str, words: str):
    """A file that is no arrangement is one sentence."""
    with pytest.raises(CalendarFileInvalid, match=words):
        read_years(name, text.encode())
