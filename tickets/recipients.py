"""Who is told of a step (通知对象, M-46): its liaisons and head, the office and the supervision body of its level.

Complaints stay among inspectors (M-88); a government office's own delay is told to the body that supervises it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.people import Role, User
from core.units import Region, Unit, UnitDuty, regions_below
from tickets.access import Units, own_units
from tickets.bodies import OVERSEERS
from tickets.models import Stage
from tickets.oversight.oversight_models import Notice


class Audience(NamedTuple):
    """The people of one unit who hold one role."""

    role: Role
    unit_id: int


@dataclass(frozen=True)
class _Place:
    region_id: int
    duty: UnitDuty
    inspection_id: int | None
    """The supervision body named for the unit (M-123)."""


class Directory:
    """The units and their bodies as they stood when it was read: for many steps at once."""

    def __init__(self, parents: Mapping[int, int | None], units: Mapping[int, _Place]) -> None:
        self._parents = parents
        self._units = units
        self._bodies: dict[tuple[int, UnitDuty], int] = {}
        for unit_id, place in units.items():
            self._bodies.setdefault((place.region_id, place.duty), unit_id)

    @classmethod
    async def read(cls, session: AsyncSession) -> "Directory":
        regions = await session.execute(select(Region.id, Region.parent_id))
        active = select(Unit.id, Unit.region_id, Unit.duty, Unit.inspection_unit_id).where(
            Unit.is_active.is_(True)
        )
        units = (await session.execute(active.order_by(Unit.code))).all()
        parents: dict[int, int | None] = {row.id: row.parent_id for row in regions}
        places = {row.id: _Place(row.region_id, UnitDuty(row.duty), row.inspection_unit_id) for row in units}
        return cls(parents, places)

    def of(self, unit_id: int | None, stage: Stage, *, is_complaint: bool) -> frozenset[Audience]:
        """Who is told that a unit's open step has reached this stage; nobody for a unit that is gone."""
        place = self._units.get(unit_id or 0)
        if unit_id is None or place is None:
            return frozenset()
        told = {Audience(role, unit_id) for role in _workers(place.duty)}
        is_late = stage in {Stage.OVERDUE, Stage.UNEXPLAINED}
        if (
            place.duty not in OVERSEERS
            and not is_complaint
            and (is_late or place.duty == UnitDuty.DEPARTMENT)
        ):
            told |= self.office(unit_id)
        if is_late:
            told |= self.inspectors(unit_id)
        return frozenset(told)

    def inspectors(self, unit_id: int) -> set[Audience]:
        """The body that supervises the unit: named for it, of its level, for an overseer one level up (§5.3-6)."""
        place = self._units[unit_id]
        if place.inspection_id is not None and place.inspection_id in self._units:
            return {Audience(Role.INSPECTOR, place.inspection_id)}
        region_id = self._parents.get(place.region_id) if place.duty in OVERSEERS else place.region_id
        return self._at(region_id, UnitDuty.INSPECTION, Role.INSPECTOR)

    def office(self, unit_id: int) -> set[Audience]:
        """The government office of the unit's level."""
        return self._at(self._units[unit_id].region_id, UnitDuty.OFFICE, Role.OFFICE)

    def _at(self, region_id: int | None, duty: UnitDuty, role: Role) -> set[Audience]:
        while region_id is not None:
            if unit_id := self._bodies.get((region_id, duty)):
                return {Audience(role, unit_id)}
            region_id = self._parents.get(region_id)
        return set()


def _workers(duty: UnitDuty) -> tuple[Role, ...]:
    match duty:
        case UnitDuty.OFFICE:
            return (Role.OFFICE, Role.HEAD)
        case UnitDuty.INSPECTION:
            return (Role.INSPECTOR, Role.HEAD)
        case UnitDuty.CALL_CENTRE:
            return (Role.SUPERVISOR,)
        case UnitDuty.MAYOR:
            return ()
        case UnitDuty.DEPARTMENT:
            return (Role.LIAISON, Role.HEAD)


def addressed_to(user: User) -> ColumnElement[bool]:
    """The condition on `Notice` that holds for what this person is told; `user.grants` must be loaded."""
    return or_(false(), *(_addressed(role, user) for role in sorted(user.roles)))


def _addressed(role: Role, user: User) -> ColumnElement[bool]:
    units: Units
    match role:
        case Role.LIAISON | Role.HEAD:
            units = own_units(user)
        case Role.OFFICE | Role.INSPECTOR:
            duty = UnitDuty.OFFICE if role == Role.OFFICE else UnitDuty.INSPECTION
            body = (Unit.region_id == user.region_id) & (Unit.duty == duty)
            units = select(Unit.id).where((Unit.id == user.unit_id) | body)
        case Role.SUPERVISOR:
            units = select(Unit.id).where(
                Unit.region_id.in_(regions_below(user.region_id)), Unit.duty == UnitDuty.CALL_CENTRE
            )
        case _:
            return false()
    return (Notice.role == role) & Notice.unit_id.in_(units)
