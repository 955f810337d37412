"""The contractor's report (M-79): a month with one outage shows it, with seats, queue and the indicators' own figures."""

import io
from datetime import UTC, date, datetime, timedelta

import pypdfium2
import pytest
from sqlalchemy import select
from support.tickets import City, build_city
from support.web import as_, browsing, give_password, web_app

from core.db import Database
from core.units import Region
from ivr.board import AgentView, WaitingView
from ivr.models import ServiceSample
from ivr.queue.samples import Sampler
from reports.contractor import report
from reports.contractor.availability import CUT_OFF, STOPPED, Minute, Service
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days

MONDAY = datetime(2026, 6, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minute(
    number: int, *, connected: bool = True, seats: int = 3, is_open: bool = True, waiting: int = 0
) -> Minute:
    return Minute(MONDAY + number * MINUTE, connected, seats, waiting, waiting * 10, is_open)


def service(minutes: int, *samples: Minute) -> Service:
    found = Service(MONDAY, MONDAY + minutes * MINUTE)
    for one in samples:
        found.add(one)
    found.end()
    return found


def test_minutes_without_a_sample_and_without_asterisk_are_outages():
    """Three of ten are missing, two were cut off; the two outages are named with their causes."""
    seen = [minute(n, connected=n not in {7, 8}) for n in range(10) if n not in {2, 3, 4}]
    found = service(10, *seen)
    assert (found.minutes, found.up) == (10, 5)
    assert [(one.since, one.minutes, one.cause) for one in found.outages] == [
        (MONDAY + 2 * MINUTE, 3, STOPPED), (MONDAY + 7 * MINUTE, 2, CUT_OFF),
    ]  # fmt: skip


def test_a_period_that_begins_and_ends_without_service_is_down_there():
    """Nobody sampled the first minute nor the last two; nothing sampled at all is one outage."""
    found = service(5, minute(1), minute(2))
    assert [(one.since, one.minutes) for one in found.outages] == [(MONDAY, 1), (MONDAY + 3 * MINUTE, 2)]
    assert [one.minutes for one in service(5).outages] == [5]


def test_seats_are_those_of_statutory_hours():
    """A night without seats does not count; fewest, mean and the longest queue do."""
    found = service(
        4,
        minute(0, seats=4),
        minute(1, seats=1, waiting=6),
        minute(2, seats=0, is_open=False),
        minute(3, seats=1),
    )
    assert (found.mean_seats, found.fewest_seats, found.most_waiting, found.longest_wait_s) == (2.0, 1, 6, 60)


@pytest.fixture
async def city(db: Database) -> City:
    """The 1st of June from nine o'clock, sampled for three hours but for the second one's first twenty minutes."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        session.add_all(
            ServiceSample(at=MONDAY + n * MINUTE, connected=True, signed_in=2, waiting=n % 5, longest_wait_s=n)
            for n in range(180) if not 60 <= n < 80
        )  # fmt: skip
        await city.call(session, queued_at=MONDAY, answered_at=MONDAY + timedelta(seconds=9), ended_at=MONDAY + MINUTE,
                        operator_id=city.users["operator"])  # fmt: skip
    city.clock.move_to(MONDAY + 180 * MINUTE)
    return city


async def test_a_month_with_one_outage_shows_it(city: City):
    """160 of 180 minutes; nothing counts before the first sample nor after now."""
    async with city.db.reading() as session:
        region = await session.get_one(Region, city.regions["city"])
        of = Slice(
            *days(date(2026, 6, 1), date(2026, 6, 30)), city.clock.now(), region_ids=frozenset({region.id})
        )
        asked = await figures.figures(session, [BY_KEY[key] for key in report.KEYS], of)
        said = await report.make(session, region, of, {one.indicator.key: one for one in asked})
    assert dict(said["facts"])["可用率"] == "88.89%"
    assert dict(said["facts"])["中断"] == "20 分钟，1 次"
    assert said["outages"] == [
        {"since": "2026-06-01 10:00", "until": "2026-06-01 10:20", "minutes": 20, "cause": STOPPED}
    ]
    assert next(one for one in said["figures"] if one["key"] == "K-02")["text"] == "9.0 秒"


async def test_the_report_is_a_page_and_a_paper(city: City, db: Database):
    """The supervisor reads it, the office prints it with the outage on it, an operator does neither."""
    await give_password(db, city.users)
    async with browsing(web_app(db, city.clock)) as browser:
        await as_(browser, "supervisor")
        shown = await (await browser.get("/reports/contractor?from=2026-06-01&to=2026-06-30")).text()
        assert "88.89%" in shown
        await as_(browser, "office")
        answer = await browser.get("/reports/contractor/report.pdf?from=2026-06-01&to=2026-06-30")
        paper = pypdfium2.PdfDocument(io.BytesIO(await answer.read()))
        said = "".join(page.get_textpage().get_text_range() for page in paper)
        assert "承包服务考核表" in said
        assert "2026-06-01 10:00" in said
        await as_(browser, "operator")
        assert (await browser.get("/reports/contractor")).status == 403


class StandingBoard:
    """A board that stands still."""

    def agents(self) -> list[AgentView]:
        return [AgentView(n, "", "", "", "ready", "", MONDAY, True, None) for n in range(2)]

    def waiting(self) -> list[WaitingView]:
        return [WaitingView("1", "96128", None, MONDAY - timedelta(seconds=42))]


async def test_the_sampler_stores_each_minute_once(city: City):
    """Seats, callers and the connection as they are; a second look in the same minute changes nothing."""
    city.clock.move_to(MONDAY + timedelta(hours=5, seconds=18))
    connected = [True, False]
    sampler = Sampler(city.db, city.clock, StandingBoard(), lambda: connected.pop(0))  # type: ignore[arg-type]
    await sampler.sample()
    await sampler.sample()
    async with city.db.reading() as session:
        wanted = select(ServiceSample).where(ServiceSample.at > MONDAY + timedelta(hours=4))
        (one,) = await session.scalars(wanted)
    assert (one.at, one.connected, one.signed_in, one.waiting) == (MONDAY + timedelta(hours=5), True, 2, 1)
    assert one.longest_wait_s == 5 * 3600 + 18 + 42
