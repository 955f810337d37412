"""The invented people, units and regions of the demo (`demo.toml`), put into an empty database."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.accounts import By, Details, create_user, fresh_password
from core.clock import Clock
from core.organisation.files import from_tables
from core.organisation.plan import make_plan
from core.organisation.store import carry_out, snapshot
from core.people import Role
from core.units import Liaison, Unit

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
    tables = {"region": cast.regions, "unit": [{"hours": HOURS, **row} for row in cast.units]}
    await carry_out(session, clock, by, make_plan(await snapshot(session), from_tables(tables).rows))
    units = {
        f"{unit.region.code}/{unit.code}": unit
        for unit in await session.scalars(select(Unit).options(selectinload(Unit.region)))
    }
    return {
        row["username"]: await _person(session, clock, by, row, units[row["unit"]]) for row in cast.people
    }


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
