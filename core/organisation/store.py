"""The directory's rows in the database (机构存取): read as plain rows, written from plain rows, each change on record.

Every function works in the caller's unit of work. What is written is in force with the commit: menus, desk and
ladder read the same tables, and `DirectoryChanged` has the spoken names made.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core import audit
from core.accounts import By
from core.bus import publish
from core.clock import Clock
from core.errors import Conflict
from core.history import Change, Facts
from core.lines import Line, LinesChanged
from core.organisation.people import FirstPassword, account_facts, write_account
from core.organisation.plan import Plan, Snapshot, Step
from core.organisation.tables import ACCOUNT, SHEETS
from core.people import User
from core.places import Place, PlaceUnit, Service
from core.units import Liaison, LiaisonLeave, Region, ServicePhone, SubjectUnit, Unit


@dataclass(frozen=True)
class DirectoryChanged:
    """Regions, units, liaisons, lines or places changed; `kinds` says which."""

    kinds: frozenset[str]


async def snapshot(session: AsyncSession) -> Snapshot:
    """The whole directory as plain rows; unit keys are `region/code`."""
    regions = {region.id: region for region in await session.scalars(select(Region))}
    units = {unit.id: unit for unit in await session.scalars(_fresh(Unit).options(selectinload(Unit.phones)))}
    keys = {unit.id: f"{regions[unit.region_id].code}/{unit.code}" for unit in units.values()}
    subjects: dict[int, list[str]] = {}
    for one in await session.scalars(select(SubjectUnit).order_by(SubjectUnit.subject)):
        subjects.setdefault(one.unit_id, []).append(one.subject)
    users = (await session.scalars(_fresh(User).options(selectinload(User.grants)))).all()
    usernames = {user.id: user.username for user in users}
    duties = await session.scalars(_fresh(Liaison))
    lines = await session.scalars(select(Line))
    places = await session.scalars(
        _fresh(Place).options(
            selectinload(Place.units).selectinload(Unit.phones), selectinload(Place.services)
        )
    )
    code = {key: region.code for key, region in regions.items()}
    rows = {
        "region": [_region_facts(region, code) for region in regions.values()],
        "unit": [_unit_facts(unit, code, keys, subjects.get(unit.id, [])) for unit in units.values()],
        "account": [account_facts(user, code, keys) for user in users],
        "liaison": [_liaison_facts(duty, keys, usernames) for duty in duties],
        "line": [_line_facts(line, code) for line in lines],
        "place": [_place_facts(place, code, keys) for place in places],
    }
    return Snapshot(
        {kind: {SHEETS[kind].key(facts): facts for facts in found} for kind, found in rows.items()}
    )


async def carry_out(
    session: AsyncSession,
    clock: Clock,
    by: By,
    plan: Plan,
    passwords: Mapping[str, FirstPassword] | None = None,
) -> None:
    """Store every step of a plan without faults; raises OrganisationInvalid for one with.

    `passwords`: by username, of `plan.new_accounts`; Conflict when one is missing.
    """
    plan.refuse_faulty()
    for step in plan.steps:
        if step.kind == ACCOUNT.kind:
            facts, password = step.after or {}, (passwords or {}).get(step.key)
            await write_account(session, clock, by, facts, is_new=step.before is None, password=password)
        else:
            await apply_step(session, clock, by, step)


async def apply_step(session: AsyncSession, clock: Clock, by: By, step: Step) -> Change:
    """Store one change with its record and audit row, and have it announced after the commit."""
    if step.after is None:
        await _REMOVERS[step.kind](session, step.before or {})
    else:
        await _WRITERS[step.kind](session, step.after)
    await session.flush()
    change = Change(
        at=clock.now(), actor=by.actor, kind=step.kind, key=step.key, label=step.label, before=step.before,
        after=step.after,
    )  # fmt: skip
    session.add(change)
    action = f"{step.kind}.{'remove' if step.after is None else 'change' if step.before else 'create'}"
    said = "；".join(f"{title}：{old or '无'} → {new or '无'}" for title, old, new in step.differences)
    await audit.record(
        session, clock, actor=by.actor, role=by.role, source=by.source, action=action,
        target=f"{step.kind}:{step.key}"[:120], reason=said,
    )  # fmt: skip
    publish(session, DirectoryChanged(frozenset({step.kind})))
    if step.kind == "line":
        publish(session, LinesChanged())
    return change


def undoing(change: Change, current: Facts | None) -> Step:
    """The step that takes a change back; raises Conflict when the thing has changed since or cannot vanish."""
    created_for_good = change.before is None and not SHEETS[change.kind].is_removable
    if change.undone_at or created_for_good or current != change.after:
        raise Conflict
    return Step(change.kind, change.key, current, change.before)


# --- reading ------------------------------------------------------------------------------------------------------


def _fresh(entity: Any) -> Any:
    """As the database has it now: rows below were written behind the session's back."""
    return select(entity).execution_options(populate_existing=True)


def _region_facts(region: Region, code: dict[int, str]) -> Facts:
    return {
        "code": region.code,
        "name": region.name,
        "level": str(region.level),
        "parent": code.get(region.parent_id or 0, ""),
        "townships_on": region.townships_on,
    }


def _unit_facts(unit: Unit, code: dict[int, str], keys: dict[int, str], subjects: list[str]) -> Facts:
    plain = ("code", "name", "short_name", "address", "is_active")
    choices = ("kind", "duty", "affiliation", "state")
    return {
        **{name: getattr(unit, name) for name in plain},
        **{name: str(getattr(unit, name)) for name in choices},
        "region": code[unit.region_id],
        "supervising": keys.get(unit.supervising_unit_id or 0, ""),
        "inspection": keys.get(unit.inspection_unit_id or 0, ""),
        "hours": unit.hours_text,
        "phones": [phone.number for phone in unit.phones],
        "subjects": subjects,
    }


def _liaison_facts(duty: Liaison, keys: dict[int, str], usernames: dict[int, str]) -> Facts:
    return {
        "unit": keys[duty.unit_id],
        "username": usernames[duty.user_id],
        "position": duty.position,
        "outside": duty.outside_number,
        "duty_hours": duty.duty_hours,
        "leaves": [f"{leave.from_on}~{leave.until_on or ''}" for leave in duty.leaves],
    }


_LINE_PLAIN = ("capacity", "menu", "greeting", "languages", "language", "overflow_wait_s", "overflow_length")


def _line_facts(line: Line, code: dict[int, str]) -> Facts:
    return {
        "number": line.number,
        "name": line.name,
        "region": code[line.region_id],
        "state": str(line.state),
        **{name: getattr(line, name) for name in _LINE_PLAIN},
        "overflow": code.get(line.overflow_region_id or 0, ""),
    }


def _place_facts(place: Place, code: dict[int, str], keys: dict[int, str]) -> Facts:
    return {
        "region": code[place.region_id],
        "name": place.name,
        "kind": str(place.kind),
        "address": place.address,
        "hours": place.hours_text,
        "phone": place.phone,
        "contact": place.contact,
        "units": [keys[unit.id] for unit in place.units],
        "services": [service.name for service in place.services],
    }


# --- writing ------------------------------------------------------------------------------------------------------


async def _region_id(session: AsyncSession, code: str) -> int:
    return (await session.scalars(select(Region.id).where(Region.code == code))).one()


async def _unit_id(session: AsyncSession, key: str) -> int:
    region, _, code = key.partition("/")
    query = select(Unit.id).join(Region, Region.id == Unit.region_id)
    return (await session.scalars(query.where(Region.code == region, Unit.code == code))).one()


async def _write_region(session: AsyncSession, facts: Facts) -> None:
    region = await session.scalar(select(Region).where(Region.code == facts["code"]))
    region = region or Region(code=facts["code"])
    region.name, region.level = facts["name"], facts["level"]
    region.townships_on = facts["townships_on"]
    region.parent_id = await _region_id(session, facts["parent"]) if facts["parent"] else None
    session.add(region)


async def _write_unit(session: AsyncSession, facts: Facts) -> None:
    region_id = await _region_id(session, facts["region"])
    found = select(Unit).where(Unit.region_id == region_id, Unit.code == facts["code"])
    unit = await session.scalar(found) or Unit(region_id=region_id, code=facts["code"])
    for name in ("name", "short_name", "kind", "duty", "affiliation", "state", "address", "is_active"):
        setattr(unit, name, facts[name])
    unit.hours_text = facts["hours"]
    unit.supervising_unit_id = await _unit_id(session, facts["supervising"]) if facts["supervising"] else None
    unit.inspection_unit_id = await _unit_id(session, facts["inspection"]) if facts["inspection"] else None
    session.add(unit)
    await session.flush()
    await session.execute(delete(ServicePhone).where(ServicePhone.unit_id == unit.id))
    passed_on = (SubjectUnit.region_id == region_id) & SubjectUnit.subject.in_(facts["subjects"])
    await session.execute(delete(SubjectUnit).where((SubjectUnit.unit_id == unit.id) | passed_on))
    session.add_all(
        ServicePhone(unit_id=unit.id, number=number, position=place)
        for place, number in enumerate(facts["phones"], start=1)
    )
    session.add_all(
        SubjectUnit(region_id=region_id, subject=subject, unit_id=unit.id) for subject in facts["subjects"]
    )


async def _liaison(session: AsyncSession, facts: Facts) -> Liaison:
    unit_id = await _unit_id(session, facts["unit"])
    user_id = (await session.scalars(select(User.id).where(User.username == facts["username"]))).one()
    found = await session.scalar(
        select(Liaison).where(Liaison.unit_id == unit_id, Liaison.user_id == user_id)
    )
    return found or Liaison(unit_id=unit_id, user_id=user_id, leaves=[])


async def _write_liaison(session: AsyncSession, facts: Facts) -> None:
    duty = await _liaison(session, facts)
    duty.position, duty.outside_number = facts["position"], facts["outside"]
    duty.duty_hours = facts["duty_hours"]
    duty.leaves = [_leave(period) for period in facts["leaves"]]
    session.add(duty)


def _leave(period: str) -> LiaisonLeave:
    first, _, last = period.partition("~")
    return LiaisonLeave(
        from_on=date.fromisoformat(first), until_on=date.fromisoformat(last) if last else None
    )


async def _write_line(session: AsyncSession, facts: Facts) -> None:
    found = await session.scalar(select(Line).where(Line.number == facts["number"]))
    line = found or Line(number=facts["number"])
    for name in ("name", "state", *_LINE_PLAIN):
        setattr(line, name, facts[name])
    line.region_id = await _region_id(session, facts["region"])
    line.overflow_region_id = await _region_id(session, facts["overflow"]) if facts["overflow"] else None
    session.add(line)


async def _place(session: AsyncSession, facts: Facts) -> Place | None:
    region_id = await _region_id(session, facts["region"])
    query = select(Place).where(Place.region_id == region_id, Place.name == facts["name"])
    return await session.scalar(query)


async def _write_place(session: AsyncSession, facts: Facts) -> None:
    region_id = await _region_id(session, facts["region"])
    place = await _place(session, facts) or Place(region_id=region_id, name=facts["name"])
    for name in ("kind", "address", "phone", "contact"):
        setattr(place, name, facts[name])
    place.hours_text = facts["hours"]
    session.add(place)
    await session.flush()
    passed_on = (Service.region_id == region_id) & Service.name.in_(facts["services"])
    await session.execute(delete(Service).where((Service.place_id == place.id) | passed_on))
    session.add_all(Service(region_id=region_id, name=name, place_id=place.id) for name in facts["services"])
    await session.execute(delete(PlaceUnit).where(PlaceUnit.place_id == place.id))
    for key in facts["units"]:
        session.add(PlaceUnit(place_id=place.id, unit_id=await _unit_id(session, key)))


async def _remove_liaison(session: AsyncSession, facts: Facts) -> None:
    await session.delete(await _liaison(session, facts))


async def _remove_line(session: AsyncSession, facts: Facts) -> None:
    await session.execute(delete(Line).where(Line.number == facts["number"]))


async def _remove_place(session: AsyncSession, facts: Facts) -> None:
    if place := await _place(session, facts):
        await session.execute(delete(Place).where(Place.id == place.id))


Writer = Callable[[AsyncSession, Facts], Awaitable[None]]
_WRITERS: dict[str, Writer] = {
    "region": _write_region,
    "unit": _write_unit,
    "liaison": _write_liaison,
    "line": _write_line,
    "place": _write_place,
}
_REMOVERS: dict[str, Writer] = {"liaison": _remove_liaison, "line": _remove_line, "place": _remove_place}
