"""The administration pages: the directory within one's reach (§5.9), in force at once, imported whole, taken back."""

import asyncio
import re
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import select
from support.tickets import City
from support.web import Browser, as_

from core.audit import AuditRow
from core.history import Change
from core.organisation.staging import StagedFile
from core.organisation.store import snapshot
from core.people import User
from core.units import Liaison
from ivr.talks import directory as telephone

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
"""The rows behind the pages are tried on both engines in test_organisation."""
PEOPLE = (
    "admin",
    "office",
    "county_office",
    "head_a",
    "supervisor",
    "county_supervisor",
    "liaison_a",
    "inspector",
)


async def row(city: City, kind: str, key: str) -> dict[str, Any] | None:
    async with city.db.reading() as session:
        return (await snapshot(session)).rows[kind].get(key)


MATRIX = {
    # (kind, key): who may open it, and of these who may save it
    ("unit", "city/101"): ({"admin", "office", "supervisor", "head_a"}, {"admin", "office", "supervisor"}),
    ("unit", "county/101"): ({"admin", "county_office", "supervisor", "county_supervisor"},) * 2,
    ("liaison", "city/101/liaison_a"): ({"admin", "office", "head_a"},) * 2,
    ("region", "county"): ({"admin", "county_office", "supervisor", "county_supervisor"}, {"admin", "county_office"}),
    ("region", "city"): ({"admin", "office", "supervisor"}, {"admin"}),
}  # fmt: skip


@pytest.mark.parametrize("username", PEOPLE)
async def test_the_directory_opens_within_reach_alone(city: City, browser: Browser, username: str):
    """§5.9: 政府办 its own region and level, a head the unit's liaisons, the supervisor the region below; others' rows are 404."""
    await as_(browser, username)
    for (kind, key), (see, save) in MATRIX.items():
        page = await browser.get(f"/admin/directory/{kind}/edit?key={key}")
        keeps = username in {"admin", "office", "county_office", "head_a", "supervisor", "county_supervisor"}
        assert page.status == (200 if username in see else 404 if keeps else 403), (kind, key)
        if page.status == 200:
            assert ("保存后立即生效" in await page.text()) is (username in save), (kind, key)
        facts = await row(city, kind, key)
        sent = await browser.post(
            f"/admin/directory/{kind}", {"key": key, "name": "被改的名", "position": "9"}
        )
        changed = await row(city, kind, key) != facts
        assert not changed or username in save, (kind, key, sent.status)


async def test_an_office_keeps_to_its_columns_and_its_region(city: City, browser: Browser):
    """A forged field is not taken over; a row cannot be put into another region; the list shows the own region alone."""
    await as_(browser, "county_office")
    await browser.post(
        "/admin/directory/region", {"key": "county", "townships_on": "是", "name": "别名", "level": "省"}
    )
    facts = await row(city, "region", "county")
    assert (facts["townships_on"], facts["name"], facts["level"]) == (True, "county", "county")  # type: ignore[index]
    stray = await browser.post("/admin/directory/unit", {"region": "city", "code": "300", "name": "越界局"})
    assert (stray.status, await row(city, "unit", "city/300")) == (404, None)
    await browser.post(
        "/admin/directory/unit", {"region": "county", "code": "300", "name": "县新局", "is_active": "是"}
    )
    assert await row(city, "unit", "county/300")
    text = await (await browser.get("/admin/directory/unit")).text()
    assert "县新局" in text
    assert ">a局<" not in text


async def test_a_saved_change_is_in_the_menu_and_on_record_and_can_be_taken_back(
    city: City, browser: Browser
):
    """M-08, M-30: the new code is dialled at once; the change shows old and new and is undone by a button."""
    await as_(browser, "admin")
    form = {
        "region": "city",
        "code": "555",
        "name": "新设局",
        "kind": "entrusted",
        "phones": "01002101555",
        "is_active": "是",
    }
    saved = await browser.post("/admin/directory/unit", form)
    assert saved.status == 303
    async with city.db.reading() as session:
        unit = await telephone.unit_by_code(session, city.regions["city"], "555")
        assert unit is not None
        assert unit.kind == "entrusted"
    renamed = form | {"key": "city/555", "name": "改名局"}
    assert (await browser.post("/admin/directory/unit", renamed)).status == 303
    async with city.db.reading() as session:
        change = (await session.scalars(select(Change).order_by(Change.id.desc()).limit(1))).one()
    text = await (await browser.get("/admin/history")).text()
    assert "新设局" in text
    assert "改名局" in text
    assert (await browser.post(f"/admin/history/{change.id}/undo")).status == 303
    assert (await row(city, "unit", "city/555"))["name"] == "新设局"  # type: ignore[index]
    assert (await browser.post(f"/admin/history/{change.id}/undo")).status == 409


async def test_wrong_fields_come_back_named_and_nothing_is_stored(city: City, browser: Browser):
    """The form keeps what was typed and says which field is wrong; a code that is taken is not written over."""
    await as_(browser, "admin")
    page = await browser.post(
        "/admin/directory/unit", {"region": "city", "code": "9", "name": "坏码局", "phones": "12a"}
    )
    text = await page.text()
    assert page.status == 422
    assert "“部门代码”：“9”不对，应为三位数字" in text
    assert "坏码局" in text
    taken = await browser.post("/admin/directory/unit", {"region": "city", "code": "101", "name": "占用局"})
    assert (taken.status, "已有相同的单位" in await taken.text()) == (422, True)
    assert (await row(city, "unit", "city/101"))["name"] == "a局"  # type: ignore[index]


async def test_a_head_puts_a_liaison_on_leave_and_the_ladder_follows(city: City, browser: Browser):
    """M-30: saved by the head, the next call leaves the liaison out."""
    await as_(browser, "head_a")
    form = {
        "key": "city/101/liaison_a",
        "position": "1",
        "outside": "13800000001",
        "leaves": "2026-06-01~2026-06-03",
    }
    assert (await browser.post("/admin/directory/liaison", form)).status == 303
    async with city.db.reading() as session:
        with pytest.raises(telephone.UnitUnreachable):
            await telephone.target(session, city.units["a"], city.clock.now(), registered=frozenset())


async def test_readiness_names_what_a_unit_lacks(city: City, browser: Browser):
    """M-07: a unit without its liaison shows it, in one's reach alone."""
    async with city.db.unit_of_work() as session:
        await session.delete(await session.get_one(Liaison, 1))
    await as_(browser, "office")
    text = await (await browser.get("/admin/readiness?q=101")).text()
    assert "没有服务电话、没有联络员" in text
    assert "没有负责人" not in text  # head_a is there
    await as_(browser, "county_office")
    assert "a局</a>" not in (await (await browser.get("/admin/readiness")).text()).replace("county_a局", "")


async def upload(browser: Browser, name: str, data: bytes) -> Any:
    form = FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("file", BytesIO(data), filename=name)
    return await browser.client.post("/admin/import", data=form, allow_redirects=False)


async def test_import_previews_then_stores_what_was_previewed(city: City, browser: Browser):
    """Nothing is stored by the preview; the confirmed file is the previewed one; a second confirm is refused."""
    await as_(browser, "admin")
    data = "地区代码,部门代码,名称\r\ncity,401,导入局\r\ncity,101,改名局\r\n".encode()
    page = await upload(browser, "单位.csv", data)
    text = await page.text()
    assert page.status == 200
    assert "将新增或修改 2 项" in text
    assert "改名局" in text
    assert await row(city, "unit", "city/401") is None
    fingerprint = text.split('name="fingerprint" value="')[1].split('"')[0]
    assert (await browser.post("/admin/import/confirm", {"fingerprint": "other"})).status == 409
    assert (await browser.post("/admin/import/confirm", {"fingerprint": fingerprint})).status == 303
    assert (await row(city, "unit", "city/101"))["name"] == "改名局"  # type: ignore[index]
    assert (await browser.post("/admin/import/confirm", {"fingerprint": fingerprint})).status == 409


async def test_first_passwords_of_an_import_are_shown_once(city: City, browser: Browser):
    """M-85, M-90: pressed twice, one answer has the passwords; no other page, address, cache or stored row ever has."""
    await as_(browser, "admin")
    people = "用户名,姓名,角色,单位\r\nli.ming,李明,联络员,city/101\r\nwang.fang,王芳,单位负责人,city/101\r\n"
    text = await (await upload(browser, "人员.csv", people.encode())).text()
    fingerprint = text.split('name="fingerprint" value="')[1].split('"')[0]
    confirm = "/admin/import/confirm"
    answers = await asyncio.gather(*(browser.post(confirm, {"fingerprint": fingerprint}) for _ in range(2)))
    shown, refused = sorted(answers, key=lambda answer: answer.status)
    assert (shown.status, shown.headers["Cache-Control"], shown.cookies) == (200, "no-store", {})
    passwords = re.findall(r"<code>([^<]+)</code>", await shown.text())
    assert len(passwords) == 2
    again = await browser.post(confirm, {"fingerprint": fingerprint})
    for answer in (refused, again):
        assert (answer.status, "初始密码只显示一次" in await answer.text()) == (409, True)
    seen = [await (await browser.get(path)).text() for path in ("/admin", "/admin/import", "/admin/history")]
    seen += [await answer.text() for answer in (refused, again)]
    async with city.db.reading() as session:
        for table in (User, AuditRow, Change, StagedFile):
            rows = await session.execute(select(table.__table__))
            seen += [str(tuple(row)) for row in rows]
    assert not [password for password in passwords if any(password in text for text in seen)]


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("a.csv", "地区代码,部门代码,名称\r\ncity,4,坏局\r\n".encode(), 422, "第 2 行“部门代码”（B 列）"),
        ("photo.xlsx", b"\x89PNG\x00\x00", 422, "不是 XLSX 工作簿"),
        ("big.csv", b"x,y\n" * (90 * 1024), 422, "超过 20000 行"),  # more than a page's form may have
        ("huge.xlsx", b"x" * (9 * 1024 * 1024), 413, "没有保存"),
    ],
)
async def test_a_bad_upload_is_a_sentence(
    city: City, browser: Browser, name: str, data: bytes, status: int, words: str
):
    """Wrong cells, no spreadsheet, too large: said in Chinese, nothing stored."""
    await as_(browser, "admin")
    page = await upload(browser, name, data)
    assert (page.status, words in await page.text()) == (status, True)


async def test_accounts_are_kept_within_reach(city: City, browser: Browser):
    """§5.9: a head makes liaisons of the unit and nothing else; an inspector is never a supervised unit's liaison."""
    await as_(browser, "head_a")
    person = {"username": "xin", "display_name": "新联络", "role": "liaison", "unit_id": str(city.units["a"])}
    assert (await browser.post("/admin/people", person | {"role": "head"})).status == 422
    assert (await browser.post("/admin/people", person | {"unit_id": str(city.units["b"])})).status == 422
    assert (await browser.post("/admin/people", person)).status == 200
    for username, status in {
        "xin": 200,
        "liaison_a": 200,
        "liaison_b": 404,
        "head_a": 404,
        "admin": 404,
    }.items():
        assert (await browser.get(f"/admin/people/{username}")).status == status, username
        if status == 404:
            assert (await browser.post(f"/admin/people/{username}/password")).status == 404, username
    await as_(browser, "supervisor")
    for username, status in {"operator": 200, "liaison_a": 404, "supervisor": 404}.items():
        assert (await browser.get(f"/admin/people/{username}")).status == status, username
    await as_(browser, "admin")
    both = {"display_name": "监察", "role": "inspector"}
    watched = FormData(
        [("csrf", browser.csrf), *both.items(), ("role", "liaison"), ("unit_id", str(city.units["a"]))]
    )
    refused = await browser.client.post("/admin/people/inspector", data=watched, allow_redirects=False)
    assert (refused.status, "被监察单位的联络员" in await refused.text()) == (422, True)
    own = FormData(
        [("csrf", browser.csrf), *both.items(), ("role", "head"), ("unit_id", str(city.units["inspection"]))]
    )
    assert (
        await browser.client.post("/admin/people/inspector", data=own, allow_redirects=False)
    ).status == 303
