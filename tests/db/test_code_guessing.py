"""Query codes guessed at speed (§5.5): each way in counts, slows down and raises one alarm with one audit row."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from support.tickets import City, question
from support.web import TEST, Browser, as_, browsing, give_password, web_app

from core import accounts
from core.audit import AuditRow
from core.db import Database
from ivr.flow.codes import Codes
from tickets.query_codes.code_models import CodeAlarm, CodeFailure
from tickets.query_codes.codes import new_code
from tickets.settings import TicketSettings

SLOW_S = 0.2
Try = Callable[[City, Browser, str], Awaitable[object]]


async def portal(_: City, browser: Browser, code: str) -> int:
    return (await browser.client.post("/track", data={"code": code})).status


async def kiosk(_: City, browser: Browser, code: str) -> int:
    headers = {"Accept": "application/json"}
    return (await browser.client.post("/track", data={"code": code}, headers=headers)).status


async def key_of(city: City) -> str:
    async with city.db.unit_of_work() as session:
        return await accounts.issue_token(session, city.clock, TEST, name="窗口", channel="window")


async def api(city: City, browser: Browser, code: str) -> int:
    headers = {"Authorization": f"Bearer {await key_of(city)}"}
    return (await browser.client.get(f"/api/v1/inquiries/{code}", headers=headers)).status


async def open311(city: City, browser: Browser, code: str) -> int:
    path = f"/open311/v2/requests/{code}.json?api_key={await key_of(city)}"
    return (await browser.client.get(path)).status


async def nothing(_: str) -> list[str]:
    return []


async def phone(city: City, _: Browser, code: str) -> str | None:
    call = SimpleNamespace(line="96128")
    caller = SimpleNamespace(code_failures=0, number="13800001111", linkedid="1", call=call)
    deps = SimpleNamespace(db=city.db, clock=city.clock, say=nothing)
    return await Codes(deps, caller, None, {}, None, None).query_code(code)  # type: ignore[arg-type]


WAYS = {"portal": (portal, "web"), "kiosk": (kiosk, "web"), "api": (api, "api"), "open311": (open311, "open311"), "phone": (phone, "96128")}  # fmt: skip


async def failed_before(city: City, line: str, times: int) -> None:
    async with city.db.unit_of_work() as session:
        session.add_all(
            CodeFailure(at=city.clock.now(), source_hash=f"{number}", line=line) for number in range(times)
        )


async def seconds(work: Awaitable[object]) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await work
    return loop.time() - started


@pytest.fixture
async def site(db: Database, city: City):
    app = web_app(db, city.clock)
    db.provide(TicketSettings(code_secret=b"0123456789abcdef", code_slow_s=SLOW_S))
    async with browsing(app) as browser:
        yield browser


@pytest.mark.parametrize("way", WAYS)
async def test_the_thirtieth_forged_code_slows_its_line_and_is_told(city: City, site: Browser, way: str):
    """On every channel: the thirtieth within a minute raises the alarm once, later answers wait, right codes too."""
    attempt, line = WAYS[way]
    right = (await question(city)).query_code
    await failed_before(city, line, 29)
    assert await attempt(city, site, new_code()) in {404, None}
    assert await seconds(attempt(city, site, new_code())) >= SLOW_S
    assert await seconds(attempt(city, site, right)) >= SLOW_S
    async with city.db.reading() as session:
        (alarm,) = (await session.scalars(select(CodeAlarm))).all()
        told = select(AuditRow).where(AuditRow.action == "code.alarm")
        (row,) = (await session.scalars(told)).all()
    assert (alarm.line, alarm.failures) == (line, 31)
    assert (row.target, row.reason) == (f"line:{line}", "一分钟内 30 次输入不存在的查询码")


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_the_alarm_is_shown_to_those_who_watch(city: City, site: Browser):
    """Supervisor, inspector and administrator read it on their pages, a liaison does not."""
    await failed_before(city, "web", 29)
    await portal(city, site, new_code())
    await give_password(city.db, {"supervisor", "inspector", "admin", "liaison_a"})
    seen = {}
    for name, path in (("supervisor", "/supervise"), ("inspector", "/supervise"), ("admin", "/admin"), ("liaison_a", "/supervise")):  # fmt: skip
        page = await (await (await as_(site, name)).get(path)).text()
        seen[name] = "网站和触摸屏自 06-01 10:00 起一分钟内最多 30 次输入不存在的查询码" in page
    assert seen == {"supervisor": True, "inspector": True, "admin": True, "liaison_a": False}
