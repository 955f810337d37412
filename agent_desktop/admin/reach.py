"""What of the directory and which accounts a person keeps (管理范围, §5.9): what is out of reach does not exist for them.

政府办 keeps its own region and level, a head the liaisons of the unit, the supervisor seats and connection states
of the region and below, the administrator all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import ColumnElement, Select, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from core.history import Facts
from core.lines import Line
from core.organisation.tables import TABLES
from core.people import Role, User
from core.places import Place
from core.units import Liaison, Region, RegionLevel, Unit, regions_below
from core.web.keys import SignedIn, person

KEEPERS = {Role.ADMIN, Role.OFFICE, Role.HEAD, Role.SUPERVISOR}
MAY_GIVE: Mapping[Role, frozenset[Role]] = {
    Role.ADMIN: frozenset(Role),
    Role.OFFICE: frozenset({Role.LIAISON, Role.HEAD}),
    Role.SUPERVISOR: frozenset({Role.OPERATOR}),
    Role.HEAD: frozenset({Role.LIAISON}),
}
"""The roles that a keeper may give; somebody who holds any other is out of the keeper's reach."""
_OFFICES = {
    kind: frozenset(column.name for column in table.columns)
    for kind, table in TABLES.items()
    if kind in ("unit", "liaison", "place")
} | {"region": frozenset({"townships_on"}), "line": frozenset({"state"})}
_SUPERVISORS = {"unit": frozenset({"state"}), "line": frozenset({"name", "state", "capacity", "greeting"})}
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reach:
    """One person's reach, read once a request; codes and keys as the directory's rows have them."""

    roles: frozenset[Role]
    region: str
    is_county: bool
    below: frozenset[str]
    unit: str
    region_id: int | None
    unit_id: int | None

    def columns(self, kind: str, facts: Facts) -> frozenset[str]:
        """The columns of this row that the person may change; none: not theirs."""
        if Role.ADMIN in self.roles:
            return frozenset(column.name for column in TABLES[kind].columns)
        return self._as_office(kind, facts) | self._as_supervisor(kind, facts) | self._as_head(kind, facts)

    def may_create(self, kind: str) -> bool:
        if Role.ADMIN in self.roles:
            return True
        by_office = Role.OFFICE in self.roles and kind in ("unit", "liaison", "place")
        return by_office or (Role.HEAD in self.roles and kind == "liaison")

    def may_remove(self, kind: str, facts: Facts) -> bool:
        return TABLES[kind].is_removable and len(self.columns(kind, facts)) == len(TABLES[kind].columns)

    def rows(self, kind: str) -> ColumnElement[bool]:
        """The condition on the table of this kind for what the person may see."""
        if Role.ADMIN in self.roles:
            return true()
        may: list[ColumnElement[bool]] = []
        if Role.OFFICE in self.roles:
            may.append(_of_regions(kind, select(Region.id).where(Region.id == self.region_id)))
        if Role.SUPERVISOR in self.roles and kind != "place":
            may.append(_of_regions(kind, regions_below(self.region_id)))
        if Role.HEAD in self.roles and kind in ("unit", "liaison"):
            column = Unit.id if kind == "unit" else Liaison.unit_id
            may.append((column == self.unit_id) & (self.unit_id is not None))
        return or_(false(), *may)

    @property
    def gives(self) -> frozenset[Role]:
        """The roles that the person may give to others."""
        return frozenset().union(*(MAY_GIVE.get(role, frozenset()) for role in self.roles))

    def people(self) -> ColumnElement[bool]:
        """The condition on `User` for the accounts within reach, their roles aside."""
        if Role.ADMIN in self.roles:
            return true()
        may: list[ColumnElement[bool]] = []
        if Role.OFFICE in self.roles:
            may.append(User.unit_id.in_(select(Unit.id).where(Unit.region_id == self.region_id)))
        if Role.SUPERVISOR in self.roles:
            may.append(User.region_id.in_(regions_below(self.region_id)))
        if Role.HEAD in self.roles:
            may.append((User.unit_id == self.unit_id) & (self.unit_id is not None))
        return or_(false(), *may)

    def _as_office(self, kind: str, facts: Facts) -> frozenset[str]:
        own = Role.OFFICE in self.roles and _region_of(kind, facts) == self.region
        if kind == "region" and not self.is_county:
            return _NONE
        return _OFFICES[kind] if own else _NONE

    def _as_supervisor(self, kind: str, facts: Facts) -> frozenset[str]:
        below = Role.SUPERVISOR in self.roles and _region_of(kind, facts) in self.below
        return _SUPERVISORS.get(kind, _NONE) if below else _NONE

    def _as_head(self, kind: str, facts: Facts) -> frozenset[str]:
        own = Role.HEAD in self.roles and kind == "liaison" and facts["unit"] == self.unit
        return _OFFICES["liaison"] if own else _NONE


async def reach_of(request: web.Request, session: AsyncSession) -> Reach:
    me = person(request)
    unit = await session.get(Unit, me.unit_id) if me.unit_id else None
    region = await session.get(Region, _region_id(me, unit)) if _region_id(me, unit) else None
    below = select(Region.code).where(Region.id.in_(regions_below(region.id if region else None)))
    home = await session.get(Region, unit.region_id) if unit else None
    return Reach(
        roles=me.roles,
        region=region.code if region else "",
        is_county=region is not None and region.level == RegionLevel.COUNTY,
        below=frozenset(await session.scalars(below)),
        unit=f"{home.code}/{unit.code}" if home and unit else "",
        region_id=region.id if region else None,
        unit_id=me.unit_id,
    )


def _region_id(me: SignedIn, unit: Unit | None) -> int | None:
    """The region of the person, else of their unit."""
    return me.region_id or (unit.region_id if unit else None)


def _region_of(kind: str, facts: Facts) -> str:
    match kind:
        case "region":
            return str(facts["code"])
        case "liaison":
            return str(facts["unit"]).partition("/")[0]
        case _:
            return str(facts["region"])


def _of_regions(kind: str, regions: Select[int]) -> ColumnElement[bool]:
    match kind:
        case "region":
            return Region.id.in_(regions)
        case "unit":
            return Unit.region_id.in_(regions)
        case "liaison":
            return Liaison.unit_id.in_(select(Unit.id).where(Unit.region_id.in_(regions)))
        case "line":
            return Line.region_id.in_(regions)
        case _:
            return Place.region_id.in_(regions)
