"""The public side and the window served for real on loopback: the small city, the demo's entries, a real search."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select, update
from support.blank import make_tables
from support.tickets import City, add_clerk, build_city
from support.web import ROOT, give_password, staff_room, web_app

import portal.app
from core.db import Database, DatabaseSettings
from kb.interchange.exchange import import_file
from kb.models import Entry
from kb.searching.search import Searcher
from portal.keys import ATTACHMENTS, PORTAL, SEARCHER
from portal.settings import PortalSettings
from reports.models import CitationList, PeriodKind
from tickets import replies
from tickets.models import Ticket
from tickets.settings import AttachmentSettings


@dataclass
class PortalSite:
    url: str
    city: City
    papers: AttachmentSettings
    app: web.Application

    async def ticket(self, **where: object) -> Ticket:
        """The newest ticket that fits."""
        async with self.city.db.reading() as session:
            found = select(Ticket).filter_by(**where).order_by(Ticket.id.desc()).limit(1)
            return (await session.scalars(found)).one()

    async def answer(self, ticket_no: str, text: str) -> None:
        """The liaison of unit a answers."""
        async with self.city.db.unit_of_work() as session:
            user = await self.city.user(session, "liaison_a")
            await replies.answer(session, self.city.clock, ticket_no=ticket_no, user=user, answer=text)


@asynccontextmanager
async def running_portal(folder: Path, **settings: object) -> AsyncIterator[PortalSite]:
    """Everything in `folder`; `settings` are fields of PortalSettings."""
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/hotline.db"))
    papers = AttachmentSettings(folder=folder / "papers")

    def public_side(app: web.Application) -> None:
        app[PORTAL] = PortalSettings(**{"region": "city", "secret": b"of the tests", **settings})
        app[SEARCHER], app[ATTACHMENTS] = searcher, papers
        portal.app.setup(app)

    await make_tables(db)
    city = await build_city(db)
    await add_clerk(city)
    await give_password(db, city.users)
    await _citations(db, city)
    await import_file(db, city.clock, ROOT / "kb/demo_entries.jsonl")
    async with db.unit_of_work() as session:
        hot = select(Entry.id).order_by(Entry.id).limit(6)
        await session.execute(update(Entry).where(Entry.id.in_(hot)).values(is_hot=True))
    searcher = Searcher(folder / "index.db", db, city.clock)
    await searcher.open()
    app = web_app(db, city.clock, rooms=[staff_room, public_side])
    async with TestServer(app) as server:
        yield PortalSite(str(server.make_url("")).rstrip("/"), city, papers, app)
    await searcher.close()
    await db.close()


async def _citations(db: Database, city: City) -> None:
    """A published list of May, at /citations/city/month/2026-05-01."""
    entries = {True: "市公安局", False: "市住房和城乡建设局"}
    content = [
        {"key": title, "title": title, "praise": praise, "rule": "列入的条件写在这里。",
         "entries": [{"kind": "unit", "name": entries[praise], "text": "12 件，占 96.30%"}] if named else []}
        for title, praise, named in (("回复效果好", True, True), ("服务质量高", True, False), ("延期较多", False, True))
    ]  # fmt: skip
    async with db.unit_of_work() as session:
        session.add(
            CitationList(region_id=city.regions["city"], kind=PeriodKind.MONTH, first_on=date(2026, 5, 1), rule_version="1",
                         last_on=date(2026, 5, 31), made_at=city.clock.now(), published_at=city.clock.now(), content=content)
        )  # fmt: skip
