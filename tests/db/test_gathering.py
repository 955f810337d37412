"""两集中、两到位 (M-130): the department reports item by item, the office of its level checks, nothing is overwritten."""

import pytest
from sqlalchemy import select
from support.tickets import City
from support.web import Browser, as_

from reports.gathering.models import GatheringStep


async def _move(
    browser: Browser, city: City, unit: str, progress: str, note: str = "", item: str = "matters"
) -> int:
    fields = {"item": item, "progress": progress, "note": note}
    return (await browser.post(f"/reports/gathering/{city.units[unit]}", fields)).status


async def test_a_department_reports_and_the_office_checks(city: City, browser: Browser):
    """Begun, done, returned, done again, checked; what is checked is not reported anew; each line stays on the page."""
    await as_(browser, "liaison_a")
    assert await _move(browser, city, "a", "done") == 422
    assert await _move(browser, city, "a", "checked", "自己核实") == 403
    for progress, note in (("begun", ""), ("done", "38 项全部进窗口")):
        assert await _move(browser, city, "a", progress, note) == 303
    await as_(browser, "office")
    assert await _move(browser, city, "a", "checked", item="office") == 409
    assert await _move(browser, city, "a", "returned", "抽查 2 项仍在科室办理") == 303
    assert await _move(browser, city, "a", "checked", "没有再报") == 409
    await as_(browser, "liaison_a")
    assert await _move(browser, city, "a", "done", "已全部改在窗口受理") == 303
    await as_(browser, "office")
    assert await _move(browser, city, "a", "checked") == 303
    page = await (await browser.get("/reports/gathering")).text()
    assert page.count("1 / 5") == 1
    await as_(browser, "liaison_a")
    assert await _move(browser, city, "a", "begun") == 409
    page = await (await browser.get(f"/reports/gathering/{city.units['a']}")).text()
    assert [
        text for text in ("抽查 2 项仍在科室办理", "38 项全部进窗口", "已核实 1 / 5") if text not in page
    ] == []
    async with city.db.reading() as session:
        lines = (await session.scalars(select(GatheringStep.progress).order_by(GatheringStep.id))).all()
    assert lines == ["begun", "done", "returned", "done", "checked"]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_only_the_own_level_is_seen_and_moved(city: City, browser: Browser):
    """Another unit's head finds no page, an office of the county no department of the city; inspectors read, operators nothing."""
    path = f"/reports/gathering/{city.units['a']}"
    for name, read, moved in (
        ("head_b", 404, 404),
        ("county_office", 404, 404),
        ("inspector", 200, 403),
        ("operator", 403, 403),
    ):
        await as_(browser, name)
        assert ((await browser.get(path)).status, await _move(browser, city, "a", "begun")) == (
            read,
            moved,
        ), name
    await as_(browser, "office")
    for fields in ({"item": "x", "progress": "checked"}, {"item": "matters", "progress": "x"}, {}):
        assert (await browser.post(path, fields)).status == 422
    assert await _move(browser, city, "a", "returned", "长" * 1001) == 422
    assert await _move(browser, city, "county_a", "begun") == 403
