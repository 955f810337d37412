"""Floods of questions (防刷): counted for all processes of the public side together, and forgotten after an hour."""

import re
from contextlib import AsyncExitStack
from datetime import timedelta

from aiohttp import web
from sqlalchemy import func, select
from support.tickets import build_city
from support.web import Browser, browsing, web_app

import portal.app
from core.db import Database
from portal.keys import PORTAL
from portal.models import Sending
from portal.settings import PortalSettings


def _room(app: web.Application) -> None:
    app[PORTAL] = PortalSettings(region="city", secret=b"tests", questions_an_hour=2)
    portal.app.setup(app)


async def _ask(browser: Browser, text: str) -> int:
    page = await (await browser.get("/ask")).text()
    form = re.search(r'name="form" value="([^"]+)"', page)
    assert form
    return (await browser.post("/ask", {"form": form[1], "question": text})).status


async def test_two_processes_count_together_and_forget(db: Database):
    """One question at each; the third, at either, has to do the sum. An hour later nothing of it is left."""
    city = await build_city(db)
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(browsing(web_app(db, city.clock, rooms=[_room]))) for _ in "ab"
        ]
        assert [await _ask(first, "问题一"), await _ask(second, "问题二")] == [200, 200]
        assert [await _ask(one, "问题三") for one in (first, second)] == [429, 429]
        assert "等于几" in await (await second.get("/complain")).text()
        city.clock.move_to(city.clock.now() + timedelta(hours=1))
        assert await _ask(first, "问题三") == 200
    async with db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Sending)) == 1
