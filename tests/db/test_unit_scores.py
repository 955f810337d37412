"""Weighted score sheets of units (M-77): visible components, by class, and old periods that no change of weights moves."""

from datetime import UTC, date, datetime

import pytest
from support.month import Month
from support.tickets import City, build_city
from support.web import as_, browsing, give_password, web_app

from core.db import Database
from core.errors import InvalidInput
from core.units import Region
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days
from reports.scores import sheets, weights
from reports.scores.sheets import Component, UnitSheet
from reports.scores.weights import STANDARD
from tickets.models import Channel, RatingAbout, SatisfactionRating

WEIGHTS = "/reports/scores/weights"
JUNE = days(date(2026, 6, 1), date(2026, 6, 30))


@pytest.fixture
async def city(db: Database) -> City:
    """June, and unit a's eleven ratings, ten of them good; b has nine good ones."""
    city = await build_city(db)
    at = datetime(2026, 6, 10, 3, tzinfo=UTC)
    async with db.unit_of_work() as session:
        for unit, scores in (("a", [1] * 10 + [3]), ("b", [1] * 9)):
            for place, score in enumerate(scores):
                session.add(
                    SatisfactionRating(subject=f"{unit}:{place}", about=RatingAbout.UNIT, unit_id=city.units[unit], region_id=city.regions["city"],
                                       score=score, channel=Channel.WEB, first_at=at, changed_at=at)
                )  # fmt: skip
    city.clock.move_to(datetime(2026, 6, 24, 3, tzinfo=UTC))
    return city


async def of_june(city: City, held: dict[str, int]) -> dict[str, UnitSheet]:
    async with city.db.reading() as session:
        of = Slice(*JUNE, city.clock.now(), region_ids=frozenset({city.regions["city"]}))
        return {one.name: one for one in await sheets.of_slice(session, of, held)}


async def test_components_are_weighted_and_those_without_ground_left_out(city: City):
    """Ten of eleven are 90.91; nine ratings judge nobody; a sheet of which half the weight is missing has no class."""
    found = await of_june(city, {"K-09": 60, "K-13": 40})
    assert (f"{found['a局'].total:.2f}", found["a局"].class_name) == ("90.91", "优秀")
    assert (found["b局"].total, found["b局"].class_name) == (None, "不评")
    found = await of_june(city, {"K-09": 40, "K-13": 60})
    assert found["a局"].class_name == "不评"


@pytest.mark.parametrize(
    ("points", "class_name"), [(89.996, "优秀"), (89.99, "良好"), (60.0, "合格"), (59.99, "待改进")]
)
def test_a_class_is_that_of_the_total_shown(points: float, class_name: str):
    """Nobody reads 90.00 and finds the unit below the ninety."""
    one = UnitSheet(1, "a", 1, (Component(Figure(BY_KEY["K-13"]), 10, points),))
    assert one.class_name == class_name


async def test_every_component_of_an_invented_month_is_its_indicator(db: Database):
    """Points are the share itself, turned round where less is better, and the total their weighted mean."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, 8).build()
    city.clock.move_to(datetime(2026, 7, 2, 3, tzinfo=UTC))
    found = await of_june(city, STANDARD)
    assert {"a局", "b局"} <= found.keys()
    for one in found.values():
        judged = [part for part in one.components if part.points is not None]
        for part in judged:
            share = part.figure.numerator / part.figure.denominator
            if part.figure.indicator.key == "K-15":
                share = 1 - share
            expected = {"K-16.extended": 100 - share * 100, "K-21.unit": share / 100}.get(
                part.figure.indicator.key, share * 100
            )
            assert part.points == pytest.approx(min(max(expected, 0), 100))
        if one.total is not None:
            weight = sum(part.weight for part in judged)
            assert one.total == pytest.approx(sum(part.weight * part.points for part in judged) / weight)


async def test_new_weights_hold_from_their_month_on(city: City):
    """June's last day knows them, May's does not; lower regions follow the one above until they decide themselves."""
    async with city.db.unit_of_work() as session:
        user, region = await city.user(session, "office"), await session.get_one(Region, city.regions["city"])
        county = await session.get_one(Region, city.regions["county"])
        await weights.change(session, city.clock, user, region, {"K-09": 60, "K-13": 40})
        for place, day, holds in (
            (region, date(2026, 6, 30), True),
            (county, date(2026, 7, 31), True),
            (region, date(2026, 5, 31), False),
        ):
            version = await weights.holding(session, place, day)
            assert (version is not None and version.weights["K-09"] == 60) == holds
        with pytest.raises(weights.WeightsUnchanged):
            await weights.change(session, city.clock, user, region, {"K-09": 60, "K-13": 40})
        for wrong in ({"K-09": 101}, {"K-99": 1}, {"K-09": 0}):
            with pytest.raises(InvalidInput):
                await weights.change(session, city.clock, user, region, wrong)


async def test_the_office_changes_weights_and_everybody_sees_the_components(city: City, db: Database):
    """The class follows at once, the month before stays; a head reads the own unit's sheet and sets nothing."""
    await give_password(db, city.users)
    async with browsing(web_app(db, city.clock)) as browser:
        await as_(browser, "office")
        assert "不评" in await (await browser.get("/reports/scores?from=2026-06-01&to=2026-06-30")).text()
        form = dict.fromkeys(STANDARD, "0") | {"K-09": "1"}
        assert (await browser.post(WEIGHTS, form | {"K-13": "x"})).status == 422
        assert (await browser.post(WEIGHTS, form)).status == 303
        shown = await (await browser.get("/reports/scores?from=2026-06-01&to=2026-06-30")).text()
        assert "90.91" in shown
        assert "优秀" in shown
        assert WEIGHTS in shown
        assert "缺省权重" in await (await browser.get("/reports/scores?from=2026-05-01&to=2026-05-31")).text()
        await as_(browser, "head_a")
        own = await (await browser.get("/reports/scores?from=2026-06-01&to=2026-06-30")).text()
        assert "a局" in own
        assert "b局" not in own
        await as_(browser, "supervisor")
        assert WEIGHTS not in await (await browser.get("/reports/scores")).text()
        assert (await browser.get(WEIGHTS)).status == 403
