"""From one hotline to another over HTTP (M-106): the whole round, by key, with what is internal left at home."""

import argparse
import json
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select, update
from support.blank import make_tables
from support.tickets import build_city
from support.web import ROOT, TEST, web_app

import portal.app
from core import accounts
from core.db import Database, DatabaseSettings
from kb import cli, demo
from kb.errors import FileUnreadable
from kb.interchange import exporting
from kb.interchange.exchange import import_file
from kb.models import Audience, Entry, InternalReason
from kb.searching.search import Searcher
from portal.keys import PORTAL
from portal.settings import PortalSettings

ASKED = ("社保卡在哪里办", "居住证", "收费标准")
ADDRESS = "/api/v1/kb/entries.jsonl"
SAMPLES = ROOT / "docs/samples"


def _room(app: web.Application) -> None:
    app[PORTAL] = PortalSettings(region="city")
    portal.app.setup(app)


async def _titles(db: Database, index: Path, clock: object) -> list[list[str]]:
    searcher = Searcher(index, db, clock)  # type: ignore[arg-type]
    await searcher.open()
    found = [[hit.title for hit in await searcher.search(query, 5)] for query in ASKED]
    await searcher.close()
    return found


async def test_another_hotline_takes_everything_public(db: Database, tmp_path: Path):
    """Fetched twice with the key: the same search as here, the second time nothing new; without the key a refusal."""
    city = await build_city(db)
    await demo.seed(db, city.clock)
    async with db.unit_of_work() as session:
        key = await accounts.issue_token(session, city.clock, TEST, name="省平台", channel="web")
        internal = {"audience": Audience.INTERNAL, "internal_reason": InternalReason.PRIVACY, "is_hot": False}
        await session.execute(update(Entry).where(Entry.source_id == "demo-002").values(**internal))
    (tmp_path / "key").write_text(f"{key}\n")
    other = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/other.db"))
    await make_tables(other)
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    async with TestServer(web_app(db, city.clock, rooms=[_room])) as server:
        address = str(server.make_url(ADDRESS))

        async def fetch(*words: str) -> int:
            given = parser.parse_args(["import", *words, "--retire", address])
            return await cli.run(given, other, city.clock, tmp_path / "other-index")

        with pytest.raises(FileUnreadable, match="401"):
            await fetch()
        with pytest.raises(FileUnreadable, match="missing"):
            await fetch("--key-file", str(tmp_path / "missing"))
        assert [await fetch("--key-file", str(tmp_path / "key")) for _ in range(2)] == [0, 0]
    async with db.reading() as session, other.reading() as elsewhere:
        public = select(func.count()).select_from(Entry).where(Entry.audience == Audience.PUBLIC)
        assert await session.scalar(public) == await elsewhere.scalar(select(func.count()).select_from(Entry))
        assert set(await elsewhere.scalars(select(Entry.source).distinct())) == {"96128政务信息查询专线"}
        assert set(await elsewhere.scalars(select(Entry.version).distinct())) == {1}
    assert await _titles(other, tmp_path / "other-index", city.clock) == await _titles(
        db, tmp_path / "index", city.clock
    )
    await other.close()


async def test_the_platforms_sample_goes_out_and_comes_back_the_same(db: Database, tmp_path: Path):
    """docs/samples: taken in here, given on by HTTP, taken in there, given back by HTTP: every field of every public row is equal."""
    city = await build_city(db)
    report = await import_file(db, city.clock, SAMPLES / "entries.jsonl")
    assert (report.errors, report.created) == ([], 9)
    other = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/other.db"))
    await make_tables(other)
    for giver, taker, name in ((db, other, "there"), (other, db, "back")):
        async with giver.unit_of_work() as session:
            key = await accounts.issue_token(session, city.clock, TEST, name="省平台", channel="web")
        (tmp_path / "key").write_text(key)
        async with TestServer(web_app(giver, city.clock, rooms=[_room])) as server:
            address = str(server.make_url(ADDRESS))
            parser = argparse.ArgumentParser()
            cli.add_commands(parser)
            given = parser.parse_args(["import", "--key-file", str(tmp_path / "key"), address])
            assert await cli.run(given, taker, city.clock, tmp_path / name) == 0
    sent = [json.loads(line) for line in (SAMPLES / "entries.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = {
        one: [row async for batch in exporting.rows(one, public_only=True) for row in batch]
        for one in (db, other)
    }
    assert rows[db] == rows[other]
    assert len(rows[db]) == len([row for row in sent if row.get("audience") != "不公开"]) == 8
    said = {row["id"]: tuple(map(row.get, ("title", "answer", "source"))) for row in rows[other]}
    assert said == {
        row["id"]: tuple(map(row.get, ("title", "answer", "source"))) for row in sent if row["id"] in said
    }
    async with db.reading() as session:  # what came back changed nothing
        assert set(await session.scalars(select(Entry.version).distinct())) == {1}
    await other.close()
