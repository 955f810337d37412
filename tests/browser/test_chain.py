"""The mission's chain (§6.3) through the real pages, each turn by another person's account, and heard by telephone at the end."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select
from support.axe import violations
from support.calls import Exchange
from support.hotline import PASSWORD, City, running_hotline
from support.quick import Quick

from core.people import Role, RoleGrant, User, hash_password
from core.units import Liaison, Region, RegionLevel, Unit, UnitDuty
from recordings.models import Call
from tickets import service
from tickets.models import Outcome, Ticket

PEOPLE = {
    # username: (role, unit)
    "head1": (Role.HEAD, "101"),
    "office1": (Role.OFFICE, "001"),
    "office2": (Role.OFFICE, "001"),
    "county-office": (Role.OFFICE, "县府办"),
    "county-liaison": (Role.LIAISON, "县社保局"),
}


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    async with running_hotline(tmp_path) as city:
        await _below(city)
        yield city


async def _below(city: City) -> None:
    """A county with its office and a department, and the people who take part."""
    async with city.hotline.db.unit_of_work() as session:
        above = (await session.scalars(select(Region))).one()
        county = Region(code="539901", name="示范县", level=RegionLevel.COUNTY, parent_id=above.id)
        session.add(county)
        await session.flush()
        for code, name, duty in (
            ("001", "县府办", UnitDuty.OFFICE),
            ("101", "县社保局", UnitDuty.DEPARTMENT),
        ):
            unit = Unit(region_id=county.id, code=code, name=name, duty=duty)
            session.add(unit)
            await session.flush()
            city.units[name] = unit.id
        hashed = hash_password(PASSWORD)
        for name, (role, unit_name) in PEOPLE.items():
            region_id = county.id if unit_name.startswith("县") else above.id
            user = User(
                username=name, display_name=name, password_hash=hashed, region_id=region_id,
                unit_id=city.units[unit_name], grants=[RoleGrant(role=role)],
            )  # fmt: skip
            session.add(user)
            await session.flush()
            city.users[name] = user.id
        session.add(Liaison(unit_id=city.units["县社保局"], user_id=city.users["county-liaison"]))


async def asked(city: City) -> service.Issued:
    """An operator's question for unit 101."""
    desk = {"operator_id": city.users["operator1"]}
    async with city.hotline.db.unit_of_work() as session:
        region = (await session.scalars(select(Region).where(Region.code == "5399"))).one()
        call = Call(
            linkedid="chain-1", line="96128", region_id=region.id, caller_number="13800005678",
            started_at=city.clock.now(), ended_at=city.clock.now(),
        )  # fmt: skip
        session.add(call)
        await session.flush()
        issued = await service.open_for_call(
            session, city.clock, call_id=call.id, line="96128", region_id=region.id, caller_number="13800005678", **desk
        )  # fmt: skip
        typed = {"question": "异地社保怎么转回", "unit_id": city.units["101"]}
        number = issued.ticket.ticket_no
        await service.save_draft(session, city.clock, ticket_no=number, fields=typed, version=1, **desk)
        await service.finish(session, city.clock, ticket_no=number, outcome=Outcome.ASSIGNED, **desk)
    return issued


class Turn:
    """One person's turn at the ticket, days after the last."""

    def __init__(self, city: City, page: Page, ticket: Ticket) -> None:
        self.city, self.page, self.ticket = city, page, ticket

    async def begin(self, who: str, day: str, list_path: str) -> None:
        self.city.clock.move_to(datetime.fromisoformat(f"2026-{day}T10:00:00+08:00"))
        await self.page.context.clear_cookies()
        await self.page.goto(f"{self.city.url}/login?next={list_path}")
        await self.page.fill("#username", who)
        await self.page.fill("#password", PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.get_by_role("link", name=self.ticket.ticket_no).click()
        await expect(self.page.get_by_test_id("question")).to_have_text("异地社保怎么转回")
        assert await violations(self.page) == []

    async def press(self, button: str) -> None:
        await self.page.get_by_role("button", name=button, exact=True).click()
        await expect(self.page.locator(".toast")).to_be_visible()

    async def dates(self) -> list[str]:
        """The due dates shown, the newest step first."""
        shown = self.page.get_by_test_id("date").locator("strong.number")
        return [text.strip() for text in await shown.all_inner_texts()]


async def test_the_chain_of_the_mission(browser: Browser, page: Page, city: City) -> None:
    """A, the city's office, the county's office, B: forward, level and dispatch by their people; the code tells B and 06-29."""
    issued = await asked(city)
    turn = Turn(city, page, issued.ticket)

    await turn.begin("liaison1", "06-03", "/liaison/tickets")
    await page.get_by_text("转发", exact=True).click()
    await page.get_by_label("转发理由").fill("不属于本局职责，应由政府办区分")
    await turn.press("申请转发")
    await turn.begin("head1", "06-04", "/liaison/approvals")
    await turn.press("同意")
    assert await turn.dates() == ["2026-06-11", "2026-06-08"]

    await turn.begin("office1", "06-08", "/office")
    await page.get_by_text("转上一级或下一级政府办").click()
    await page.get_by_label("政府办", exact=True).select_option("县府办")
    await page.locator("#level-reason").fill("属县级经办机构职责")
    await turn.press("申请转交")
    await turn.begin("office2", "06-08", "/liaison/approvals")
    await turn.press("同意")

    await turn.begin("county-office", "06-12", "/office")
    await page.get_by_label("承办单位").select_option(label="101 县社保局")
    await page.get_by_label("重要复杂问题").check()
    await turn.press("转交")
    assert await turn.dates() == ["2026-06-29", "2026-06-15", "2026-06-11", "2026-06-08"]

    prompts = await heard(city, issued.query_code, "S-OK")
    due = prompts.index("due-by")
    assert prompts[due : due + 4] == ["due-by", "month-6", "day-29", "before-reply"]
    await turn.begin("county-liaison", "06-15", "/liaison/tickets")
    await page.get_by_label("答复", exact=True).fill("持身份证到县社保局三号窗口办理，十五日内转回。")
    await turn.press("提交答复")
    trail = page.get_by_test_id("trail")
    for line in (
        "申请转发至示范州政府办",
        "同意转发至示范州政府办区分",
        "转交县府办区分",
        "转交县社保局办理",
    ):
        await expect(trail).to_contain_text(line)
    await expect(page.get_by_test_id("first-unit")).to_contain_text("人力资源和社会保障局")
    assert "replied-with" in await heard(city, issued.query_code, "S-REPLIED")


async def heard(city: City, code: str, node: str) -> list[str]:
    """Dial, key the query code, and hear the node out; the prompts that were played."""
    async with Exchange(city) as exchange, Quick(city) as quick:
        call = await exchange.dial()
        await exchange.walk(call, ("MAIN", "3"), ("S", code))
        await exchange.at_node(call, node)
        await exchange.until(lambda: any(prompt.startswith("status-menu") for prompt in quick.prompts))
        await call.hangup()
        await exchange.record(call)
    return quick.prompts
