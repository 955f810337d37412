"""The staff's pages over the small city of `support.tickets`, its people with a password each."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientResponse, web
from playwright.async_api import Page
from sqlalchemy import select, update
from support.blank import make_tables
from support.tickets import City, build_city
from support.web import PASSWORD, Browser, browsing, web_app

from agent_desktop.keys import ATTACHMENTS
from config.database import load_models
from core.db import Database, DatabaseSettings
from core.people import User, hash_password
from reports.training.settings import TrainingSettings
from tickets import service
from tickets.models import Outcome, Ticket
from tickets.settings import AttachmentSettings


@dataclass
class CaseSite:
    city: City
    app: web.Application
    url: str = ""

    async def asked(self, unit: str | None = "a", question: str = "社保卡多久能领", **fields: object) -> str:
        """A question put to the unit by an operator, or without one to the city's office; its number."""
        city, desk = self.city, {"operator_id": self.city.users["operator"]}
        async with city.db.unit_of_work() as session:
            call = await city.call(session, ended_at=city.clock.now())
            issued = await service.open_for_call(
                session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
                caller_number="13800005678", **desk,
            )  # fmt: skip
            number = issued.ticket.ticket_no
            typed = {
                "question": question,
                "reason": "无法明确部门",
                "unit_id": city.units.get(unit or ""),
                **fields,
            }
            await service.save_draft(session, city.clock, ticket_no=number, fields=typed, version=1, **desk)
            outcome = Outcome.ASSIGNED if unit else Outcome.UNCLEAR
            await service.finish(session, city.clock, ticket_no=number, outcome=outcome, **desk)
        return number

    async def ticket(self, number: str) -> Ticket:
        async with self.city.db.reading() as session:
            return (await session.scalars(select(Ticket).where(Ticket.ticket_no == number))).one()


class Colleague:
    """One person of the city in a browser-like client."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.seen = ""

    async def open(self, path: str, status: int = 200) -> str:
        response = await self.browser.get(path)
        text = await response.text()
        assert response.status == status, text
        if found := re.search(r'name="seen" value="(\d+)"', text):
            self.seen = found[1]
        return text

    async def send(self, number: str, action: str, **fields: str) -> ClientResponse:
        """A form of the ticket's page as it was opened last."""
        return await self.browser.post(f"/tickets/{number}/{action}", {"seen": self.seen, **fields})


async def give_passwords(db: Database) -> None:
    hashed = await asyncio.to_thread(hash_password, PASSWORD)
    async with db.unit_of_work() as session:
        await session.execute(update(User).values(password_hash=hashed))


async def case_site(db: Database) -> CaseSite:
    city = await build_city(db)
    await give_passwords(db)
    return CaseSite(city, web_app(db, city.clock))


@asynccontextmanager
async def colleagues(site: CaseSite, *names: str) -> AsyncIterator[list[Colleague]]:
    """These people, each signed in at a client of their own, at one running application; an empty name stays a stranger."""
    async with browsing(site.app) as first:
        clients = [first, *(Browser(type(first.client)(first.client.server)) for _ in names[1:])]
        for client, name in zip(clients, names, strict=True):
            if name:
                await client.sign_in(name)
        try:
            yield [Colleague(client) for client in clients]
        finally:
            for client in clients[1:]:
                await client.client.session.close()


@asynccontextmanager
async def running_cases(
    folder: Path, training: TrainingSettings | None = None, papers: Path | None = None
) -> AsyncIterator[CaseSite]:
    """The same over a database in `folder`, served on loopback for a real browser.

    `training`: what roles need, by default nothing; `papers`: their folder.
    """
    load_models()
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/cases.db"))
    await make_tables(db)
    site = await case_site(db)
    if papers:
        site.app[ATTACHMENTS] = AttachmentSettings(folder=papers)
    if training:
        db.provide(training)
    runner = web.AppRunner(site.app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()
        await db.close()


async def enter(page: Page, site: CaseSite, name: str, path: str) -> None:
    """Through the login page to `path`."""
    await page.goto(f"{site.url}/login?next={path}")
    await page.fill("#username", name)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.url}{path}")
