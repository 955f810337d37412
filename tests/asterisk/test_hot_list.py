"""What the menus read out of the knowledge base (热点、公告播报), by real calls: heard while published, gone everywhere when withdrawn."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, CookieJar
from support.calls import CALLER_HZ, OPERATOR_HZ, Exchange
from support.hotline import PASSWORD
from support.quick import Quick
from support.web import TEST, Browser

from core import accounts
from core.people import Role
from ivr.speech import spoken
from kb import entries, readings, workflow
from kb.access import Editor
from kb.fields import EntryFields
from kb.kinds import Notice
from kb.lifecycle import Action
from kb.models import EntryKind
from kb.readings import How

pytestmark = pytest.mark.asyncio(loop_scope="session")
TITLE, ANSWER = "夜间门诊开到几点", "州医院夜间门诊开到二十二点。"
NOTICE = EntryFields(
    "拟表彰名单", "名单见网站。", kind=EntryKind.NOTICE, details={"notice": Notice.PUBLICITY, "objection": "来电"},
    valid_from_on=date(2026, 6, 1), valid_to_on=date(2026, 6, 1),
)  # fmt: skip


class Desk:
    """The people who publish, and every door behind which a published answer is found."""

    def __init__(self, exchange: Exchange, pages: Browser, key: str) -> None:
        self.exchange, self.pages, self.key = exchange, pages, key
        unit = exchange.city.units["101"]
        people = ("liaison1", Role.LIAISON), ("liaison2", Role.HEAD), ("supervisor1", Role.SECRECY)
        self.author, self.head, self.secrecy = (
            Editor(exchange.city.users[name], frozenset({role}), unit, None, frozenset({unit}))
            for name, role in people
        )

    async def publish(self, fields: EntryFields) -> int:
        clock = self.exchange.city.clock
        async with self.exchange.db.unit_of_work() as session:
            entry = await entries.create(session, clock, self.author, fields)
            for who, action in (
                (self.author, Action.SUBMIT), (self.head, Action.PASS_UNIT), (self.secrecy, Action.PUBLISH)
            ):  # fmt: skip
                await workflow.act(session, clock, who, entry.id, action, checked=True)
        return entry.id

    async def withdraw(self, entry_id: int) -> None:
        async with self.exchange.db.unit_of_work() as session:
            clock = self.exchange.city.clock
            await workflow.act(session, clock, self.author, entry_id, Action.WITHDRAW, reason="时间有变")

    async def doors(self) -> dict[str, bool]:
        """Behind which of them the answer is."""
        asked, bearer = quote(TITLE), {"Authorization": f"Bearer {self.key}"}
        addresses: dict[str, dict[str, str]] = {
            f"/desk/kb?q={asked}": {}, f"/api/v1/kb/search?q={asked}": bearer, f"/search?q={asked}&typed=1": {}, "/": {},
            f"/kiosk/find?q={asked}&typed=1": {}, "/kiosk/answers.json": {}, "/screen": {},
        }  # fmt: skip
        found = {}
        for path, headers in addresses.items():
            response = await self.pages.client.get(path, headers=headers)
            if response.content_type == "application/json":
                titles = [item["title"] for item in (await response.json())["items"]]
            else:
                page = (await response.text()).replace("<mark>", "").replace("</mark>", "")
                titles = re.findall(r">([^<>]+)<", page)
            found[path.partition("?")[0]] = TITLE in titles
        return found

    async def until_everywhere(self, wanted: bool) -> None:
        found: dict[str, bool] = {}
        try:
            async with asyncio.timeout(10):
                while set(found.values()) != {wanted}:
                    found = await self.doors()
        except TimeoutError:
            raise AssertionError(f"not everywhere: {found}") from None


@asynccontextmanager
async def desk_of(exchange: Exchange) -> AsyncIterator[Desk]:
    async with exchange.db.unit_of_work() as session:
        key = await accounts.issue_token(session, exchange.city.clock, TEST, name="热点", channel="web")
    async with ClientSession(exchange.city.url, cookie_jar=CookieJar(unsafe=True)) as client:
        pages = Browser(client)  # type: ignore[arg-type]
        await pages.get("/login")
        await pages.sign_in("operator1", PASSWORD)
        yield Desk(exchange, pages, key)


async def test_a_hot_answer_is_heard_until_it_is_withdrawn(exchange: Exchange, quick: Quick):
    """M-18: listed, read out and noted on the ticket; withdrawn while the list is open it is neither read nor found anywhere."""
    listed, said = spoken.text(TITLE)[0], spoken.text(ANSWER)[0]
    operator = await exchange.operator()
    async with desk_of(exchange) as desk:
        entry_id = await desk.publish(EntryFields(TITLE, ANSWER, subject="s4", is_hot=True))
        await desk.until_everywhere(True)
        call = await exchange.dial()
        await exchange.walk(call, ("MAIN", "1"), ("Q", "3"))
        await exchange.until(lambda: listed in quick.prompts)
        await exchange.walk(call, ("QH", "2"))
        await exchange.until(lambda: said in quick.prompts)
        await exchange.at_node(call, "QH-ANSWER")
        quick.prompts.clear()
        await exchange.walk(call, ("QH-ANSWER", "*"))
        await exchange.until(lambda: listed in quick.prompts)

        await desk.withdraw(entry_id)
        await desk.until_everywhere(False)
        await exchange.walk(call, ("QH", "2"))
        await exchange.until(lambda: "answer-withdrawn" in quick.prompts)
        assert said not in quick.prompts
        quick.prompts.clear()
        await exchange.walk(call, ("QH-ANSWER", "*"))
        await exchange.until(lambda: "press-1" in quick.prompts)
        assert listed not in quick.prompts

        await exchange.walk(call, ("QH", "0"))
        answered = await operator.incoming(15)
        await answered.answered()
        await call.until_hears(OPERATOR_HZ, timeout=15)
        await answered.until_hears(CALLER_HZ)
        live = exchange.live(exchange.number(call))
        assert live is not None
        linkedid = live.linkedid
        await call.hangup()
    (ticket,) = await exchange.tickets(call)
    async with exchange.db.reading() as session:
        noted = await readings.consulted(session, ticket.ticket_no, [linkedid])
    assert [(one.entry.id, one.how) for one in noted] == [(entry_id, How.SPOKEN)]


async def test_a_notice_is_read_out_until_its_period_is_over(exchange: Exchange, quick: Quick):
    """M-109: the caller hears the 公示 with its period; the day after its last day there is none."""
    listed = spoken.text("公示：拟表彰名单")[0]
    async with desk_of(exchange) as desk:
        entry_id = await desk.publish(NOTICE)
        call = await exchange.dial()
        await exchange.walk(call, ("MAIN", "1"), ("Q", "4"))
        await exchange.until(lambda: listed in quick.prompts)
        await exchange.walk(call, ("QN", "1"))
        await exchange.at_node(call, "QN-ANSWER")
        await exchange.until(lambda: "answer-menu" in quick.prompts)
        await call.hangup()
        await exchange.record(call)

        exchange.city.clock.move_to(exchange.city.clock.now() + timedelta(days=1))
        later = await exchange.dial()
        await exchange.walk(later, ("MAIN", "1"), ("Q", "4"))
        await exchange.until(lambda: "no-notice" in quick.prompts)
        await later.hangup()
        await exchange.record(later)
        await desk.withdraw(entry_id)
