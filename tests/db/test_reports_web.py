"""The figures' pages and API: numbers lead to lists of that length, and nobody sees further than §5.9 says."""

import html
import re

import pytest
from support.month import Month
from support.tickets import City, build_city
from support.web import PASSWORD, Browser

from core.db import Database
from core.people import hash_password
from recordings.models import Call

JUNE = "from=2026-06-01&to=2026-06-30"


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    city.clock.move_to(city.clock.now().replace(day=24))
    secret = hash_password(PASSWORD)
    async with db.unit_of_work() as session:
        await Month(session, city, 11).build()
        for name in city.users:
            (await city.user(session, name)).password_hash = secret
    return city


async def page(browser: Browser, path: str, status: int = 200) -> str:
    response = await browser.get(path)
    assert response.status == status, path
    return await response.text()


async def test_every_number_on_the_page_leads_to_a_list_of_that_length(browser: Browser):
    """Click a numerator or denominator: the list says the same number."""
    await browser.sign_in("supervisor")
    text = await page(browser, f"/reports?{JUNE}")
    links = re.findall(r'href="(/reports/items[^"]+)">(\d+)</a>', text)
    assert len(links) > 40
    for link, number in links:
        listed = await page(browser, html.unescape(link))
        found = re.search(r"共 (\d+) 条", listed)
        if "K-15" not in link:
            assert found and found[1] == number, link


async def test_registered_questions_balance_on_the_page(browser: Browser):
    """登记 = 办结 + 在办 + 无效 + 超范围, as shown."""
    await browser.sign_in("office")
    text = await page(browser, f"/reports?{JUNE}")
    total, *parts = map(
        int, re.findall(r"<strong>(\d+)</strong>", text.split('class="balance"')[1].split("</p>")[0])
    )
    assert total == sum(parts) > 0


async def test_indicators_come_over_the_api_with_numerator_denominator_and_value(browser: Browser):
    """One object for each K, its disputed variants inside; the value follows from its two numbers."""
    await browser.sign_in("supervisor")
    found = await (await browser.get(f"/api/v1/indicators?{JUNE}")).json()
    by_id = {item["id"]: item for item in found["items"]}
    assert set(by_id) >= {f"K-{number:02}" for number in range(1, 22)}
    assert [v["id"] for v in by_id["K-02"]["variants"]] == ["K-02.offered", "K-02.answered"]
    rate = by_id["K-01"]
    assert rate["value"] == pytest.approx(rate["numerator"] / rate["denominator"])
    unit = await (await browser.get(f"/api/v1/indicators?{JUNE}&unit=city/101")).json()
    of_unit = {item["id"]: item for item in unit["items"]}
    assert of_unit["K-01"]["applies"] is False
    assert of_unit["K-01"]["value"] is None
    assert 0 < of_unit["K-04"]["denominator"] < by_id["K-04"]["denominator"]
    for query, same_as in (
        ("unit=101", "unit=city/101"),
        ("unit=101&region=county", "unit=county/101&region=county"),
    ):
        short, long = [
            await (await browser.get(f"/api/v1/indicators?{JUNE}&{one}")).json() for one in (query, same_as)
        ]
        assert short["items"] == long["items"]


@pytest.mark.parametrize(
    ("query", "reason", "status"),
    [("unit=city/999", "单位", 404), ("region=nowhere", "地区", 404), ("person=nobody", "人员", 404),
     ("from=2026-13-01", "起始日期", 422), ("from=2026-06-30&to=2026-06-01", "日期", 422), ("region=province", "地区", 404),
     ("export=doc", "导出格式", 422), (f"line={9:041}", "40", 422)],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused_in_words(
    browser: Browser, query: str, reason: str, status: int
):
    """An unknown or foreign unit, region or person and impossible dates get a Chinese sentence, not a zero."""
    await browser.sign_in("supervisor")
    assert reason in await page(browser, f"/reports?{query}", status)


async def test_each_role_sees_its_own_and_no_further(browser: Browser, city: City):
    """A unit its own figures, a head the subordinate body's too, a county inspector no city unit, an operator only theirs."""
    expected = {
        "head_a": ("unit=city/102", 404), "head_a_above": ("unit=city/101", 200), "liaison_a": ("", 200),
        "county_inspector": ("unit=city/101", 404), "office": ("region=county", 200), "inspector": ("region=county", 404),
        "operator": ("", 200), "secrecy": ("", 403), "admin": ("", 403),
    }  # fmt: skip
    for name, (query, status) in expected.items():
        await browser.sign_in(name)
        await page(browser, f"/reports?{JUNE}&{query}", status)
        await browser.post("/logout")


async def test_complaints_are_counted_for_all_and_named_for_inspectors_only(browser: Browser):
    """The supervisor's list of complaints has its length but no ticket numbers; the inspector's has them."""
    await browser.sign_in("supervisor")
    path = f"/reports/items?key=K-18&part=numerator&{JUNE}"
    text = await page(browser, path)
    assert "投诉（由监察掌握）" in text
    assert "/tickets/" not in text
    await browser.post("/logout")
    await browser.sign_in("inspector")
    assert "/tickets/M" in await page(browser, path)


async def test_a_marked_call_leaves_the_figures(browser: Browser, city: City, db: Database):
    """The supervisor marks a call as 暗访: one request for an operator less (M-135)."""
    async with db.unit_of_work() as session:
        call = await city.call(
            session, queued_at=city.clock.now(), answered_at=city.clock.now(), ended_at=city.clock.now()
        )
    await browser.sign_in("supervisor")

    async def asked() -> int:
        found = await (await browser.get(f"/api/v1/indicators?{JUNE}")).json()
        return int(found["items"][0]["denominator"])

    before = await asked()
    answer = await browser.post(f"/supervise/calls/{call.linkedid}/mark", {"mark": "mystery"})
    assert answer.status == 303
    assert await asked() == before - 1
    assert (await browser.post(f"/supervise/calls/{call.linkedid}/mark", {"mark": "x"})).status == 422
    async with db.reading() as session:
        assert (await session.get_one(Call, call.id)).mark == "mystery"


async def test_the_figures_come_as_csv_and_xlsx(browser: Browser):
    """Both files carry number, numerator, denominator and rule of each indicator."""
    await browser.sign_in("office")
    text = await (await browser.get(f"/reports?{JUNE}&export=csv")).text()
    assert "K-01,接通率" in text
    assert "口径版本" in text
    body = await (await browser.get(f"/reports?{JUNE}&export=xlsx")).read()
    assert body.startswith(b"PK")
