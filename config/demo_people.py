"""The invented people, units and regions of the demo (`demo.toml`), put into an empty database."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts import By, Details, create_user, fresh_password
from core.clock import Clock
from core.people import Role
from core.units import (
    ConnectionState,
    Liaison,
    Region,
    RegionLevel,
    ServicePhone,
    SubjectUnit,
    Unit,
    UnitDuty,
)

Row = dict[str, Any]
HOURS = "周一至周五 8:30-12:00、14:30-18:00"


@dataclass(frozen=True)
class Cast:
    """The tables of `demo.toml`."""

    regions: list[Row]
    units: list[Row]
    people: list[Row]
    channels: list[Row]
    questions: list[Row]


def read_cast() -> Cast:
    data = tomllib.loads(Path(__file__).with_name("demo.toml").read_text(encoding="utf-8"))
    return Cast(*(data[name] for name in ("region", "unit", "person", "channel", "question")))


async def seed_people(session: AsyncSession, clock: Clock, by: By, cast: Cast) -> dict[str, str]:
    """Regions, units and accounts; returns each username's password."""
    regions: dict[str, Region] = {}
    for row in cast.regions:
        regions[row["code"]] = await _region(session, row, regions)
    units: dict[str, Unit] = {}
    for row in cast.units:
        units[f"{row['region']}/{row['code']}"] = await _unit(session, row, regions[row["region"]], units)
    return {
        row["username"]: await _person(session, clock, by, row, units[row["unit"]]) for row in cast.people
    }


async def _region(session: AsyncSession, row: Row, regions: dict[str, Region]) -> Region:
    parent_id = regions[row["parent"]].id if "parent" in row else None
    level = RegionLevel(row["level"])
    region = Region(code=row["code"], name=row["name"], level=level, parent_id=parent_id)
    session.add(region)
    await session.flush()
    return region


async def _unit(session: AsyncSession, row: Row, region: Region, units: dict[str, Unit]) -> Unit:
    unit = Unit(
        region_id=region.id,
        code=row["code"],
        name=row["name"],
        short_name=row["short_name"],
        duty=UnitDuty(row.get("duty", UnitDuty.DEPARTMENT)),
        state=ConnectionState(row.get("state", ConnectionState.LIVE)),
        address=row["address"],
        hours_text=HOURS,
        supervising_unit_id=units[row["supervising"]].id if "supervising" in row else None,
    )
    session.add(unit)
    await session.flush()
    numbers = enumerate(row.get("phones", ()), start=1)
    session.add_all(ServicePhone(unit_id=unit.id, number=number, position=at) for at, number in numbers)
    subjects = row.get("subjects", ())
    session.add_all(SubjectUnit(region_id=region.id, subject=one, unit_id=unit.id) for one in subjects)
    return unit


async def _person(session: AsyncSession, clock: Clock, by: By, row: Row, unit: Unit) -> str:
    details = Details(
        display_name=row["name"],
        staff_number=row.get("staff_number", ""),
        extension=row.get("extension", ""),
        unit_id=unit.id,
        region_id=unit.region_id,
    )
    role, password = Role(row["role"]), fresh_password()
    user = await create_user(
        session, clock, by, username=row["username"], password=password, details=details, roles=[role]
    )
    if role == Role.LIAISON:
        session.add(Liaison(unit_id=unit.id, user_id=user.id, position=int(row.get("position", 1))))
    return password
