"""The training register: who may write and see it, what is refused, who is warned, and what the seat's door says."""

import io
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import openpyxl
import pytest
from aiohttp import FormData
from sqlalchemy import select
from support.fake_control import FakeControl
from support.tickets import City
from support.web import Browser, as_, browsing, give_password, web_app

from agent_desktop.keys import CONTROL
from core.audit import AuditRow
from core.db import Database
from core.errors import InvalidInput
from core.people import Role, RoleGrant, User
from reports.training import register, standing
from reports.training.models import Kind, Result, Topic, TrainingRecord
from reports.training.register import AlreadyRegistered, Course, NotOwnTraining
from reports.training.settings import TrainingSettings
from reports.training.standing import State

NEEDED = TrainingSettings(operator=("secrecy", "service"), liaison=("secrecy",), window=("pre_post",))
TODAY = date(2026, 6, 1)
HEADINGS = "人员,内容,类别,课程,培训日期,结果,成绩,有效期至\n"


def course(topic: Topic = Topic.SECRECY, until: date | None = date(2027, 5, 31), **more: object) -> Course:
    plain = Course(topic, Kind.EVERYBODY, "保密培训", date(2026, 5, 20), Result.PASSED, valid_until=until)
    return replace(plain, **more)  # type: ignore[arg-type]


@pytest.fixture
def browser(browser: Browser, db: Database) -> Browser:
    db.provide(NEEDED)
    return browser


async def write(city: City, who: str, *lines: tuple[str, Course]) -> list[TrainingRecord]:
    async with city.db.unit_of_work() as session:
        named = [(await city.user(session, name), one) for name, one in lines]
        return await register.register(session, city.clock, await city.user(session, who), named)


async def state(city: City, who: str, today: date = TODAY) -> dict[Topic, State]:
    async with city.db.reading() as session:
        found = await standing.of_person(session, NEEDED, today, city.users[who])
    return {one.topic: one.state for one in found}


async def page(browser: Browser, path: str, status: int = 200) -> str:
    response = await browser.get(path)
    text = await response.text()
    assert response.status == status, text
    return text


async def test_a_training_is_missing_valid_about_to_end_and_over(city: City):
    """Valid on its last day, expired on the next; thirty days before it is about to end; the longest of several counts."""
    assert await state(city, "liaison_a") == {Topic.SECRECY: State.MISSING}
    last = TODAY + timedelta(days=60)
    await write(
        city,
        "supervisor",
        ("liaison_a", course(until=last)),
        ("liaison_a", course(until=TODAY, course="旧班")),
    )
    days = {
        TODAY: State.VALID, last - timedelta(days=31): State.VALID, last - timedelta(days=30): State.EXPIRING,
        last: State.EXPIRING, last + timedelta(days=1): State.EXPIRED,
    }  # fmt: skip
    assert {day: (await state(city, "liaison_a", day))[Topic.SECRECY] for day in days} == days


async def test_what_was_failed_missed_taken_back_or_lies_ahead_holds_nothing(city: City):
    """Only a passed course that stands and has been held counts; one without an end holds for good."""
    failed = course(until=None, result=Result.FAILED)
    absent = course(until=None, result=Result.ABSENT, course="又一班")
    (one, _) = await write(city, "supervisor", ("operator", failed), ("operator", absent))
    assert (await state(city, "operator"))[Topic.SECRECY] == State.MISSING
    (good,) = await write(city, "supervisor", ("operator", course(until=None, course="补考")))
    assert (await state(city, "operator", date(2090, 1, 1)))[Topic.SECRECY] == State.VALID
    assert (await state(city, "operator", date(2026, 5, 19)))[Topic.SECRECY] == State.MISSING
    async with city.db.unit_of_work() as session:
        author = await city.user(session, "supervisor")
        await register.revoke(session, city.clock, author, good, "登记错了人")
    assert (await state(city, "operator"))[Topic.SECRECY] == State.MISSING
    async with city.db.reading() as session:
        rows = (await session.execute(select(AuditRow.action, AuditRow.target, AuditRow.reason))).all()
    assert ("training.revoke", f"training:{good.id}", "登记错了人") in rows
    assert (f"training:{one.id}-{one.id + 1}") in [row.target for row in rows]


async def test_what_cannot_be_registered_is_refused_whole(city: City):
    """Twice the same, one's own, a day to come, an end before the beginning, a certificate for who failed, nobody."""
    await write(city, "supervisor", ("operator", course()))
    with pytest.raises(AlreadyRegistered, match="operator"):
        await write(city, "supervisor", ("colleague", course()), ("operator", course()))
    assert (await state(city, "colleague"))[Topic.SECRECY] == State.MISSING
    with pytest.raises(NotOwnTraining):
        await write(city, "head_a", ("head_a", course()))
    wrong = (
        course(held_on=TODAY + timedelta(days=1)),
        course(until=date(2026, 5, 19)),
        course(result=Result.FAILED),
        course(course=""),
    )
    for one in wrong:
        with pytest.raises(InvalidInput):
            await write(city, "supervisor", ("colleague", one))
    with pytest.raises(InvalidInput):
        await write(city, "supervisor")


async def test_the_share_counts_what_roles_need_and_who_holds_it(city: City):
    """Four operators' and liaisons' needs in the city; those of nobody are no row; two roles never count a need twice."""
    async with city.db.unit_of_work() as session:
        session.add(RoleGrant(user_id=city.users["liaison_a"], role=Role.WINDOW))
        (await city.user(session, "liaison_b")).is_active = False
    await write(city, "supervisor", ("operator", course()), ("colleague", course(Topic.SERVICE)))
    everybody, operator = None, User.username == "operator"
    async with city.db.reading() as session:
        assert await standing.share(session, NEEDED, TODAY, everybody) == standing.Share(7, 2)
        assert await standing.share(session, NEEDED, TODAY, operator) == standing.Share(2, 1)
        nothing = TrainingSettings(operator=(), liaison=(), window=())
        assert await standing.share(session, nothing, TODAY) == standing.Share(0, 0)


async def test_a_course_is_written_for_several_and_seen_by_whom_it_concerns(browser: Browser, city: City):
    """主管 writes it, the head and 政府办 see it, the neighbour's do not; a refusal keeps what was typed; it is taken back."""
    await as_(browser, "supervisor")
    form = {"topic": "secrecy", "kind": "everybody", "course": "保密法轮训", "held_on": "2026-05-20", "result": "passed",
            "valid_until": "2026-06-20", "trainer": "市保密局"}  # fmt: skip
    response = await browser.post("/training/new", form)
    assert response.status == 422
    assert 'value="保密法轮训"' in await response.text()
    sent = FormData({"csrf": browser.csrf, **form})
    for name in ("liaison_a", "liaison_county", "supervisor"):
        sent.add_field("person", str(city.users[name]))
    response = await browser.client.post("/training/new", data=sent, allow_redirects=False)
    assert response.status == 303, await response.text()
    listed = await page(browser, "/training/records")
    assert "liaison_a" in listed and "liaison_county" in listed and "共 2 条" in listed
    assert "共 1 条" in await page(browser, "/training/records?region=county&sort=region")
    assert "liaison_county" in await page(browser, "/training?state=&region=county&sort=-region")
    number = re.search(
        r"/training/records/(\d+)\">", await page(browser, "/training/records?person=liaison_a")
    )
    assert number
    path = f"/training/records/{number[1]}"
    for who, status in (("head_a", 200), ("head_a_above", 200), ("head_b", 404), ("office", 200), ("inspector", 200),
                        ("county_supervisor", 404)):  # fmt: skip
        await as_(browser, who)
        await page(browser, path, status)
    await as_(browser, "county_office")
    assert "liaison_county" in await page(browser, "/training/records")
    await as_(browser, "head_a_above")
    assert (await browser.post(f"{path}/revoke", {"reason": "不归我管"})).status == 404
    await as_(browser, "head_a")
    assert (await browser.post(f"{path}/revoke", {"reason": "短"})).status == 422
    assert (await browser.post(f"{path}/revoke", {"reason": "人名登记错了"})).status == 303
    assert "人名登记错了" in await page(browser, path)
    assert (await browser.post(f"{path}/revoke", {"reason": "人名登记错了"})).status == 409


async def test_the_person_and_the_head_are_warned_until_a_new_one_is_registered(browser: Browser, city: City):
    """Notices and bell of both, the list of the supervisor, the readiness list; another head is told nothing."""
    await write(
        city, "supervisor", ("liaison_a", course(until=TODAY + timedelta(days=10))), ("liaison_b", course())
    )

    async def told(who: str) -> tuple[str, int]:
        await as_(browser, who)
        count = await (await browser.get("/notices/count")).json()
        return await page(browser, "/notices"), count["unread"]

    for who, name in (("liaison_a", "本人"), ("head_a", "liaison_a")):
        text, unread = await told(who)
        assert f"<span>{name}</span><span>保密培训</span>" in text and "即将到期" in text
        assert unread == 1
    assert (await told("head_b"))[1] == 0
    await as_(browser, "supervisor")
    assert "liaison_a" in await page(browser, "/training?state=expiring")
    assert (
        "应具备 <strong>7</strong> 项，有效 <strong>2</strong> 项，占 <strong>28.57%</strong>"
        in await page(browser, "/training")
    )
    assert "人员培训缺失或到期" in await page(browser, "/admin/readiness?view=&q=county_a")
    assert "人员培训缺失或到期" not in await page(browser, "/admin/readiness?view=&q=102")
    await write(city, "head_a", ("liaison_a", course(course="复训")))
    assert (await told("head_a"))[1] == 0
    await as_(browser, "liaison_a")
    assert "复训" in await page(browser, "/training/mine")


@pytest.mark.parametrize("at_sign_in", ["warn", "refuse"])
async def test_the_seat_warns_or_refuses_who_lacks_a_training(
    city: City, db: Database, at_sign_in: Literal["warn", "refuse"]
):
    """M-89: a sentence by default, no seat where the settings say so, nothing for who holds all."""
    await give_password(db, ["operator"])
    await write(city, "supervisor", ("operator", course()))
    app = web_app(db, city.clock)
    db.provide(replace(NEEDED, at_sign_in=at_sign_in))
    control = app[CONTROL]
    assert isinstance(control, FakeControl)
    control._people[city.users["operator"]] = ("801", "operator", "1001")
    async with browsing(app) as browser:
        await browser.sign_in("operator")

        async def sign_in() -> tuple[int, str]:
            headers = {"X-CSRF-Token": browser.csrf, "Accept": "application/json"}
            response = await browser.client.post("/desk/seat", json={"action": "login"}, headers=headers)
            body = await response.json()
            return response.status, body.get("warning", "") or body.get("error", {}).get("message", "")

        if at_sign_in == "warn":
            assert await sign_in() == (200, "没有服务培训的登记，请联系主管安排培训。")
        else:
            assert await sign_in() == (403, "不能上岗：没有服务培训的登记。请联系主管安排培训并登记。")
        assert bool(control.wishes) == (at_sign_in == "warn")
        await write(city, "supervisor", ("operator", course(Topic.SERVICE, until=TODAY)))
        assert await sign_in() == (200, f"服务培训将于 {TODAY} 到期，请联系主管安排培训。")
        await write(city, "supervisor", ("operator", course(Topic.SERVICE, course="复训")))
        assert await sign_in() == (200, "")


async def imported(browser: Browser, name: str, content: bytes) -> tuple[int, str]:
    sent = FormData({"csrf": browser.csrf})
    sent.add_field("file", content, filename=name)
    response = await browser.client.post("/training/import", data=sent, allow_redirects=False)
    return response.status, await response.text()


async def test_a_spreadsheet_is_previewed_and_imported_once(browser: Browser, city: City):
    """CSV of an office program and the template filled in; sent again it adds nothing; staff numbers name people too."""
    async with city.db.unit_of_work() as session:
        (await city.user(session, "operator")).staff_number = "8001"
    await as_(browser, "supervisor")
    rows = "8001,保密,在职,保密知识,2026/5/20,合格,92,2027-05-31\nliaison_a,secrecy,任职,保密知识,2026-05-20,合格,,\n"
    status, text = await imported(browser, "培训.csv", (HEADINGS + rows).encode("gb18030"))
    assert status == 200 and "将登记 2 条，0 条原已登记" in text
    fingerprint = re.search(r'name="fingerprint" value="(\w+)"', text)
    assert fingerprint
    assert (await browser.post("/training/import/confirm", {"fingerprint": "0"})).status == 409
    assert (await browser.post("/training/import/confirm", {"fingerprint": fingerprint[1]})).status == 303
    assert await state(city, "operator") == {Topic.SECRECY: State.VALID, Topic.SERVICE: State.MISSING}
    assert "文件里的培训都已登记" in (await imported(browser, "培训.csv", (HEADINGS + rows).encode()))[1]
    template = openpyxl.load_workbook(
        io.BytesIO(await (await browser.get("/training/import/template.xlsx")).read())
    )
    sheet = template.active
    assert sheet is not None
    sheet["A2"] = "colleague"
    filled = io.BytesIO()
    template.save(filled)
    assert "将登记 1 条" in (await imported(browser, "t.xlsx", filled.getvalue()))[1]


WRONG = (
    (HEADINGS + "operator,保密,在职,班,2026-13-01,合格,,\n", "第 2 行：“培训日期”“2026-13-01”不对"),
    (
        HEADINGS + "operator,保密,在职,班,2026-05-20,合格,101,\n",
        "第 2 行：“成绩”“101”不对，应为 0～100 的整数",
    ),
    (HEADINGS + "nobody,保密,在职,班,2026-05-20,合格,,\n", "第 2 行：“人员”没有找到“nobody”"),
    (HEADINGS + "county_office,保密,在职,班,2026-05-20,不合格,,2027-01-01\n", "不能填写证书和有效期"),
    (HEADINGS + "supervisor,保密,在职,班,2026-05-20,合格,,\n", "第 2 行：不能登记自己的培训"),
    (
        HEADINGS + "operator,保密,在职,班,2026-05-20,合格,,\n" * 2,
        "operator：同一次培训在文件里出现了两次",
    ),
    (HEADINGS + "operator,烹饪,,,,,,\n", "第 2 行：缺少“课程”"),
    ("人员,内容,类别,课程,培训日期,备注\n", "第 1 行 F 列：不认识的列“备注”"),
    ("人员,内容,类别,课程,培训日期\n", "第 1 行：缺少“结果”列"),
    ("", "请选择一个 XLSX 或 CSV 文件"),
    ("\n\n", "文件是空的"),
)


async def test_a_wrong_spreadsheet_is_refused_by_row_and_nothing_is_stored(browser: Browser, city: City):
    """Every fault is named where its reader sees it."""
    await as_(browser, "supervisor")
    for content, said in WRONG:
        status, text = await imported(browser, "表.csv", content.encode())
        assert status == 422 and said in text, content
    async with city.db.reading() as session:
        assert (await session.scalars(select(TrainingRecord))).all() == []


async def test_a_head_imports_for_the_own_unit_alone(browser: Browser, city: City):
    """Another unit's people do not exist for the head; a file confirmed after the person has left is refused."""
    await as_(browser, "head_a")
    rows = "liaison_b,保密,在职,班,2026-05-20,合格,,\n"
    assert "没有找到“liaison_b”" in (await imported(browser, "表.csv", (HEADINGS + rows).encode()))[1]
    status, text = await imported(browser, "表.csv", (HEADINGS + rows.replace("_b", "_a")).encode())
    fingerprint = re.search(r'name="fingerprint" value="(\w+)"', text)
    assert status == 200 and fingerprint
    async with city.db.unit_of_work() as session:
        (await city.user(session, "liaison_a")).unit_id = city.units["b"]
    assert (await browser.post("/training/import/confirm", {"fingerprint": fingerprint[1]})).status == 409
