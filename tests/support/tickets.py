"""A small city for ticket tests: two regions, their bodies, a cast of named people, a calendar, a clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.calendar.holidays import CalendarSettings
from core.clock import ShiftedClock
from core.db import Database
from core.people import Role, RoleGrant, User
from core.units import Liaison, Region, RegionLevel, Unit, UnitDuty
from recordings.models import Call
from reports.settings import ReportSettings
from reports.training.settings import TrainingSettings
from tickets import service
from tickets.models import Outcome, Ticket
from tickets.settings import TicketSettings

TABLE = Path(__file__).parents[2] / "config/calendar/cn.toml"
MONDAY = datetime.fromisoformat("2026-06-01T10:00:00+08:00")
CAST = {
    # username: (role, unit, region)
    "operator": (Role.OPERATOR, None, "city"),
    "colleague": (Role.OPERATOR, None, "city"),
    "liaison_a": (Role.LIAISON, "a", "city"),
    "head_a": (Role.HEAD, "a", "city"),
    "liaison_b": (Role.LIAISON, "b", "city"),
    "head_b": (Role.HEAD, "b", "city"),
    "head_a_above": (Role.HEAD, "above_a", "city"),
    "office": (Role.OFFICE, "office", "city"),
    "office_deputy": (Role.OFFICE, "office", "city"),
    "head_office": (Role.HEAD, "office", "city"),
    "liaison_county": (Role.LIAISON, "county_a", "county"),
    "head_inspection": (Role.HEAD, "inspection", "city"),
    "county_office": (Role.OFFICE, "county_office", "county"),
    "county_deputy": (Role.OFFICE, "county_office", "county"),
    "inspector": (Role.INSPECTOR, "inspection", "city"),
    "county_inspector": (Role.INSPECTOR, "county_inspection", "county"),
    "supervisor": (Role.SUPERVISOR, None, "city"),
    "county_supervisor": (Role.SUPERVISOR, None, "county"),
    "secrecy": (Role.SECRECY, None, "city"),
    "admin": (Role.ADMIN, None, "city"),
}
UNITS = {
    # name: (region, code, duty)
    "a": ("city", "101", UnitDuty.DEPARTMENT),
    "b": ("city", "102", UnitDuty.DEPARTMENT),
    "above_a": ("city", "103", UnitDuty.DEPARTMENT),
    "office": ("city", "900", UnitDuty.OFFICE),
    "inspection": ("city", "901", UnitDuty.INSPECTION),
    "centre": ("city", "902", UnitDuty.CALL_CENTRE),
    "county_a": ("county", "101", UnitDuty.DEPARTMENT),
    "county_office": ("county", "900", UnitDuty.OFFICE),
    "county_inspection": ("county", "901", UnitDuty.INSPECTION),
    "province_inspection": ("province", "901", UnitDuty.INSPECTION),
}
REGIONS = {
    "province": (None, RegionLevel.PROVINCE),
    "city": ("province", RegionLevel.PREFECTURE),
    "county": ("city", RegionLevel.COUNTY),
    "neighbour": ("province", RegionLevel.PREFECTURE),
}


@dataclass
class City:
    db: Database
    clock: ShiftedClock
    regions: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    calls: int = 0

    def region_of(self, unit_id: int | None) -> int | None:
        """Where the unit was built."""
        place = next((UNITS[name][0] for name, key in self.units.items() if key == unit_id), "")
        return self.regions.get(place)

    async def user(self, session: AsyncSession, name: str) -> User:
        found = select(User).where(User.id == self.users[name]).options(selectinload(User.grants))
        return (await session.scalars(found)).one()

    async def call(self, session: AsyncSession, number: str = "13800005678", **columns: object) -> Call:
        self.calls += 1
        call = Call(
            linkedid=f"test-{self.calls}", line="96128", region_id=self.regions["city"], caller_number=number,
            started_at=self.clock.now(), **columns,
        )  # fmt: skip
        session.add(call)
        await session.flush()
        return call


async def build_city(db: Database) -> City:
    city = City(db, ShiftedClock(MONDAY, base=Frozen()))
    db.provide(TicketSettings(code_secret=b"a secret of the tests alone"))
    db.provide(CalendarSettings(table=TABLE))
    db.provide(ReportSettings())
    db.provide(TrainingSettings(operator=(), liaison=(), window=()))
    async with db.unit_of_work() as session:
        for name, (parent, level) in REGIONS.items():
            region = Region(code=name, name=name, level=level, parent_id=city.regions.get(parent or ""))
            session.add(region)
            await session.flush()
            city.regions[name] = region.id
        units = {
            name: Unit(region_id=city.regions[region_name], code=code, name=f"{name}局", duty=duty)
            for name, (region_name, code, duty) in UNITS.items()
        }
        session.add_all(units.values())
        await session.flush()  # many at once, here and below: nearly every test builds this city
        city.units = {name: unit.id for name, unit in units.items()}
        units["a"].supervising_unit_id = city.units["above_a"]
        users = {
            name: User(username=name, display_name=name, region_id=city.regions[region_name],
                       unit_id=city.units.get(unit_name or ""), grants=[RoleGrant(role=role)])
            for name, (role, unit_name, region_name) in CAST.items()
        }  # fmt: skip
        session.add_all(users.values())
        await session.flush()
        city.users = {name: user.id for name, user in users.items()}
        session.add(Liaison(unit_id=city.units["a"], user_id=city.users["liaison_a"]))
    return city


async def add_clerk(city: City) -> None:
    """`clerk`, who registers at the window."""
    async with city.db.unit_of_work() as session:
        clerk = User(username="clerk", display_name="王窗口", region_id=city.regions["city"])
        clerk.grants = [RoleGrant(role=Role.WINDOW)]
        session.add(clerk)
        await session.flush()
        city.users["clerk"] = clerk.id


class Frozen:
    """A clock that stands: tests move it themselves."""

    def now(self) -> datetime:
        return MONDAY.astimezone(UTC)


async def question(
    city: City, outcome: Outcome = Outcome.ASSIGNED, unit: str = "a", **fields: object
) -> service.Issued:
    async with city.db.unit_of_work() as session:
        call = await city.call(session, ended_at=city.clock.now())
        desk = {"operator_id": city.users["operator"]}
        issued = await service.open_for_call(
            session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
            caller_number="13800005678", **desk,
        )  # fmt: skip
        number = issued.ticket.ticket_no
        typed = {"question": "问", "reason": "无法明确部门", "unit_id": city.units[unit], **fields}
        await service.save_draft(session, city.clock, ticket_no=number, fields=typed, version=1, **desk)
        await service.finish(session, city.clock, ticket_no=number, outcome=outcome, **desk)
    return issued


async def do(
    city: City, what: Callable[..., Awaitable[Ticket]], ticket: Ticket, who: str, **how: object
) -> Ticket:
    async with city.db.unit_of_work() as session:
        user: User = await city.user(session, who)
        return await what(session, city.clock, ticket_no=ticket.ticket_no, user=user, **how)
