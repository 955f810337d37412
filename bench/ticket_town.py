"""A province full of tickets (造数): regions, units and people, then tickets and their three steps each, in bulk.

One ticket in forty is open. The first department of the first prefecture holds a twentieth of everything, the rest is
spread evenly. Two fifths of the open steps run out at `CUT_OFF`, the others days later. Nothing here is random.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Base, Database
from core.people import Role, RoleGrant, User
from core.units import Liaison, Region, RegionLevel, Unit, UnitDuty

PREFECTURES, COUNTIES_EACH, DEPARTMENTS_EACH = 16, 5, 20
CUT_OFF = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
NOW = CUT_OFF + timedelta(seconds=1)
EVERY_OPEN, EVERY_COMPLAINT, EVERY_QUEUED, BUSIEST = 40, 50, 400, 20
BATCH = 20_000
QUESTION = "我是外地户籍，在本市参加职工医疗保险满六年，现在打算把关系转回老家，请问需要带哪些材料、到哪个窗口、多久能办好？"
Tell = Callable[[str], None]


@dataclass
class Town:
    departments: list[tuple[int, int]] = field(default_factory=list)
    """(unit, region), the busiest first."""
    offices: dict[int, int] = field(default_factory=dict)
    """Region → its office."""
    inspections: dict[int, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    """liaison and head of the busiest unit, office and inspector of its region."""


async def build(session: AsyncSession) -> Town:
    """Regions, units and the four people who look."""
    town = Town()
    province = await _region(session, town, "53", RegionLevel.PROVINCE, None)
    for number in range(1, PREFECTURES + 1):
        prefecture = await _region(session, town, f"53{number:02}", RegionLevel.PREFECTURE, province)
        for county in range(1, COUNTIES_EACH + 1):
            await _region(session, town, f"53{number:02}{county:02}", RegionLevel.COUNTY, prefecture)
    town.departments = town.departments[DEPARTMENTS_EACH:]  # the province's own answer nothing here
    busiest, region = town.departments[0]
    for role, unit in (
        (Role.LIAISON, busiest), (Role.HEAD, busiest), (Role.OFFICE, town.offices[region]),
        (Role.INSPECTOR, town.inspections[region]),
    ):  # fmt: skip
        person = User(username=str(role), display_name=str(role), unit_id=unit, region_id=region)
        person.grants = [RoleGrant(role=role)]
        session.add(person)
        await session.flush()
        town.people[role] = person.id
    session.add(Liaison(unit_id=busiest, user_id=town.people[Role.LIAISON]))
    return town


async def _region(
    session: AsyncSession, town: Town, code: str, level: RegionLevel, parent_id: int | None
) -> int:
    region = Region(code=code, name=f"地区{code}", level=level, parent_id=parent_id)
    session.add(region)
    await session.flush()
    duties = [UnitDuty.OFFICE, UnitDuty.INSPECTION, *[UnitDuty.DEPARTMENT] * DEPARTMENTS_EACH]
    units = [
        Unit(region_id=region.id, code=f"{100 + place}", name=f"{code}第{place}局", duty=duty)
        for place, duty in enumerate(duties)
    ]
    session.add_all(units)
    await session.flush()
    town.offices[region.id], town.inspections[region.id] = units[0].id, units[1].id
    town.departments += [(unit.id, region.id) for unit in units[2:]]
    return region.id


async def fill(db: Database, town: Town, tickets: int, tell: Tell) -> None:
    """All tickets and steps; `tell` hears how far it is."""
    for name, rows in (("tickets", _tickets(town, tickets)), ("ticket_steps", _steps(town, tickets))):
        columns, records = next(rows), rows
        await store(db, name, columns, records, tell)
    async with db.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("ANALYZE")


async def store(
    db: Database, name: str, columns: Sequence[str], records: Iterator[tuple[Any, ...]], tell: Tell
) -> None:
    done = 0
    is_sqlite = db.url.get_backend_name() == "sqlite"
    put = _sqlite_writer(db, name, columns) if is_sqlite else None
    while batch := list(islice(records, BATCH)):
        if put is not None:
            await asyncio.to_thread(put, batch)
        else:
            await _copy(db, name, columns, batch)
        done += len(batch)
        tell(f"{name}: {done:,}")


async def _copy(db: Database, name: str, columns: Sequence[str], batch: list[tuple[Any, ...]]) -> None:
    async with db.engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        await raw.execute(
            "SET session_replication_role = replica"
        )  # the rows are right, checking each costs minutes
        await raw.copy_records_to_table(name, records=batch, columns=columns)


def _sqlite_writer(db: Database, name: str, columns: Sequence[str]) -> Callable[[Iterable[Any]], None]:
    connection = sqlite3.connect(str(db.url.database), check_same_thread=False, isolation_level=None)
    for pragma in ("synchronous=OFF", "cache_size=-600000"):
        connection.execute(f"PRAGMA {pragma}")
    marks = ",".join("?" * len(columns))
    sql = f"INSERT INTO {name} ({','.join(columns)}) VALUES ({marks})"

    def put(batch: Iterable[Any]) -> None:
        connection.execute("BEGIN")
        connection.executemany(sql, [tuple(map(_as_stored, row)) for row in batch])
        connection.execute("COMMIT")

    return put


def _as_stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")[:26]
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True)
class _Place:
    unit: int
    region: int


def _place(town: Town, number: int) -> _Place:
    mixed = number * 2_654_435_761 & 0xFFFFFFFF
    if mixed % BUSIEST == 0:
        return _Place(*town.departments[0])
    return _Place(*town.departments[mixed // BUSIEST % len(town.departments)])


def is_open(number: int) -> bool:
    return number % EVERY_OPEN == 0


def _state(number: int) -> tuple[str, str]:
    """(kind, state)"""
    if number % EVERY_COMPLAINT == 0:
        return "complaint", "C_WORKING" if is_open(number) else "C_CLOSED"
    if number % EVERY_QUEUED == EVERY_OPEN:
        return "question", "DISPATCH"
    return "question", "WORKING" if is_open(number) else "CLOSED"


def _received_at(number: int, tickets: int) -> datetime:
    """Three years up to a week ago, in the order of the numbers."""
    return CUT_OFF - timedelta(days=7) - timedelta(seconds=94_608_000 * (tickets - number) // tickets)


def row_of(table: str, **values: Any) -> dict[str, Any]:
    """Every column that must have a value: given here, or the model's own default."""
    for column in Base.metadata.tables[table].columns:
        if column.name not in values and not column.nullable and column.name != "id":
            values[column.name] = column.default.arg if column.default is not None else ""
    return values


def _tickets(town: Town, tickets: int) -> Iterator[Any]:
    common = row_of("tickets", ticket_no="", kind="", state="", channel="phone", region_id=0, received_at=NOW,
                  unit_id=0, first_unit_id=0, question=QUESTION, line="96128", caller_number="", last_step_id=0)  # fmt: skip
    common["id"] = 0
    yield list(common)
    for number in range(1, tickets + 1):
        place, (kind, state) = _place(town, number), _state(number)
        received_at = _received_at(number, tickets)
        own = {
            "id": number, "ticket_no": f"{received_at:%Y%m%d}{number:08}", "kind": kind, "state": state,
            "region_id": place.region, "received_at": received_at, "unit_id": place.unit,
            "first_unit_id": place.unit if kind == "question" else None, "caller_number": f"138{number:08}", "last_step_id": number * 3,
        }  # fmt: skip
        yield tuple((common | own).values())


def _steps(town: Town, tickets: int) -> Iterator[Any]:
    common = row_of("ticket_steps", ticket_id=0, position=0, unit_id=0, region_id=0, clock="Q5", started_at=NOW, days=5,
                  due_on=NOW.date(), cut_off_at=NOW, table_version="cn", warn_at=NOW, accountable_at=NOW,
                  watch_at=None, finished_at=None, result=None)  # fmt: skip
    common["id"] = 0
    yield list(common)
    for number in range(1, tickets + 1):
        place, (kind, state) = _place(town, number), _state(number)
        office, body = town.offices[place.region], town.inspections[place.region]
        units = (body, body, body) if kind == "complaint" else (place.unit, office, place.unit)
        if state == "DISPATCH":
            units = (place.unit, office, office)
        for position, unit in enumerate(units, start=1):
            stays = position == len(units) and is_open(number)
            times = _open_times(number) if stays else _closed_times(_received_at(number, tickets), position)
            own = {
                "id": number * 3 + position - 3,
                "ticket_id": number,
                "position": position,
                "unit_id": unit,
                "region_id": place.region,
            }
            yield tuple((common | own | times).values())


def _open_times(number: int) -> dict[str, Any]:
    """Two in five run out at CUT_OFF and were warned of; the others are warned of in days to come."""
    runs_out = number // EVERY_OPEN % 5 < 2
    cut_off_at = CUT_OFF if runs_out else CUT_OFF + timedelta(days=3 + number % 5)
    warn_at = cut_off_at - timedelta(days=1)
    return {
        "started_at": cut_off_at - timedelta(days=7), "due_on": cut_off_at.date(), "cut_off_at": cut_off_at,
        "warn_at": warn_at, "accountable_at": cut_off_at + timedelta(days=2),
        "stage": "due_soon" if runs_out else "on_time", "watch_at": cut_off_at if runs_out else warn_at,
    }  # fmt: skip


def _closed_times(received_at: datetime, position: int) -> dict[str, Any]:
    started_at = received_at + timedelta(days=position)
    cut_off_at = started_at + timedelta(days=7)
    return {
        "started_at": started_at, "due_on": cut_off_at.date(), "cut_off_at": cut_off_at,
        "warn_at": cut_off_at - timedelta(days=1), "accountable_at": cut_off_at + timedelta(days=2),
        "finished_at": started_at + timedelta(days=2), "result": "replied" if position == 3 else "forwarded",
    }  # fmt: skip
