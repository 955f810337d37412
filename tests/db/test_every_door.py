"""One question by each door (M-35): the same rules, the same codes, and the reports tell the doors apart."""

import re

import pytest
from support.tickets import City, question
from support.web import TEST, Browser, as_

from core import accounts
from reports.counting.balance import split
from reports.counting.slices import Slice
from tickets import service
from tickets.intake.ask import Question
from tickets.mayor.referrals import Told, take_in
from tickets.models import Channel

BY_KEY = (Channel.WEB, Channel.WINDOW, Channel.ARCHIVE, Channel.LIBRARY, Channel.KIOSK)
IN_WRITING = (Channel.LETTER, Channel.VISIT)
ASK = "/api/v1/inquiries"
pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)


async def _by_key(city: City, browser: Browser, channel: Channel) -> tuple[str, dict[str, str]]:
    """The code, and the headers of the channel's key."""
    async with city.db.unit_of_work() as session:
        key = await accounts.issue_token(session, city.clock, TEST, name=channel, channel=channel)
    headers = {"Authorization": f"Bearer {key}"}
    sent = await browser.client.post(ASK, json={"question": "问", "unit": "101"}, headers=headers)
    return (await sent.json())["query_code"], headers


async def _at_the_window(browser: Browser, door: Channel) -> str:
    form = re.search(r'name="form" value="([^"]+)"', await (await browser.get("/window")).text())
    assert form
    fields = {"form": form[1], "door": door, "kind": "question", "text1": "问", "unit1": "101"}
    page = await (await browser.post("/window", fields)).text()
    return re.search(r'class="query-code">([\d ]+)<', page)[1].replace(" ", "")


async def _spoken(city: City) -> str:
    async with city.db.unit_of_work() as session:
        call = await city.call(session)
        numbers = {"caller_number": call.caller_number, "callback_number": call.caller_number}
        about = {"call_id": call.id, "region_id": call.region_id, "line": "96128", "recording_id": None}
        return (await service.register_voicemail(session, city.clock, **about, **numbers)).query_code


async def _from_the_mayor(city: City) -> str:
    asked = Question("问", Channel.MAYOR, "96128", city.regions["city"], city.units["a"])
    async with city.db.unit_of_work() as session:
        user, told = await city.user(session, "office"), Told("hotline", "SZ-1")
        return (await take_in(session, city.clock, user=user, question=asked, told=told)).query_code


async def test_one_of_each_door_has_its_code_and_its_line_in_the_report(city: City, browser: Browser):
    """By telephone, message, web, window, archive, library, terminal, letter, visit and the mayor's hotline: each code opens its ticket, each door counts one."""
    asked = [await _by_key(city, browser, channel) for channel in BY_KEY]
    codes = [code for code, _ in asked]
    await as_(browser, "operator")
    codes += [await _at_the_window(browser, door) for door in IN_WRITING]
    codes += [(await question(city)).query_code, await _from_the_mayor(city), await _spoken(city)]
    headers = asked[0][1]
    found = [await (await browser.client.get(f"{ASK}/{code}", headers=headers)).json() for code in codes]
    assert [one["due_on"] for one in found] == ["2026-06-08"] * 9 + ["2026-06-02"]
    now = city.clock.now()
    async with city.db.reading() as session:
        parts = await split(session, Slice(now.replace(hour=0), now.replace(hour=23), now), "channel")
    assert {part.key: part.registered for part in parts} == dict.fromkeys(Channel, 1)
