"""The staff's pages served for real on loopback, over a small city and a call control without a telephone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMsgType, web
from support.blank import make_tables
from support.fake_control import FakeBoard, FakeControl
from support.fake_search import FakeSearcher

import recordings.models  # noqa: F401 - every room's tables
from agent_desktop.desk import views as desk
from agent_desktop.keys import BOARD, CALLER_PHONE, CONTROL, EVERYWHERE, SEARCHER, SOFTPHONE, WRAP_UP_REMIND_S
from agent_desktop.liaison import views as liaison
from agent_desktop.phone import views as phone
from agent_desktop.phone.settings import CallerPhoneSettings, GuestAccount
from agent_desktop.softphone import views as softphone
from agent_desktop.softphone.settings import SoftphoneSettings
from core.bus import Bus
from core.calendar.holidays import CalendarSettings
from core.clock import Clock, SystemClock
from core.db import Database, DatabaseSettings
from core.people import Role, RoleGrant, User, hash_password
from core.tasks import Tasks
from core.units import Liaison, Region, RegionLevel, ServicePhone, Unit, UnitDuty
from core.web import changes, login
from core.web.app import make_app
from core.web.keys import WebDeps
from core.web.settings import HttpSettings
from kb import demo
from kb.searching.search import Searcher
from recordings.models import Call
from reports.training.settings import TrainingSettings
from tickets import service
from tickets.models import Ticket
from tickets.settings import TicketSettings

TABLE = Path(__file__).parents[2] / "config/calendar/cn.toml"
PASSWORD = "correct horse"


@dataclass
class DeskSite:
    url: str
    app: web.Application
    db: Database
    clock: Clock
    control: FakeControl
    searcher: FakeSearcher | Searcher
    sip: "FakeSip"
    users: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    region_id: int = 0
    calls: int = 0

    @property
    def board(self) -> FakeBoard:
        return self.control.board

    async def ticket_for_call(
        self, operator: str, linkedid: str, number: str = "13800005678"
    ) -> service.Issued:
        """The call's record and the ticket that an answering operator gets."""
        async with self.db.unit_of_work() as session:
            call = Call(
                linkedid=linkedid, line="96128", region_id=self.region_id, caller_number=number,
                started_at=self.clock.now(),
            )  # fmt: skip
            session.add(call)
            await session.flush()
            return await service.open_for_call(
                session, self.clock, call_id=call.id, line="96128", region_id=self.region_id,
                caller_number=number, operator_id=self.users[operator],
            )  # fmt: skip

    async def ticket(self, ticket_no: str) -> Ticket:
        from sqlalchemy import select

        async with self.db.reading() as session:
            return (await session.scalars(select(Ticket).where(Ticket.ticket_no == ticket_no))).one()


class FakeSip:
    """Asterisk's WebSocket as far as a REGISTER goes: says 200 to it and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.sockets: list[web.WebSocketResponse] = []

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("sip",))
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.heard.append(message.data)
                if message.data.startswith("REGISTER "):
                    await socket.send_str(_accepted(message.data))
        self.sockets.remove(socket)
        return socket


def _accepted(register: str) -> str:
    kept = ("via:", "from:", "to:", "call-id:", "cseq:", "contact:")
    lines = [line for line in register.split("\r\n") if line.lower().startswith(kept)]
    lines = [
        line + ";tag=x" if line.lower().startswith("to:") and ";tag=" not in line else line for line in lines
    ]
    return "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])


@asynccontextmanager
async def running_desk(folder: Path, *, port: int = 0, with_search: bool = False) -> AsyncIterator[DeskSite]:
    """`with_search`: over the demo's entries and their own index, instead of three entries in memory."""
    clock, bus = SystemClock(), Bus()
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/desk.db"), bus)
    await make_tables(db)
    db.provide(TicketSettings(code_secret=b"a secret of the tests alone"))
    db.provide(CalendarSettings(table=TABLE))
    db.provide(TrainingSettings(operator=(), liaison=(), window=()))
    users, units, region_id = await _populate(db)
    sip = FakeSip()
    async with _serving_sip(sip) as sip_url:
        board, tasks = FakeBoard(), Tasks(clock)
        searcher = await _searcher(folder, db, clock) if with_search else FakeSearcher()
        board.registered |= {"w2001"}
        people = {
            users["operator"]: ("8001", "王话务", "1001"),
            users["colleague"]: ("8002", "赵话务", "1002"),
        }
        control = FakeControl(board, bus, people)

        def wire(app: web.Application) -> None:
            app[CONTROL], app[BOARD], app[EVERYWHERE], app[SEARCHER] = control, board, board, searcher  # type: ignore[assignment]
            app[SOFTPHONE], app[WRAP_UP_REMIND_S] = SoftphoneSettings(asterisk_ws_url=sip_url), 60
            guests = tuple(GuestAccount(f"guest{i:02}", f"secret{i}") for i in range(1, 4))
            app[CALLER_PHONE] = CallerPhoneSettings(enabled=True, guests=guests)

        deps = WebDeps(db, clock, bus, tasks, HttpSettings())
        rooms = [
            login.routes.register,
            changes.setup,
            wire,
            softphone.setup,
            desk.setup,
            liaison.setup,
            phone.setup,
        ]
        app = make_app(deps, rooms)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        bound = runner.addresses[0][1]
        try:
            yield DeskSite(
                f"http://127.0.0.1:{bound}", app, db, clock, control, searcher, sip, users, units, region_id
            )
        finally:
            await runner.cleanup()
            await tasks.close()
            if isinstance(searcher, Searcher):
                await searcher.close()
            await db.close()


async def _searcher(folder: Path, db: Database, clock: Clock) -> Searcher:
    await demo.seed(db, clock)
    searcher = Searcher(folder / "index", db, clock)
    await searcher.open()
    return searcher


@asynccontextmanager
async def _serving_sip(sip: FakeSip) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/ws", sip.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/ws"
    finally:
        for socket in list(sip.sockets):
            await socket.close()
        await runner.cleanup()


async def _populate(db: Database) -> tuple[dict[str, int], dict[str, int], int]:
    password = await asyncio.to_thread(hash_password, PASSWORD)
    async with db.unit_of_work() as session:
        region = Region(code="532900", name="大理州", level=RegionLevel.PREFECTURE)
        session.add(region)
        await session.flush()
        units = {
            name: Unit(
                region_id=region.id, code=code, name=title, short_name=title[:2], duty=duty, hours_text="工作日 9:00–17:00",
                address="政务服务中心二楼",
            )
            for name, code, title, duty in [
                ("office", "100", "州政府办公室", UnitDuty.OFFICE),
                ("social", "101", "人力资源和社会保障局", UnitDuty.DEPARTMENT),
                ("police", "102", "公安局", UnitDuty.DEPARTMENT),
                ("school", "103", "教育体育局", UnitDuty.DEPARTMENT),
                ("health", "104", "卫生健康委员会", UnitDuty.DEPARTMENT),
                ("watch", "190", "监察委员会", UnitDuty.INSPECTION),
            ]
        }  # fmt: skip
        session.add_all(units.values())
        await session.flush()
        session.add(ServicePhone(unit_id=units["social"].id, number="08722123456"))
        users = {
            "operator": _user("operator", "王话务", "8001", "1001", Role.OPERATOR, password, region.id),
            "colleague": _user("colleague", "赵话务", "8002", "1002", Role.OPERATOR, password, region.id),
            "liaison": _user("liaison", "李联络", None, "2001", Role.LIAISON, password, region.id),
            "backup": _user("backup", "周联络", None, "2002", Role.LIAISON, password, region.id),
        }
        for name in ("liaison", "backup"):
            users[name].unit_id = units["social"].id
        session.add_all(users.values())
        await session.flush()
        for position, name in enumerate(("liaison", "backup"), start=1):
            session.add(Liaison(unit_id=units["social"].id, user_id=users[name].id, position=position))
    keys = {name: user.id for name, user in users.items()}
    return keys, {name: unit.id for name, unit in units.items()}, region.id


def _user(
    username: str,
    name: str,
    staff_number: str | None,
    extension: str,
    role: Role,
    password: str,
    region_id: int,
) -> User:
    user = User(
        username=username, display_name=name, staff_number=staff_number, extension=extension, region_id=region_id,
        password_hash=password, sip_password=f"sip-{extension}",
    )  # fmt: skip
    user.grants = [RoleGrant(role=role)]
    return user
