"""The web side for tests: both rooms on a database, people of every role, and a browser-like client."""

import re
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select
from support.fake_control import FakeBoard, FakeControl
from support.fake_search import FakeSearcher

import agent_desktop.app
import portal.app
from agent_desktop.keys import (
    ATTACHMENTS,
    BOARD,
    CALLER_PHONE,
    CONTROL,
    EVERYWHERE,
    KB_FILES,
    LINE,
    PUBLIC_URL,
    RECORDINGS,
    SEARCHER,
    SOFTPHONE,
    STUDIO,
    WRAP_UP_REMIND_S,
)
from agent_desktop.phone.settings import CallerPhoneSettings
from agent_desktop.softphone.settings import SoftphoneSettings
from core import accounts
from core.accounts import By, Details
from core.calendar.holidays import CalendarSettings
from core.clock import Clock, SystemClock
from core.db import Database
from core.organisation.files import read_file
from core.organisation.plan import make_plan
from core.organisation.store import carry_out, snapshot
from core.people import Role, User, hash_password
from core.tasks import Tasks
from core.web.app import make_app
from core.web.keys import BUS, WebDeps
from core.web.settings import HttpSettings
from ivr.menus.menu_check import load as load_menus
from ivr.speech.prompt_catalogue import load as load_catalogue
from ivr.speech.prompts import PromptSettings
from ivr.speech.studio import Studio
from recordings.settings import RecordingSettings
from reports.settings import ReportSettings
from reports.training.settings import TrainingSettings
from tickets.settings import AttachmentSettings, TicketSettings

ROOT = Path(__file__).parents[2]
CATALOGUE = load_catalogue(ROOT / "dialplan/prompts.toml", "96128")
_SOUNDS = Path(tempfile.gettempdir(), "hotline-tests-sounds")
SYNTHESISER = PromptSettings(_SOUNDS, _SOUNDS, _SOUNDS)
NO_TRAINING = TrainingSettings(operator=(), liaison=(), window=())
"""Nobody needs any."""
PASSWORD = "correct-horse-battery"  # long enough to need no mixture
TEST = By("test")
Room = Callable[[web.Application], None]


def staff_room(app: web.Application) -> None:
    """The staff's side with an empty switchboard."""
    app[SOFTPHONE], app[CALLER_PHONE] = SoftphoneSettings(), CallerPhoneSettings(enabled=True)
    board = app[BOARD] = app[EVERYWHERE] = FakeBoard()
    app[CONTROL] = FakeControl(board, app[BUS], {})
    app[SEARCHER], app[RECORDINGS] = FakeSearcher(), RecordingSettings()
    app[ATTACHMENTS], app[LINE], app[PUBLIC_URL] = AttachmentSettings(), "96128", ""
    app[WRAP_UP_REMIND_S] = 60
    app[STUDIO] = Studio(CATALOGUE, load_menus(ROOT / "dialplan/menus.toml", CATALOGUE), SYNTHESISER)
    app[KB_FILES] = Path(tempfile.gettempdir(), "hotline-tests-kb")
    agent_desktop.app.setup(app)


ROOMS: tuple[Room, ...] = (staff_room, portal.app.setup)


def web_app(
    db: Database,
    clock: Clock | None = None,
    *,
    settings: HttpSettings | None = None,
    rooms: Sequence[Room] = ROOMS,
    **more: Any,
) -> web.Application:
    clock = clock or SystemClock()
    db.provide(TicketSettings(code_secret=b"0123456789abcdef"))
    db.provide(CalendarSettings(table=ROOT / "config/calendar/cn.toml"))
    db.provide(ReportSettings())
    db.provide(NO_TRAINING)
    tasks = Tasks(clock)
    app = make_app(WebDeps(db, clock, db.bus, tasks, settings or HttpSettings(), **more), rooms)

    async def close(_: web.Application) -> None:
        await tasks.close()

    app.on_cleanup.append(close)
    return app


class Browser:
    """A client with cookies that follows no redirects and sends the CSRF token of its last page."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client
        self.csrf = ""

    async def get(self, path: str, **options: Any) -> ClientResponse:
        response = await self.client.get(path, allow_redirects=False, **options)
        if found := re.search(r'<meta name="csrf" content="([^"]+)"', await _text(response)):
            self.csrf = found[1]
        return response

    async def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> ClientResponse:
        form = {"csrf": self.csrf} | (data or {})
        return await self.client.post(path, data=form, allow_redirects=False, **options)

    async def sign_in(self, username: str, password: str = PASSWORD) -> ClientResponse:
        response = await self.post("/login", {"username": username, "password": password})
        await self.get("/account")
        return response

    def cookie(self, name: str = "hotline") -> str:
        found = [c.value for c in self.client.session.cookie_jar if c.key == name]
        return found[0] if found else ""


@asynccontextmanager
async def browsing(app: web.Application) -> AsyncIterator[Browser]:
    async with TestClient(TestServer(app)) as client:
        yield Browser(client)


async def add_person(
    db: Database, username: str, *roles: Role, clock: Clock | None = None, **details: Any
) -> User:
    """An account with PASSWORD."""
    async with db.unit_of_work() as session:
        return await accounts.create_user(
            session,
            clock or SystemClock(),
            TEST,
            username=username,
            password=PASSWORD,
            details=Details(details.pop("display_name", username), **details),
            roles=roles,
        )


async def seed_directory(db: Database) -> None:
    """The regions and units of the demo."""
    content = read_file("demo.toml", (ROOT / "config/demo/demo.toml").read_bytes())
    async with db.unit_of_work() as session:
        plan = make_plan(await snapshot(session), content.rows, content.faults)
        await carry_out(session, SystemClock(), TEST, plan)


async def _text(response: ClientResponse) -> str:
    is_page = response.content_type == "text/html"
    return await response.text() if is_page else ""


async def give_password(db: Database, usernames: Collection[str]) -> None:
    """These people, already on record, may sign in with `PASSWORD`."""
    password = hash_password(PASSWORD)
    async with db.unit_of_work() as session:
        for user in await session.scalars(select(User).where(User.username.in_(usernames))):
            user.password_hash = password


async def as_(browser: Browser, username: str) -> Browser:
    """The same browser, signed in as another person."""
    await browser.get("/account")
    await browser.post("/logout")
    await browser.sign_in(username)
    return browser
