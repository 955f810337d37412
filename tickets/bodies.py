"""Which unit is meant: the government office, the supervision body, the call centre of a region (§5.3)."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Region, Unit, UnitDuty
from tickets.models import Step, StepResult, Ticket

MOST_LEVELS = 6
OVERSEERS = frozenset({UnitDuty.OFFICE, UnitDuty.INSPECTION})
REPLIES = (StepResult.ON_SPOT, StepResult.REPLIED)
"""Steps that gave a whole reply, not a part of one."""


async def body_of(session: AsyncSession, region_id: int | None, duty: UnitDuty) -> Unit | None:
    """The region's own body with that duty, else the nearest above; none when there is none at all."""
    for _ in range(MOST_LEVELS):
        if region_id is None:
            return None
        of_region = (Unit.region_id == region_id) & (Unit.duty == duty) & Unit.is_active.is_(True)
        if unit := await session.scalar(select(Unit).where(of_region).order_by(Unit.code).limit(1)):
            return unit
        region_id = await _parent_of(session, region_id)
    return None


async def supervision_of(session: AsyncSession, unit: Unit) -> Unit | None:
    """The supervision body of a unit's level and region (M-48), or the one named for it (M-123).

    An office's or a supervision body's is one level up.
    """
    if unit.inspection_unit_id is not None:
        named = await session.get(Unit, unit.inspection_unit_id)
        if named is not None and named.is_active:
            return named
    region_id: int | None = unit.region_id
    if unit.duty in OVERSEERS:
        region_id = await _parent_of(session, unit.region_id)
    return await body_of(session, region_id, UnitDuty.INSPECTION)


async def replying_step(session: AsyncSession, ticket_id: int) -> Step | None:
    """The step that gave the reply; none when an operator answered on the spot."""
    replied = (Step.ticket_id == ticket_id) & Step.result.in_(REPLIES)
    return await session.scalar(select(Step).where(replied).order_by(Step.position.desc()).limit(1))


async def is_within(session: AsyncSession, region_id: int | None, whole_id: int) -> bool:
    """Whether a region is, or lies below, another."""
    for _ in range(MOST_LEVELS):
        if region_id is None or region_id == whole_id:
            return region_id == whole_id
        region_id = await _parent_of(session, region_id)
    return False


async def complaint_handler(
    session: AsyncSession, region_id: int, about: Ticket | None, unit: Unit | None = None
) -> Unit | None:
    """Who handles a complaint: by the unit that replied or is complained about, else by the region (M-48, M-50, M-116)."""
    step = await replying_step(session, about.id) if about else None
    if step is not None and step.unit_id is not None:
        return await supervision_of(session, await session.get_one(Unit, step.unit_id))
    if unit is not None:
        return await supervision_of(session, unit)
    return await body_of(session, about.region_id if about else region_id, UnitDuty.INSPECTION)


async def _parent_of(session: AsyncSession, region_id: int) -> int | None:
    return await session.scalar(select(Region.parent_id).where(Region.id == region_id))
