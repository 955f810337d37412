"""What is saved in `/admin` holds for the call that is going on (保存后立即生效), on the running hotline with its real Asterisk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from support.calls import Exchange
from support.hotline import PASSWORD
from support.quick import Quick
from support.web import Browser

pytestmark = pytest.mark.asyncio(loop_scope="session")
UNIT = {"region": "5399", "code": "104", "name": "示范州档案馆", "kind": "administrative", "is_active": "是"}


@asynccontextmanager
async def signed_in(exchange: Exchange, name: str) -> AsyncIterator[Browser]:
    async with ClientSession(exchange.city.url, cookie_jar=CookieJar(unsafe=True)) as session:
        browser = Browser(session)  # type: ignore[arg-type]
        await browser.get("/login")
        await browser.sign_in(name, PASSWORD)
        yield browser


async def at_the_desk(desk: Browser) -> dict[str, Any] | None:
    """Unit 104 as the operator's directory has it."""
    listed = (await (await desk.get("/desk/directory")).json())["units"]
    return next((unit for unit in listed if unit["code"] == "104"), None)


async def test_a_unit_made_and_changed_while_a_caller_is_in_the_menu(exchange: Exchange, quick: Quick):
    """M-07, M-08: the code that was unknown a moment ago is found by the same caller; made unconnected, operators get its calls."""
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", "104"))
    await exchange.until(lambda: "unknown-unit-code" in quick.prompts)
    async with signed_in(exchange, "admin1") as admin, signed_in(exchange, "operator1") as desk:
        assert await at_the_desk(desk) is None
        await admin.get("/admin/directory/unit/new")
        assert (await admin.post("/admin/directory/unit", UNIT)).status == 303
        found = await at_the_desk(desk)
        assert found is not None
        assert (found["name"], found["connected"]) == ("示范州档案馆", True)
        await call.dtmf("104")
        await exchange.at_node(call, "QD-OK")
        await exchange.until(lambda: "unit-5399-104" in quick.prompts)
        changed = UNIT | {"key": "5399/104", "name": "示范州档案局", "state": "not_connected"}
        assert (await admin.post("/admin/directory/unit", changed)).status == 303
        found = await at_the_desk(desk)
        assert found is not None
        assert (found["name"], found["connected"]) == ("示范州档案局", False)
        await exchange.walk(call, ("QD-OK", "2"), ("QD-CODE", "104"))
        await exchange.been_at(call, "QD-NOT-OPEN")
        await exchange.been_at(call, "OP")
        await call.hangup()
