"""What waits for an office, a person graded, their head and a grader stands with their notices until it is done (M-46, M-82)."""

from datetime import UTC, datetime

import pytest
from support.tickets import City, build_city
from support.web import Browser, as_, browsing, give_password, web_app

from core.db import Database
from recordings.models import CallEnd
from reports.quality import sheets
from reports.quality.models import About, Sample
from reports.signed import filing


@pytest.fixture
async def city(db: Database) -> City:
    """Reports of June drafted on the 1st of July; one talk of liaison a's drawn and not graded yet."""
    city = await build_city(db)
    await give_password(db, city.users)
    city.clock.move_to(datetime(2026, 7, 1, 2, tzinfo=UTC))
    await filing.draft_due(db, city.clock)
    async with db.unit_of_work() as session:
        call = await city.call(session, answered_at=city.clock.now(), ended_at=city.clock.now(), end=CallEnd.LIAISON,
                               operator_id=city.users["operator"], liaison_id=city.users["liaison_a"])  # fmt: skip
        sheet = await sheets.create(
            session, city.clock, await city.user(session, "supervisor"), region_id=city.regions["city"], about=About.UNIT,
            name="联络员", questions=[{"text": "态度", "weight": 100}],
        )  # fmt: skip
        session.add(Sample(call_id=call.id, about=About.UNIT, sheet_id=sheet.id, user_id=city.users["liaison_a"],
                           unit_id=city.units["a"]))  # fmt: skip
    return city


async def waits(browser: Browser, who: str) -> str:
    await as_(browser, who)
    return await (await browser.get("/notices")).text()


async def test_reports_are_named_to_the_office_until_they_have_gone_their_way(city: City, db: Database):
    """Due, then late for both levels; sent, it waits for the level above alone."""
    async with browsing(web_app(db, city.clock)) as browser:
        assert 'city2026年6月报表</a><span class="chip warn">待签发上报，应于 2026-07-07 前' in await waits(
            browser, "office"
        )
        assert "county2026年6月报表" not in await waits(browser, "office")
        city.clock.move_to(datetime(2026, 7, 20, 2, tzinfo=UTC))
        assert 'county2026年6月报表</a><span class="chip bad">逾期未报' in await waits(browser, "office")
        assert 'county2026年6月报表</a><span class="chip bad">逾期未报' in await waits(
            browser, "county_office"
        )
        async with db.unit_of_work() as session:
            found = await session.scalars(
                filing.select(filing.Report.id).where(filing.Report.kind == "month")
            )
            reports = [
                await filing.find(session, one, frozenset(city.regions.values())) for one in found.all()
            ]
            county = next(one for one in reports if one.region_id == city.regions["county"])
            user = await city.user(session, "county_office")
            await filing.sign(session, city.clock, county, user)
            await session.refresh(county)
            await filing.send(session, city.clock, county, user)
        assert "county2026年6月报表" not in await waits(browser, "county_office")
        assert 'county2026年6月报表</a><span class="chip warn">已上报，待签收' in await waits(
            browser, "office"
        )


async def test_a_grade_is_news_to_the_person_and_their_head_and_an_appeal_to_graders(
    city: City, db: Database
):
    """Each sees it until they have looked; a recheck is news again, and the appeal goes to whom may recheck it."""
    async with browsing(web_app(db, city.clock)) as browser:
        await as_(browser, "supervisor")
        await browser.get("/quality/samples/1")
        graded = {"kind": "first", "points-0": "70"}
        assert (await browser.post("/quality/samples/1/grade", graded)).status == 303
        for who in ("liaison_a", "head_a"):
            assert "质检结果待查看" in await waits(browser, who)
            assert (await (await browser.get("/notices/count")).json())["unread"] == 1
            await browser.get("/quality/samples/1")
            assert "质检结果待查看" not in await waits(browser, who)
        assert "质检结果待查看" not in await waits(browser, "head_b")
        await as_(browser, "liaison_a")
        await browser.get("/quality/samples/1")
        await browser.post("/quality/samples/1/appeal", {"reason": "当时线路杂音大"})
        assert "质检申诉待复核" not in await waits(browser, "supervisor")
        assert "质检申诉待复核" in await waits(browser, "office")
        city.clock.move_to(datetime(2026, 7, 2, 2, tzinfo=UTC))
        await as_(browser, "office")
        await browser.get("/quality/samples/1")
        recheck = {"kind": "recheck", "points-0": "90", "comment": "杂音属实，酌情加分"}
        assert (await browser.post("/quality/samples/1/grade", recheck)).status == 303
        assert "质检申诉待复核" not in await waits(browser, "office")
        assert "质检结果待查看" in await waits(browser, "liaison_a")
