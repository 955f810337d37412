"""Whose line this is: the region and the units that the public side asks by default (M-03)."""

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HotlineError, InvalidInput
from core.units import Region, RegionLevel, Unit, UnitDuty, shown_regions

UNIT_CODE = "^[0-9]{3}$"


class NotSetUp(HotlineError):
    """No region is on record."""

    code = "not_set_up"
    status = 503
    text = "还没有导入地区和单位，请联系管理员。"


class UnitNotFound(InvalidInput):
    """No unit of this region has this code."""

    code = "unit_unknown"
    status = 404
    text = "没有找到该地区的这个单位，请核对地区代码和单位代码；不清楚的可以不填，由政府办区分转交。"


async def home_region(session: AsyncSession, code: str = "") -> Region:
    """The shown region with this code (M-05), else the first prefecture, else the first of all; raises NotSetUp."""
    rows = await open_regions(session)
    named = [region for region in rows if region.code == code]
    prefectures = [region for region in rows if region.level == RegionLevel.PREFECTURE]
    for region in (*named, *prefectures, *rows):
        return region
    raise NotSetUp


async def open_regions(session: AsyncSession) -> Sequence[Region]:
    """Every region that citizens see, by code."""
    return (
        await session.scalars(select(Region).where(Region.id.in_(shown_regions())).order_by(Region.code))
    ).all()


async def unit_by_code(session: AsyncSession, region_id: int, code: str) -> Unit:
    """The unit that answers questions under this code; raises UnitNotFound."""
    answering = (Unit.duty == UnitDuty.DEPARTMENT) & Unit.is_active & Unit.region_id.in_(shown_regions())
    wanted = select(Unit).where(Unit.region_id == region_id, Unit.code == code, answering)
    unit = await session.scalar(wanted) if re.fullmatch(UNIT_CODE, code) else None
    if unit is None:
        raise UnitNotFound(field="unit", reason=code)
    return unit
