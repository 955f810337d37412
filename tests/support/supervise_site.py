"""The supervision pages served for real on loopback, over an invented month with audio and scores."""

import asyncio
import atexit
import random
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiohttp import web
from support.blank import make_tables
from support.fake_control import FakeBoard, FakeControl

import core.web.models  # noqa: F401 - every room's tables
import ivr.models  # noqa: F401
import kb.models  # noqa: F401
from agent_desktop import api_calls
from agent_desktop.keys import CONTROL, EVERYWHERE, RECORDINGS, SOFTPHONE
from agent_desktop.softphone import views as softphone
from agent_desktop.softphone.settings import SoftphoneSettings
from agent_desktop.supervise import views as supervise
from agent_desktop.wallboard import views as wallboard
from core.bus import Bus
from core.calendar.holidays import CalendarSettings
from core.clock import Clock, SystemClock
from core.db import Database, DatabaseSettings
from core.people import Role, RoleGrant, Token, User, hash_password, hash_token
from core.tasks import Tasks
from core.units import Liaison, Region, RegionLevel, Unit
from core.web import changes, login
from core.web.app import make_app
from core.web.keys import WebDeps
from core.web.settings import HttpSettings
from recordings.demo import month
from recordings.models import CallEnd
from recordings.settings import RecordingSettings
from reports.settings import ReportSettings
from reports.training.settings import TrainingSettings
from tickets import service
from tickets.models import RatingAbout, SatisfactionRating
from tickets.settings import TicketSettings

TABLE = Path(__file__).parents[2] / "config/calendar/cn.toml"
PASSWORD = "correct horse"


@dataclass
class SuperviseSite:
    url: str
    app: web.Application
    db: Database
    clock: Clock
    board: FakeBoard
    control: FakeControl
    settings: RecordingSettings
    made: list[month.DemoCall]
    people: dict[str, int] = field(default_factory=dict)

    def spoken(self, end: CallEnd) -> month.DemoCall:
        """A call of this end that has audio, the latest one."""
        return next(one for one in reversed(self.made) if one.recording_id and one.end == end)


@asynccontextmanager
async def running_supervision(
    folder: Path, *, port: int = 0, calls: int = 120
) -> AsyncIterator[SuperviseSite]:
    template = await _template(calls)
    await asyncio.to_thread(shutil.copytree, template.folder, folder, dirs_exist_ok=True)
    people, made, clock, bus = template.people, template.made, SystemClock(), Bus()
    db, settings = _opened(folder, bus), _recordings(folder)
    board, tasks = FakeBoard(), Tasks(clock)
    control = FakeControl(
        board, bus, {people["wang"]: ("8001", "王芳", "1001"), people["sup"]: ("", "陈主管", "6001")}
    )

    def wire(app: web.Application) -> None:
        app[EVERYWHERE], app[CONTROL] = board, control  # type: ignore[assignment]
        app[SOFTPHONE] = SoftphoneSettings()
        app[RECORDINGS] = settings

    rooms = [
        login.routes.register,
        wire,
        api_calls.routes.register,
        softphone.setup,
        changes.setup,
        supervise.setup,
        wallboard.setup,
    ]
    app = make_app(WebDeps(db, clock, bus, tasks, HttpSettings()), rooms)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield SuperviseSite(url, app, db, clock, board, control, settings, made, people)
    finally:
        await runner.cleanup()
        await tasks.close()
        await db.close()


@dataclass(frozen=True)
class _Template:
    """A populated folder that every test gets a copy of: making audio takes seconds."""

    folder: Path
    people: dict[str, int]
    made: list[month.DemoCall]


_TEMPLATES: dict[int, _Template] = {}


async def _template(calls: int) -> _Template:
    if calls not in _TEMPLATES:
        folder = Path(tempfile.mkdtemp(prefix="supervise-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        db = _opened(folder, Bus())
        await make_tables(db)
        people, made = await _populate(db, SystemClock(), _recordings(folder), calls)
        await db.close()
        _TEMPLATES[calls] = _Template(folder, people, made)
    return _TEMPLATES[calls]


def _opened(folder: Path, bus: Bus) -> Database:
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/supervise.db"), bus)
    db.provide(TicketSettings(code_secret=b"a secret of the tests alone"))
    db.provide(CalendarSettings(table=TABLE))
    db.provide(ReportSettings())
    db.provide(TrainingSettings(operator=(), liaison=(), window=()))
    return db


def _recordings(folder: Path) -> RecordingSettings:
    return RecordingSettings(folder / "archive", folder / "keys.json", folder / "spool")


async def _populate(
    db: Database, clock: Clock, settings: RecordingSettings, calls: int
) -> tuple[dict[str, int], list[month.DemoCall]]:
    password = await asyncio.to_thread(hash_password, PASSWORD)
    async with db.unit_of_work() as session:
        city = Region(code="532900", name="大理州", level=RegionLevel.PREFECTURE)
        session.add(city)
        await session.flush()
        county = Region(code="532901", name="大理市", level=RegionLevel.COUNTY, parent_id=city.id)
        units = [
            Unit(region_id=city.id, code=code, name=name, short_name=short)
            for code, name, short in (
                ("101", "大理州人力资源和社会保障局", "州人社局"),
                ("102", "大理州公安局", "州公安局"),
                ("103", "大理州教育体育局", "州教体局"),
            )
        ]
        session.add_all([county, *units])
        await session.flush()
        people: dict[str, User] = {}
        for name, shown, role, staff, extension, region, unit in (
            ("wang", "王芳", Role.OPERATOR, "8001", "1001", city, None),
            ("zhao", "赵敏", Role.OPERATOR, "8002", "1002", city, None),
            ("li", "李强", Role.LIAISON, None, "2001", city, units[0]),
            ("zhou", "周洁", Role.LIAISON, None, "2002", city, units[1]),
            ("sup", "陈主管", Role.SUPERVISOR, None, None, city, None),
            ("countysup", "段主管", Role.SUPERVISOR, None, None, county, None),
            ("mon", "何监察", Role.INSPECTOR, None, None, city, None),
            ("adm", "管理员", Role.ADMIN, None, None, city, None),
            ("sun", "孙宁", Role.LIAISON, None, "2003", city, units[2]),
        ):
            user = User(
                username=name, display_name=shown, staff_number=staff, extension=extension, region_id=region.id,
                unit_id=unit.id if unit else None, password_hash=password, grants=[RoleGrant(role=role)],
            )  # fmt: skip
            people[name] = user
        session.add_all(people.values())
        await session.flush()
        for name, unit in (("li", units[0]), ("zhou", units[1]), ("sun", units[2])):
            session.add(Liaison(unit_id=unit.id, user_id=people[name].id))
        for name in ("sup", "li", "adm"):
            session.add(
                Token(token_hash=hash_token(f"token-{name}"), user_id=people[name].id, created_at=clock.now())
            )
        await session.flush()
        made = await month.seed_history(
            session, clock, [city], [people["wang"], people["zhao"]], units, random.Random(9),
            settings=settings, calls=calls,
        )  # fmt: skip
        await _rate(session, made)
        spoken = [one for one in made if one.recording_id and one.end in {CallEnd.OPERATOR, CallEnd.LIAISON}]
        for one in spoken:
            await service.open_for_call(
                session, clock, call_id=one.call_id, line="96128", region_id=city.id,
                caller_number=one.caller_number, operator_id=one.operator_id,
            )  # fmt: skip
    return {name: user.id for name, user in people.items()}, made


async def _rate(session, made: list[month.DemoCall]) -> None:
    for one in made:
        for about, score, user, unit in (
            (RatingAbout.OPERATOR, one.operator_score, one.operator_id, None),
            (RatingAbout.UNIT, one.unit_score, None, one.unit_id),
        ):
            if one.operator_id is None or (about == RatingAbout.UNIT and one.unit_id is None):
                continue
            at = one.ended_at - timedelta(seconds=3)
            session.add(
                SatisfactionRating(
                    subject=f"call:{one.call_id}:{about}", about=about, call_id=one.call_id, user_id=user, unit_id=unit,
                    score=score, channel="phone", first_at=at, changed_at=at,
                )
            )  # fmt: skip
