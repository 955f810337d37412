"""The office's panel on a ticket's page: to which unit of the level, or to which office one level up or down (M-40, M-45)."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket.panels import Case, add_panel
from core.people import Role
from core.units import Region, Unit, UnitDuty, shown_regions
from tickets.models import RequestKind, State, StepRequest, StepResult


async def dispatching(case: Case) -> Mapping[str, Any] | None:
    """For the people of the office that holds the ticket, while nothing waits for a colleague's decision."""
    step = case.open_step
    if case.ticket.state != State.DISPATCH or step is None or step.unit_id != case.user.unit_id:
        return None
    assert step.unit is not None
    return {
        "units": await _units(case.session, step.unit),
        "declined": {one.unit_id for one in case.steps if one.result == StepResult.FORWARDED},
        "offices": await _adjacent_offices(case.session, step.unit),
        "is_waiting": await _waits(case.session, step.id),
    }


async def _units(session: AsyncSession, office: Unit) -> list[Unit]:
    own_level = select(Unit).where(
        Unit.region_id == office.region_id, Unit.id != office.id, Unit.is_active.is_(True),
        Unit.duty.in_([UnitDuty.DEPARTMENT, UnitDuty.CALL_CENTRE]),
    )  # fmt: skip
    return list((await session.scalars(own_level.order_by(Unit.code))).all())


async def _adjacent_offices(session: AsyncSession, office: Unit) -> list[Unit]:
    """The office above first, then those below; townships only where their county wants them (M-05)."""
    own = await session.get_one(Region, office.region_id)
    adjacent = or_(Region.id == own.parent_id, Region.parent_id == own.id)
    offices = select(Unit).join(Region, Region.id == Unit.region_id)
    offices = offices.where(adjacent, Unit.duty == UnitDuty.OFFICE, Unit.is_active.is_(True))
    below = (Region.parent_id == own.id).label("is_below")
    shown = offices.where(Region.id.in_(shown_regions()))
    return list((await session.scalars(shown.order_by(below, Region.code))).all())


async def _waits(session: AsyncSession, step_id: int) -> bool:
    level = (StepRequest.step_id == step_id) & (StepRequest.kind == RequestKind.LEVEL)
    waiting = select(StepRequest.id).where(level, StepRequest.decided_at.is_(None))
    return await session.scalar(waiting) is not None


def setup(app: web.Application) -> None:
    add_panel(app, {Role.OFFICE}, "office/dispatching.html", dispatching)
