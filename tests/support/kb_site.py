"""The staff's pages and the public search served for real on loopback, over a knowledge base with its own index."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.test_utils import TestServer
from support.blank import make_tables
from support.web import ROOMS, add_person, web_app

from agent_desktop.keys import KB_FILES, SEARCHER
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.people import Role
from core.tasks import Tasks
from core.units import Region, RegionLevel, Unit
from kb import demo
from kb.searching.search import Searcher
from portal import keys as portal_keys


@dataclass
class KbSite:
    url: str
    db: Database


@asynccontextmanager
async def running_kb(folder: Path, *, port: int = 0) -> AsyncIterator[KbSite]:
    """Accounts lian, tou, mimi, gov and op, with the tests' password, and the demo's entries."""
    clock, db = SystemClock(), Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/kb.db"))
    searcher, tasks = Searcher(folder / "index.db", db, clock), Tasks(clock)
    app = web_app(db, rooms=ROOMS)
    await make_tables(db)
    await _people(db)
    await demo.seed(db, clock)
    await searcher.open()
    tasks.loop("kb-index", searcher.follow)
    app[SEARCHER], app[KB_FILES], app[portal_keys.SEARCHER] = searcher, folder / "files", searcher
    async with TestServer(app, port=port or None) as server:
        yield KbSite(str(server.make_url("")).rstrip("/"), db)
    await tasks.close()
    await searcher.close()
    await db.close()


async def _people(db: Database) -> None:
    async with db.unit_of_work() as session:
        region = Region(code="5399", name="示范州", level=RegionLevel.PREFECTURE)
        session.add(region)
        await session.flush()
        unit = Unit(region_id=region.id, code="101", name="人力资源和社会保障局", short_name="人社局")
        session.add(unit)
    for name, shown, role in (
        ("lian", "杨晓岚", Role.LIAISON),
        ("tou", "沈伯衡", Role.HEAD),
        ("mimi", "段守一", Role.SECRECY),
        ("gov", "赵一鸣", Role.OFFICE),
        ("op", "王芳", Role.OPERATOR),
    ):
        await add_person(db, name, role, display_name=shown, unit_id=unit.id, region_id=region.id)
