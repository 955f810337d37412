"""Signed reports of other hotlines (M-106): out of one system and into another with every field equal, all of a file or nothing."""

import copy
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import delete, func, select, update
from support.month import Month
from support.tickets import City, build_city
from support.web import ROOT, TEST, Browser, as_, browsing, give_password, web_app

from core import accounts
from core.db import Database
from core.errors import InvalidInput
from core.units import Region
from reports.models import PeriodKind, Report, ReportRevision
from reports.received.models import ReceivedReport
from reports.received.reading import read
from reports.signed import filing

API = "/api/v1/reports"
SAMPLE = json.loads((ROOT / "docs/samples/reports.json").read_text(encoding="utf-8"))
GOOD = SAMPLE["items"][0] | {"region_code": "county"}


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    city.clock.move_to(datetime(2026, 7, 4, 2, tzinfo=UTC))
    return city


@pytest.fixture
async def browser(db: Database, city: City) -> AsyncIterator[Browser]:
    await give_password(db, ["office", "inspector", "county_office"])
    async with browsing(web_app(db, city.clock)) as browser:
        yield browser


async def _token(city: City, name: str) -> dict[str, str]:
    async with city.db.unit_of_work() as session:
        user = await city.user(session, name)
        token = await accounts.issue_token(session, city.clock, TEST, name="省平台", user=user)
    return {"Authorization": f"Bearer {token}"}


async def _count(city: City) -> int:
    async with city.db.reading() as session:
        return await session.scalar(select(func.count()).select_from(ReceivedReport)) or 0


async def test_what_one_hotline_signed_is_in_the_other_field_by_field(city: City, browser: Browser):
    """Fetched by HTTP, posted by HTTP to a system without that report: every field is equal, and once more changes nothing."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 21).build(calls=30, tickets=30)
    await filing.draft_due(city.db, city.clock)
    async with city.db.unit_of_work() as session:
        wanted = select(Report.id).where(
            Report.region_id == city.regions["county"], Report.kind == PeriodKind.MONTH
        )
        report = await filing.find(session, await session.scalar(wanted), frozenset(city.regions.values()))
        await filing.sign(session, city.clock, report, await city.user(session, "county_office"))
    headers = await _token(city, "office")
    sent = await (await browser.client.get(f"{API}?kind=month", headers=headers)).json()
    assert (
        await browser.client.post(API, json=sent, headers=headers)
    ).status == 409  # it is this system's own
    async with city.db.unit_of_work() as session:
        await session.execute(delete(ReportRevision))
        await session.execute(delete(Report))
    for told in ({"new": 1, "unchanged": 0}, {"new": 0, "unchanged": 1}):
        response = await browser.client.post(API, json=sent, headers=headers)
        assert (response.status, await response.json()) == (200, told)
    async with city.db.reading() as session:
        kept = (await session.scalars(select(ReceivedReport))).one()
    (item,) = sent["items"]
    assert (kept.region_id, kept.kind, f"{kept.first_on}", f"{kept.last_on}") == (
        city.regions["county"], item["kind"], item["first_on"], item["last_on"],
    )  # fmt: skip
    assert (kept.counts, kept.figures, kept.rule_version) == (
        item["counts"],
        item["figures"],
        item["rule_version"],
    )
    assert (kept.revision, kept.reason) == (item["revision"], item["reason"])
    assert kept.signed_at == datetime.fromisoformat(item["signed_at"])


async def test_the_sample_is_taken_in_by_the_page_and_corrected_by_a_further_revision(
    city: City, browser: Browser
):
    """docs/samples/reports.json as it lies there; the correction stands in the list, the first one behind it; others may not."""
    async with city.db.unit_of_work() as session:
        await session.execute(update(Region).where(Region.code == "county").values(code="5399"))
    await as_(browser, "office")
    assert (await _upload(browser, SAMPLE)).status == 303
    changed = copy.deepcopy(SAMPLE)
    changed["items"][0] |= {"revision": 2, "reason": "补录漏登来电"}
    changed["items"][0]["figures"][0] |= {"numerator": 1010, "text": "94.75%"}
    assert (await _upload(browser, changed)).status == 303
    listed = await (await browser.get("/reports/received")).text()
    assert "94.75%" in listed
    assert "94.93%" not in listed
    async with city.db.reading() as session:
        newest = await session.scalar(select(func.max(ReceivedReport.id)))
    page = await (await browser.get(f"/reports/received/{newest}")).text()
    assert "补录漏登来电" in page
    assert "<strong>94.93%</strong>" in page
    await as_(browser, "inspector")  # of the city alone
    assert (await browser.get(f"/reports/received/{newest}")).status == 404
    assert (await _upload(browser, SAMPLE)).status == 403
    await as_(browser, "county_office")
    assert (await browser.get(f"/reports/received/{newest}")).status == 200


async def _upload(browser: Browser, body: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    form = FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("file", data, filename="reports.json", content_type="application/json")
    return await browser.client.post("/reports/received", data=form, allow_redirects=False)


async def test_one_wrong_report_keeps_the_whole_file_out(city: City, browser: Browser):
    """An unknown region, a period that is none, counts that do not add up: each said, nothing stored; the same revision is never replaced."""
    await as_(browser, "office")
    wrong = [
        GOOD, GOOD | {"region_code": "nowhere"}, GOOD | {"last_on": "2026-06-29"}, GOOD | {"revision": 2},
        GOOD | {"counts": GOOD["counts"] | {"open": 52}}, GOOD | {"figures": [GOOD["figures"][0] | {"id": "K1"}]},
    ]  # fmt: skip
    refused = await _upload(browser, {"items": wrong})
    page = await refused.text()
    assert refused.status == 409
    for place, field in ((2, "region_code"), (3, "first_on"), (4, "reason"), (5, "counts"), (6, "id")):
        assert f"第 {place} 份：{field}" in page
    assert (await _upload(browser, b"\xff[")).status == 422
    assert await _count(city) == 0
    assert (await _upload(browser, {"items": [GOOD]})).status == 303
    assert "内容不同" in await (await _upload(browser, {"items": [GOOD | {"rule_version": "2027-1"}]})).text()
    assert await _count(city) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": []}, {"first_on": 5}, {"signed_at": "2026-07-03T09:12:00"}, {"signed_at": "2026-06-30T23:00:00+08:00"}, {"revision": True},
        {"revision": 0}, {"rule_version": None}, {"counts": []}, {"counts": {"registered": -1}}, {"figures": {}}, {"figures": [7]},
        {"figures": GOOD["figures"][:1] * 2}, {"region_code": "x" * 21}, {"reason": "\x00"},
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_fault_and_no_crash(changed: dict[str, Any]):
    """Wrong types, days without a zone, signed before the end, the same figure twice."""
    found, faults = read({"items": [GOOD | changed]})
    assert found == []
    assert faults
    for body in ([GOOD], {}, {"items": []}, {"items": [5]}, {"items": {}}):
        with pytest.raises(InvalidInput):
            read(body)
