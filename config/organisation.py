"""Regions and units from a TOML file (机构导入): into the database, again and again, by their codes.

The form is that of `config/demo.toml`: tables `[[region]]` and `[[unit]]`. People are accounts: `hotline user add`.
"""

import tomllib
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HotlineError
from core.units import (
    ConnectionState,
    Region,
    RegionLevel,
    ServicePhone,
    SubjectUnit,
    Unit,
    UnitDuty,
    UnitKind,
)

Row = dict[str, Any]


class OrganisationInvalid(HotlineError):
    """The file cannot be taken in; `place` names the row, `reason` what is expected. Nothing was stored."""

    code = "organisation_invalid"
    status = 422
    text = "机构文件{place}有误：{reason}。没有导入任何内容，请改正后重试。"


def read(path: Path) -> dict[str, list[Row]]:
    """The tables of the file; raises OrganisationInvalid."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OrganisationInvalid(place=f" {path.name} ", reason=f"无法读取（{error}）") from error
    if not data.get("region"):
        raise OrganisationInvalid(place=f" {path.name} ", reason="至少要有一个 [[region]]")
    return data


async def take_in(session: AsyncSession, data: dict[str, list[Row]]) -> tuple[int, int]:
    """Create or update every region and unit; returns how many of each the file holds."""
    regions: dict[str, Region] = {}
    for number, row in enumerate(data["region"], start=1):
        regions[row.get("code", "")] = await _named(f"第 {number} 个地区", _region(session, row, regions))
    units: dict[str, Unit] = {}
    for number, row in enumerate(data.get("unit", ()), start=1):
        key = f"{row.get('region')}/{row.get('code')}"
        units[key] = await _named(f"第 {number} 个单位", _unit(session, row, regions, units))
    return len(regions), len(units)


async def _named(place: str, work: Any) -> Any:
    """The result, or the row's place and what was wrong with it."""
    try:
        return await work
    except KeyError as error:
        raise OrganisationInvalid(
            place=place, reason=f"缺少 {error.args[0]}，或引用了文件中没有的代码"
        ) from error
    except ValueError as error:
        raise OrganisationInvalid(place=place, reason=str(error)) from error


async def _region(session: AsyncSession, row: Row, regions: dict[str, Region]) -> Region:
    region = await session.scalar(select(Region).where(Region.code == row["code"])) or Region(
        code=row["code"]
    )
    region.name, region.level = row["name"], RegionLevel(row["level"])
    region.parent_id = regions[row["parent"]].id if "parent" in row else None
    session.add(region)
    await session.flush()
    return region


async def _unit(session: AsyncSession, row: Row, regions: dict[str, Region], units: dict[str, Unit]) -> Unit:
    region, code = regions[row["region"]], row["code"]
    if not (len(code) == 3 and code.isdigit()):
        raise ValueError(f"部门代码 {code} 应为三位数字")
    found = select(Unit).where(Unit.region_id == region.id, Unit.code == code)
    unit = await session.scalar(found) or Unit(region_id=region.id, code=code)
    unit.name, unit.short_name = row["name"], row.get("short_name", "")
    unit.kind = UnitKind(row.get("kind", UnitKind.ADMINISTRATIVE))
    unit.duty = UnitDuty(row.get("duty", UnitDuty.DEPARTMENT))
    unit.state = ConnectionState(row.get("state", ConnectionState.LIVE))
    unit.address, unit.hours_text = row.get("address", ""), row.get("hours", "")
    unit.supervising_unit_id = units[row["supervising"]].id if "supervising" in row else None
    session.add(unit)
    await session.flush()
    await _reach(session, unit, row)
    return unit


async def _reach(session: AsyncSession, unit: Unit, row: Row) -> None:
    """The unit's service phones and menu subjects, as the file has them now."""
    await session.execute(delete(ServicePhone).where(ServicePhone.unit_id == unit.id))
    await session.execute(delete(SubjectUnit).where(SubjectUnit.unit_id == unit.id))
    numbers = enumerate(row.get("phones", ()), start=1)
    session.add_all(ServicePhone(unit_id=unit.id, number=number, position=at) for at, number in numbers)
    subjects = row.get("subjects", ())
    session.add_all(SubjectUnit(region_id=unit.region_id, subject=one, unit_id=unit.id) for one in subjects)
    await session.flush()
