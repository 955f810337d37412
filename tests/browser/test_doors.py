"""One question through every door: asked at the terminal, answered by the liaison, heard by telephone; and back to the web."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select
from support.calls import Exchange
from support.hotline import PASSWORD, City, running_hotline
from support.quick import Quick

from core.units import Unit
from tickets import service
from tickets.models import Channel, Outcome, State, Ticket

UNIT = "人力资源和社会保障局"
SPEAK_S = 4.5
"""A message counts from three seconds on; prompt and beep take half a second."""


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    async with running_hotline(tmp_path) as city:
        yield city


async def _code(page: Page, place: str) -> str:
    await expect(page.locator(place)).to_have_text(re.compile(r"^(\d{4} ){2}\d{4}$"))
    return (await page.locator(place).inner_text()).replace(" ", "")


async def _sign_in(page: Page, city: City, path: str) -> None:
    await page.goto(f"{city.url}/login?next={path}")
    await page.fill("#username", "liaison1")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{city.url}{path}")


async def _track(page: Page, city: City, code: str) -> None:
    await page.goto(f"{city.url}/track")
    await page.fill("#code", code)
    await page.keyboard.press("Enter")
    await expect(page.locator("#result")).to_be_visible()


async def _answer(page: Page, city: City, ticket_no: str, text: str) -> None:
    """On the page of the unit's liaison."""
    await _sign_in(page, city, f"/tickets/{ticket_no}")
    await page.fill("textarea[name=answer]", text)
    await page.get_by_role("button", name="提交答复").click()
    await expect(page.get_by_test_id("state")).to_have_text("已答复")


async def _register(city: City) -> str:
    """What an operator makes of the message: the unit's ticket; its number."""
    async with city.hotline.db.unit_of_work() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        unit = (await session.scalars(select(Unit).where(Unit.name == UNIT).order_by(Unit.id))).first()
        assert unit
        desk = {"ticket_no": ticket.ticket_no, "operator_id": city.users["operator1"]}
        typed = {"question": "社保卡丢了怎么办？", "unit_id": unit.id}
        await service.save_draft(session, city.clock, fields=typed, version=ticket.draft_version, **desk)
        await service.finish(session, city.clock, outcome=Outcome.ASSIGNED, **desk)
    return ticket.ticket_no


async def test_terminal_to_liaison_to_telephone(page: Page, city: City):
    """M-100: the question of the terminal is answered on the unit's page; the caller types the same code and hears it."""
    await page.goto(f"{city.url}/kiosk")
    await page.get_by_role("button", name="我要提问").first.click()
    await page.fill("#question", "社保卡在哪里领？")
    await page.select_option("#unit", label=UNIT)
    await page.get_by_role("button", name="提交问题").click()
    code = await _code(page, "#code")
    async with city.hotline.db.reading() as session:
        ticket = (await session.scalars(select(Ticket))).one()
    assert (ticket.channel, ticket.state) == (Channel.KIOSK, State.WORKING)
    await _answer(page, city, ticket.ticket_no, "到建设路12号领取")
    async with Exchange(city) as exchange, Quick(city) as quick:
        call = await exchange.dial()
        await exchange.walk(call, ("MAIN", "3"), ("S", code))
        await exchange.at_node(call, "S-REPLIED")
        said = set(await city.hotline.voice.say("到建设路12号领取"))
        await exchange.until(lambda: said <= set(quick.prompts))
        await call.hangup()


async def test_message_by_telephone_is_followed_on_the_web(page: Page, city: City):
    """A message left at night: the code that the caller hears opens its progress in the browser, then the unit's reply, to be rated."""
    city.clock.move_to(datetime.fromisoformat("2026-06-01T22:00:00+08:00"))
    async with Exchange(city) as exchange, Quick(city):
        call = await exchange.dial()
        await exchange.walk(call, ("MAIN", "0"))
        await exchange.at_node(call, "VM-REC")
        await asyncio.sleep(SPEAK_S)
        await call.dtmf("#")
        await exchange.walk(call, ("VM-REVIEW", "3"), ("VM-NUM", "1"))
        live = await exchange.at_node(call, "CODE")
        code = city.hotline.controller.callers[live.linkedid].query_code
        await call.hangup()
    citizen = await page.context.browser.new_page()
    await _track(citizen, city, code)
    await expect(citizen.locator("dl.facts")).to_contain_text("96128呼叫中心")
    await _answer(page, city, await _register(city), "带身份证到建设路12号补办")
    await _track(citizen, city, code)
    await expect(citizen.locator(".reply")).to_have_text("带身份证到建设路12号补办")
    await citizen.get_by_role("button", name="满意", exact=True).click()
    await expect(citizen.get_by_role("status").last).to_contain_text("已记下您的评价：满意")
