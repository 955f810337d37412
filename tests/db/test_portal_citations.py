"""Praise and criticism on the public side (M-78): nothing before it is published, then pages, notice board, API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import web
from support.tickets import City, build_city
from support.web import TEST, Browser, browsing, web_app

import portal.app
from core import accounts
from core.db import Database
from portal.keys import PORTAL
from portal.settings import PortalSettings
from reports.models import CitationList, PeriodKind

PAGE = "/citations/city/month/2026-05-01"
PRAISED, CRITICISED = "b局", "<b>a局</b>"


@dataclass
class Site:
    city: City
    browser: Browser

    async def text(self, path: str, **headers: str) -> str:
        response = await self.browser.client.get(path, headers=headers)
        assert response.status == 200, path
        return await response.text()


@pytest.fixture
async def site(db: Database) -> AsyncIterator[Site]:
    """A list of May for the city, cosigned and not yet published."""

    def room(app: web.Application) -> None:
        app[PORTAL] = PortalSettings(region="city", public_url="https://96128.example.gov.cn")
        portal.app.setup(app)

    city = await build_city(db)
    async with db.unit_of_work() as session:
        session.add(
            CitationList(region_id=city.regions["city"], kind=PeriodKind.MONTH, first_on=date(2026, 5, 1),
                         last_on=date(2026, 5, 31), made_at=city.clock.now(), rule_version="1",
                         content=[_class("回复效果好", PRAISED, praise=True), _class("延期较多", CRITICISED, praise=False)])
        )  # fmt: skip
    async with browsing(web_app(db, city.clock, rooms=[room])) as browser:
        yield Site(city, browser)


def _class(title: str, name: str, *, praise: bool) -> dict[str, Any]:
    entries = [{"kind": "unit", "name": name, "text": "100.00%"}]
    return {"key": title, "title": title, "praise": praise, "rule": "列入的条件。", "entries": entries}


async def _publish(site: Site) -> None:
    async with site.city.db.unit_of_work() as session:
        (await session.get_one(CitationList, 1)).published_at = datetime(2026, 6, 8, 2, tzinfo=UTC)


async def test_a_list_is_public_from_its_publication_on(site: Site):
    """Before: no page, nothing listed. Then: listed with its numbers, a page that stays, names escaped, on June's notice board."""
    assert "还没有公布的名单" in await site.text("/citations")
    assert (await site.browser.get(PAGE)).status == 404
    await _publish(site)
    assert "表扬 1 个，通报批评 1 个" in await site.text("/citations?region=city")
    assert "还没有公布的名单" in await site.text("/citations?region=county")
    page = await site.text(PAGE)
    assert "2026年6月8日（周一）公布" in page
    assert [name in page for name in (PRAISED, "&lt;b&gt;a局", "列入的条件")] == [True, True, True]
    months = [await site.text(f"/bulletin?place=city&month=2026-{month}") for month in ("05", "06")]
    assert ["2026年5月表扬和通报批评" in text for text in months] == [False, True]


async def test_programs_read_the_lists(site: Site):
    """By region, with each class and the page's address; what is not there is refused in a sentence."""
    await _publish(site)
    async with site.city.db.unit_of_work() as session:
        key = await accounts.issue_token(session, site.city.clock, TEST, name="新闻办", channel="web")
    headers = {"Authorization": f"Bearer {key}"}

    async def asked(query: str) -> tuple[int, Any]:
        response = await site.browser.client.get(f"/api/v1/citations{query}", headers=headers)
        return response.status, await response.json()

    (one,) = (await asked("?region=city"))[1]["items"]
    assert (one["period"], one["published_on"]) == ("2026年5月", "2026-06-08")
    assert one["address"] == f"https://96128.example.gov.cn{PAGE}"
    assert one["classes"][0]["entries"] == [{"kind": "unit", "name": PRAISED, "text": "100.00%"}]
    assert (await asked("?region=county"))[1] == {"items": []}
    assert [(await asked(query))[0] for query in ("?region=9999", "?region=%00", "?limit=0")] == [
        404,
        400,
        422,
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/citations/city/month/2026-13-01",
        "/citations/city/week/2026-05-01",
        "/citations/ci-ty/month/2026-05-01",
    ],
)
async def test_addresses_of_no_list_are_not_found(site: Site, path: str):
    """A period that cannot be, a kind there is not, a code that is none: not found."""
    assert (await site.browser.get(path)).status == 404
