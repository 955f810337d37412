"""The whole hotline for tests: own folder, own ports, real Asterisk, real pages, a small city."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from support.blank import make_tables

from config.bootstrap import Hotline
from config.settings import load, make_clock
from core.clock import ShiftedClock
from core.people import Role, RoleGrant, User, hash_password
from core.units import Liaison, Region, RegionLevel, ServicePhone, Unit, UnitDuty
from ivr.asterisk.site import Folders
from kb.models import Audience, Entry, EntryKind, EntryState

MONDAY_MORNING = "2026-06-01T10:00:00+08:00"
MOBILE, SERVICE_PHONE = "13800000103", "08725550103"
"""Unit 103's backup liaison and its service telephone, both outside."""
PASSWORD = "correct-horse-battery"
SOUNDS = Path(__file__).parents[2] / "var" / "tests" / "sounds"


@dataclass
class City:
    """Who and what the tests find in the database."""

    hotline: Hotline
    clock: ShiftedClock
    users: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)

    @property
    def sip(self) -> tuple[str, int]:
        return "127.0.0.1", self.hotline.settings.asterisk.sip_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.hotline.settings.http.port}"


def free_ports(count: int) -> list[int]:
    """Ports that are free for TCP and UDP at this moment.

    Drawn below those that the system gives to outgoing connections, so that no other test run takes one meanwhile.
    """
    ports = []
    for port in random.sample(range(12_000, 20_000), 200):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, suppress(OSError):
            for one in (tcp, udp):
                one.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("no free ports between 12000 and 20000")


def environment(folder: Path, at: str = MONDAY_MORNING, **more: str) -> dict[str, str]:
    """Settings of a hotline in this folder, on ports that are free now."""
    http, sip, ami, websocket, rtp = free_ports(5)
    rtp = 20_000 + rtp % 20_000 // 400 * 400
    (folder / "hotline.toml").touch()
    return {
        "HOTLINE_CONFIG": str(folder / "hotline.toml"), "HOTLINE_TEST_CLOCK": at, "HOTLINE__DATA_DIR": str(folder),
        "HOTLINE__HTTP__PORT": str(http), "HOTLINE__ASTERISK__SIP_PORT": str(sip),
        "HOTLINE__ASTERISK__AMI_PORT": str(ami), "HOTLINE__ASTERISK__HTTP_PORT": str(websocket),
        "HOTLINE__ASTERISK__RTP_START": str(rtp), "HOTLINE__ASTERISK__RTP_END": str(rtp + 399),
        "HOTLINE__CALLER_PHONE__ENABLED": "true", **more,
    }  # fmt: skip


@asynccontextmanager
async def running_hotline(
    folder: Path,
    *,
    at: str = MONDAY_MORNING,
    people: Callable[[City], Awaitable[None]] | None = None,
    **more: str,
) -> AsyncIterator[City]:
    """A hotline that answers; `people` fills its database, by default with a small city; `more` settings, `HOTLINE__…`."""
    settings = load(environment(folder, at, **more), mode="test")
    share_sounds(Folders(settings.data_dir / "asterisk"))
    clock = make_clock(settings)
    assert isinstance(clock, ShiftedClock)
    hotline = Hotline(settings, clock)
    city = City(hotline, clock)
    await make_tables(hotline.db)
    await (people or small_city)(city)
    try:
        await hotline.start()
        await _until(lambda: "controller-beat" in hotline.tasks.loops and _beating(hotline))
        yield city
    finally:
        await hotline.stop()


def _beating(hotline: Hotline) -> bool:
    return hotline.tasks.loops["controller-beat"].last_beat_at is not None


async def _until(condition, limit_s: float = 15.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.02)


def share_sounds(folders: Folders) -> None:
    """Prompts are made once for all tests and kept between runs."""
    SOUNDS.mkdir(parents=True, exist_ok=True)
    folders.sounds.parent.mkdir(parents=True, exist_ok=True)
    folders.sounds.symlink_to(SOUNDS)


async def small_city(city: City) -> None:
    async with city.hotline.db.unit_of_work() as session:
        await found(session, city)


async def found(session: AsyncSession, city: City) -> None:
    """A prefecture with its bodies, two departments, and one person for each duty."""
    region = Region(code="5399", name="示范州", level=RegionLevel.PREFECTURE)
    session.add(region)
    await session.flush()
    for code, name, duty in (
        ("001", "示范州政府办", UnitDuty.OFFICE), ("002", "示范州监察局", UnitDuty.INSPECTION),
        ("003", "96128呼叫中心", UnitDuty.CALL_CENTRE), ("101", "人力资源和社会保障局", UnitDuty.DEPARTMENT),
        ("102", "公安局", UnitDuty.DEPARTMENT), ("103", "民政局", UnitDuty.DEPARTMENT),
    ):  # fmt: skip
        session.add(Unit(region_id=region.id, code=code, name=name, duty=duty))
    await session.flush()
    city.units = {unit.code: unit.id for unit in await session.scalars(select(Unit))}
    hashed = hash_password(PASSWORD)
    for name, role, extension, unit in (
        ("operator1", Role.OPERATOR, "1001", "003"), ("operator2", Role.OPERATOR, "1002", "003"),
        ("liaison1", Role.LIAISON, "2001", "101"), ("liaison2", Role.LIAISON, "2002", "102"),
        ("liaison3", Role.LIAISON, "2003", "103"), ("backup3", Role.LIAISON, None, "103"),
        ("supervisor1", Role.SUPERVISOR, None, "003"), ("inspector1", Role.INSPECTOR, None, "002"),
        ("admin1", Role.ADMIN, None, None),
    ):  # fmt: skip
        user = User(
            username=name, display_name=name, password_hash=hashed, extension=extension, staff_number=extension,
            sip_password=f"sip-{name}", region_id=region.id, unit_id=city.units.get(unit or ""),
        )  # fmt: skip
        user.grants = [RoleGrant(role=role)]
        session.add(user)
        await session.flush()
        city.users[name] = user.id
        city.extensions[name] = extension or ""
    today = city.clock.now()
    session.add(
        Entry(kind=EntryKind.FAQ, state=EntryState.PUBLISHED, audience=Audience.PUBLIC, title="社会保障卡丢失怎样补办",
              answer="携带本人身份证到社保经办窗口当场补办。", unit_id=city.units["101"], subject="s1", is_hot=True,
              created_at=today, changed_at=today)
    )  # fmt: skip
    session.add_all(
        [Liaison(unit_id=city.units["101"], user_id=city.users["liaison1"]),
         Liaison(unit_id=city.units["102"], user_id=city.users["liaison2"]),
         Liaison(unit_id=city.units["103"], user_id=city.users["liaison3"]),
         Liaison(unit_id=city.units["103"], user_id=city.users["backup3"], position=2, outside_number=MOBILE),
         ServicePhone(unit_id=city.units["103"], number=SERVICE_PHONE)]
    )  # fmt: skip
