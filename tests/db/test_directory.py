"""Who can be reached: townships by their county's switch, liaisons by leave and duty hours, on the phone and on the desk."""

from datetime import date, datetime

import pytest
from support.tickets import MONDAY, City, build_city

from agent_desktop.desk.directory import directory_json, places_json
from core.accounts import By
from core.clock import beijing
from core.db import Database
from core.organisation.files import from_tables
from core.organisation.plan import make_plan
from core.organisation.store import carry_out, snapshot
from core.units import Liaison, LiaisonLeave, Region, RegionLevel, ServicePhone, Unit
from ivr.talks import directory

NOBODY_REGISTERED: frozenset[str] = frozenset()


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    async with db.unit_of_work() as session:
        town = Region(
            code="town", name="城关镇", level=RegionLevel.TOWNSHIP, parent_id=city.regions["county"]
        )
        session.add(town)
        await session.flush()
        village = Region(code="village", name="东村", level=RegionLevel.VILLAGE, parent_id=town.id)
        session.add(village)
        await session.flush()
        session.add_all(Unit(region_id=r.id, code="101", name=f"{r.name}便民服务站") for r in (town, village))
        city.regions |= {"town": town.id, "village": village.id}
    return city


@pytest.mark.parametrize("is_on", [False, True])
async def test_townships_appear_with_their_countys_switch_and_vanish_with_it(city: City, is_on: bool):
    """M-05: off, the township and its village are in no menu, under no code and not on the desk; on, they are."""
    async with city.db.unit_of_work() as session:
        (await session.get_one(Region, city.regions["county"])).townships_on = is_on
    async with city.db.reading() as session:
        listed = [region.name for region in await directory.children(session, city.regions["county"])]
        keyed = [
            bool(await directory.unit_by_code(session, city.regions[name], "101"))
            for name in ("town", "village", "county")
        ]
        desk = {unit["name"] for unit in await directory_json(session, beijing(MONDAY).date())}
    assert listed == (["城关镇"] if is_on else [])
    assert keyed == [is_on, is_on, True]
    assert ({"城关镇便民服务站", "东村便民服务站"} <= desk) is is_on


@pytest.mark.parametrize(
    ("now", "leave", "rung"),
    [
        ("2026-06-01T10:00:00+08:00", None, True),
        ("2026-06-01T12:00:00+08:00", None, False),  # the first moment after duty
        ("2026-06-01T10:00:00+08:00", (date(2026, 6, 1), date(2026, 6, 1)), False),
        ("2026-06-01T10:00:00+08:00", (date(2026, 5, 1), None), False),
        ("2026-06-01T10:00:00+08:00", (date(2026, 5, 1), date(2026, 5, 31)), True),
    ],
)
async def test_a_liaison_off_duty_is_left_out_of_the_ladder(
    city: City, now: str, leave: tuple[date, date | None] | None, rung: bool
):
    """M-30: leave and duty hours take effect with the next call; the service phone comes after."""
    async with city.db.unit_of_work() as session:
        duty = await session.get_one(Liaison, 1)
        duty.outside_number, duty.duty_hours = "13800000001", "08:30-12:00 14:30-18:00"
        if leave:
            duty.leaves.append(LiaisonLeave(from_on=leave[0], until_on=leave[1]))
        session.add(ServicePhone(unit_id=duty.unit_id, number="08721234567"))
    async with city.db.reading() as session:
        target = await directory.target(
            session, city.units["a"], datetime.fromisoformat(now), registered=NOBODY_REGISTERED
        )
    liaison, phone = "PJSIP/13800000001@trunk", "PJSIP/08721234567@trunk"
    assert [step.dial for step in target.rungs] == ([liaison] if rung else []) + [phone]


async def test_a_place_is_on_the_desk_with_its_hours_services_and_agent(city: City):
    """M-123, M-131: where something is handled and who the agent is; a township's place follows the county's switch."""
    row = {
        "region": "village", "name": "东村代办点", "kind": "agent", "contact": "王代办", "phone": "13800000002",
        "hours": "周一至周五", "units": ["city/101"], "services": ["医保代办"],
    }  # fmt: skip
    async with city.db.unit_of_work() as session:
        plan = make_plan(await snapshot(session), from_tables({"place": [row]}).rows)
        await carry_out(session, city.clock, By("admin"), plan)
    async with city.db.reading() as session:
        assert await places_json(session) == []
    async with city.db.unit_of_work() as session:
        (await session.get_one(Region, city.regions["county"])).townships_on = True
    async with city.db.reading() as session:
        (place,) = await places_json(session)
    shown = ("name", "kind", "region", "contact", "phones", "hours", "units", "services")
    assert [place[name] for name in shown] == [
        "东村代办点", "代办点", "东村", "王代办", ["13800000002"], "周一至周五", ["a局"], ["医保代办"],
    ]  # fmt: skip
