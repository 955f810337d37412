"""The whole suite of schemathesis against the API of both rooms, as its own document describes it."""

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.tickets import build_city
from support.web import TEST, Room, staff_room, web_app

import portal.app
from agent_desktop.keys import RECORDINGS
from core import accounts
from core.clock import SystemClock
from core.db import Database
from core.people import User
from kb.demo import ENTRIES
from kb.interchange.exchange import import_file
from kb.searching.search import Searcher
from portal.keys import PORTAL, SEARCHER
from portal.settings import PortalSettings
from recordings.settings import RecordingSettings

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
EXAMPLES = 5
BESIDES = """
[[operations]]
include-name = "GET /indicators"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "5xx"]
"""
"""Two dates may each be right and in the wrong order, which a document cannot say."""


def _open_room(searcher: Searcher) -> Room:
    """The public side without limits that a tester would meet."""

    def wire(app: web.Application) -> None:
        app[PORTAL] = PortalSettings(region="city", key_requests=10**6, code_requests=10**6)
        app[SEARCHER] = searcher
        portal.app.setup(app)

    return wire


def _with_recordings(folder: Path) -> Room:
    def wire(app: web.Application) -> None:
        app[RECORDINGS] = RecordingSettings(archive_dir=folder / "archive", spool_dir=folder / "spool")

    return wire


async def _token(db: Database, user_id: int | None, *, channel: str) -> str:
    async with db.unit_of_work() as session:
        whose = {"user": await session.get(User, user_id)} if user_id else {"channel": channel}
        return await accounts.issue_token(session, SystemClock(), TEST, name="测试", **whose)


@pytest.mark.parametrize(
    ("who", "document"),
    [
        ("library", "/api/v1/openapi.json"),
        ("supervisor", "/api/v1/openapi.json"),
        ("web", "/open311/v2/openapi.json"),
    ],
)
async def test_schemathesis_finds_nothing(db: Database, tmp_path: Path, who: str, document: str):
    """Every check on every operation: right and wrong data, missing and false keys, links between answers."""
    city = await build_city(db)
    token = await _token(db, city.users.get(who), channel=who)
    await import_file(db, city.clock, ENTRIES)
    searcher = Searcher(tmp_path / "index", db, city.clock)
    await searcher.open()
    (tmp_path / "schemathesis.toml").write_text(BESIDES)
    async with TestServer(
        web_app(db, city.clock, rooms=[_with_recordings(tmp_path), staff_room, _open_room(searcher)])
    ) as server:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("st"), "run", str(server.make_url(document)),
            "--header", f"Authorization: Bearer {token}", "--checks", "all", "--max-examples", str(EXAMPLES),
            "--generation-deterministic", "--no-color", "--continue-on-failure",
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
    await searcher.close()
    assert process.returncode == 0, said.decode()
