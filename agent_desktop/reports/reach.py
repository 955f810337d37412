"""Whose figures a person may see (报表权限, §5.9): the widest of the roles counts.

政府办 reads its level and what lies below, the supervisor likewise, 监察 its own level only, a unit itself and the
bodies it supervises, an operator nobody's but their own.
"""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket.page import who_asks
from core.errors import NotFound
from core.people import Role, User
from core.units import Region, Unit, regions_below
from tickets.access import own_units, subordinates

LEVELS = frozenset({Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR})
"""Who reads what a whole level has done."""
READERS = frozenset({Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR})


@dataclass(frozen=True)
class Reach:
    """Exactly one of the three narrows; `units` and `regions` are offered for choice."""

    regions: dict[int, Region]
    units: dict[int, Unit]
    person_id: int | None = None
    by_region: bool = False
    sees_complaints: bool = False


async def reach_of(request: web.Request, session: AsyncSession) -> Reach:
    user = await who_asks(session, request)
    if user.roles & LEVELS:
        return await _of_regions(session, user)
    if user.roles & {Role.HEAD, Role.LIAISON}:
        wanted = select(Unit).where(Unit.id.in_(own_units(user)))
        units = {unit.id: unit for unit in await session.scalars(wanted)}
        if Role.HEAD in user.roles:
            below = select(Unit).where(Unit.id.in_(subordinates(user)))
            units |= {unit.id: unit for unit in await session.scalars(below.order_by(Unit.code))}
        return Reach(await _regions_of(session, units), units)
    return Reach({}, {}, person_id=user.id)


async def own_region(session: AsyncSession, user: User) -> Region:
    """Where the person's office is; raises NotFound for somebody of no region."""
    region = await session.get(Region, user.region_id) if user.region_id else None
    if region is None:
        raise NotFound
    return region


async def _of_regions(session: AsyncSession, user: User) -> Reach:
    own = user.region_id
    if own is None and user.unit_id is not None:
        own = (await session.get_one(Unit, user.unit_id)).region_id
    wanted = select(Region).order_by(Region.code)
    if user.roles & {Role.OFFICE, Role.SUPERVISOR}:
        wanted = wanted.where(Region.id.in_(regions_below(own)))
    else:
        wanted = wanted.where(Region.id == own)
    regions = {region.id: region for region in await session.scalars(wanted)}
    bodies = select(Unit).where(Unit.region_id.in_(regions)).order_by(Unit.region_id, Unit.code)
    units = {unit.id: unit for unit in await session.scalars(bodies)}
    return Reach(regions, units, by_region=True, sees_complaints=Role.INSPECTOR in user.roles)


async def _regions_of(session: AsyncSession, units: dict[int, Unit]) -> dict[int, Region]:
    wanted = select(Region).where(Region.id.in_({unit.region_id for unit in units.values()}))
    return {region.id: region for region in await session.scalars(wanted)}
