"""Calls by day and hour (话务分布) and the dashboard that draws them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from support.by_hand import ByHand, load
from support.month import Month
from support.tickets import build_city
from support.web import as_, browsing, give_password, web_app

from core.clock import beijing
from core.db import Database
from reports.breakdowns.rhythm import rhythm
from reports.counting.slices import Slice, days

JUNE = days(date(2026, 6, 1), date(2026, 6, 30))
NOW = datetime(2026, 6, 24, 3, tzinfo=UTC)


async def test_calls_fall_on_the_beijing_day_and_hour_they_began(db: Database):
    """As by hand, midnight's calls too; every day up to today has its line, and the sums are K-01's numbers."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, 51).build(calls=200, tickets=0)
        for second in (-1, 0):
            at = JUNE[0] + timedelta(days=9, seconds=second)
            call = await city.call(session, ended_at=at + timedelta(minutes=1))
            call.started_at = at
    async with db.reading() as session:
        found = await rhythm(session, Slice(*JUNE, NOW))
        hand = ByHand(await load(session), *JUNE, NOW)
    by_day = Counter(f"{beijing(call.started_at):%-m-%-d}" for call in hand.calls())
    by_hour = Counter(f"{beijing(call.started_at).hour} 时" for call in hand.calls())
    assert [one.name for one in found.days] == [f"6-{day}" for day in range(1, 25)]
    assert {one.name: one.calls for one in found.days} == {
        f"6-{day}": by_day[f"6-{day}"] for day in range(1, 25)
    }
    assert {one.name: one.calls for one in found.hours} == {
        f"{hour} 时": by_hour[f"{hour} 时"] for hour in range(24)
    }
    answered, asked = hand.pair("K-01")
    assert (sum(one.answered for one in found.hours), sum(one.asked for one in found.hours)) == (
        answered,
        asked,
    )


async def test_the_dashboard_shows_the_period_and_an_empty_one(db: Database):
    """Tiles with numerator and denominator, tables beneath the charts; a period without calls is no fault."""
    city = await build_city(db)
    city.clock.move_to(NOW)
    async with db.unit_of_work() as session:
        await Month(session, city, 52).build(calls=40, tickets=40)
    await give_password(db, city.users)
    async with browsing(web_app(db, city.clock)) as browser:
        await as_(browser, "supervisor")
        shown = await (await browser.get("/reports/dashboard?from=2026-06-01&to=2026-06-30")).text()
        assert "每日来电" in shown
        assert '<th scope="row">6-24</th>' in shown
        empty = await browser.get("/reports/dashboard?from=2026-01-01&to=2026-01-31")
        assert empty.status == 200
        await as_(browser, "liaison_a")
        assert (await browser.get("/reports/dashboard")).status == 403
