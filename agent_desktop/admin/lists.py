"""The directory's lists (机构目录): regions, units, liaisons, lines and places, each with what people look for."""

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import contains_eager, selectinload

from core.lines import Line
from core.organisation.tables import DUTIES, KINDS, LEVELS, PLACES, STATES
from core.people import User
from core.places import Place, Service
from core.units import ConnectionState, Liaison, Region, Unit
from core.web.lists import Column, Filter, Table

_TONES = {ConnectionState.NOT_CONNECTED: "bad", ConnectionState.TRIAL: "warn", ConnectionState.LIVE: "ok"}


def _edit(kind: str, key: str) -> str:
    return f"/admin/directory/{kind}/edit?key={key}"


def _options(names: Any) -> dict[str, str]:
    return {str(value): name for value, name in names.items()}


def _like(text: str, *columns: Any) -> Any:
    return or_(*(column.contains(text, autoescape=True) for column in columns))


REGIONS = Table(
    "regions", "地区",
    columns=(
        Column("name", "名称", lambda row: row.name, sort=Region.name, href=lambda row: _edit("region", row.code)),
        Column("code", "代码", lambda row: row.code, sort=Region.code),
        Column("level", "级别", lambda row: LEVELS[row.level], sort=Region.level),
        Column("parent", "上级", lambda row: row.parent.name if row.parent else ""),
        Column("townships", "推行乡级", lambda row: "已推行" if row.townships_on else "", tone=lambda _: "ok"),
    ),
    filters=(
        Filter("q", "名称或代码", lambda text: _like(text, Region.name, Region.code)),
        Filter("level", "级别", lambda value: Region.level == value, _options(LEVELS)),
    ),
    sort="code", tie=Region.id,
)  # fmt: skip
UNITS = Table(
    "units", "单位",
    columns=(
        Column("name", "名称", lambda row: row.name, sort=Unit.name, href=lambda row: _edit("unit", f"{row.region.code}/{row.code}")),
        Column("code", "代码", lambda row: row.code, sort=Unit.code),
        Column("region", "地区", lambda row: row.region.name, sort=Region.code),
        Column("kind", "类别", lambda row: KINDS[row.kind], sort=Unit.kind),
        Column("duty", "职能", lambda row: "" if row.duty == "department" else DUTIES[row.duty], tone=lambda _: "info"),
        Column("phones", "服务电话", lambda row: "、".join(phone.number for phone in row.phones)),
        Column("state", "接入状态", lambda row: STATES[row.state] if row.is_active else "停用", sort=Unit.state, tone=lambda row: _TONES[row.state] if row.is_active else ""),
    ),
    filters=(
        Filter("q", "名称、简称或代码", lambda text: _like(text, Unit.name, Unit.short_name) | (Unit.code == text)),
        Filter("region", "地区", lambda text: _like(text, Region.name) | (Region.code == text)),
        Filter("kind", "类别", lambda value: Unit.kind == value, _options(KINDS)),
        Filter("duty", "职能", lambda value: Unit.duty == value, _options(DUTIES)),
        Filter("state", "接入状态", lambda value: Unit.state == value, _options(STATES)),
    ),
    sort="region", tie=Unit.code,
)  # fmt: skip
LIAISONS = Table(
    "liaisons", "联络员",
    columns=(
        Column("name", "姓名", lambda row: row[1].display_name, sort=User.display_name,
               href=lambda row: _edit("liaison", f"{row[3].code}/{row[2].code}/{row[1].username}")),
        Column("unit", "单位", lambda row: row[2].name, sort=Unit.code),
        Column("region", "地区", lambda row: row[3].name, sort=Region.code),
        Column("position", "顺序", lambda row: "先接听" if row[0].position == 1 else f"后备 {row[0].position}", sort=Liaison.position),
        Column("extension", "分机", lambda row: row[1].extension or ""),
        Column("hours", "值守时间", lambda row: row[0].duty_hours),
        Column("leave", "请假", lambda row: "、".join(f"{leave.from_on}~{leave.until_on or ''}" for leave in row[0].leaves), tone=lambda _: "warn"),
    ),
    filters=(
        Filter("q", "姓名或单位", lambda text: _like(text, User.display_name, User.username, Unit.name)),
        Filter("region", "地区", lambda text: _like(text, Region.name) | (Region.code == text)),
    ),
    sort="unit", tie=Liaison.id,
)  # fmt: skip
LINES = Table(
    "lines", "专线",
    columns=(
        Column("number", "号码", lambda row: row.number, sort=Line.number, href=lambda row: _edit("line", row.number)),
        Column("name", "名称", lambda row: row.name, sort=Line.name),
        Column("region", "地区", lambda row: row.region.name, sort=Region.code),
        Column("state", "接入状态", lambda row: STATES[row.state], sort=Line.state, tone=lambda row: _TONES[row.state]),
        Column("capacity", "同时通话数", lambda row: str(row.capacity or "不限"), sort=Line.capacity, number=True),
        Column("menu", "起始菜单", lambda row: row.menu),
    ),
    filters=(
        Filter("q", "号码、名称或地区", lambda text: _like(text, Line.number, Line.name, Region.name)),
        Filter("state", "接入状态", lambda value: Line.state == value, _options(STATES)),
    ),
    sort="number", tie=Line.id,
)  # fmt: skip
PLACE_LIST = Table(
    "places", "办事场所",
    columns=(
        Column("name", "名称", lambda row: row.name, sort=Place.name, href=lambda row: _edit("place", f"{row.region.code}/{row.name}")),
        Column("kind", "类别", lambda row: PLACES[row.kind], sort=Place.kind),
        Column("region", "地区", lambda row: row.region.name, sort=Region.code),
        Column("address", "地址", lambda row: row.address),
        Column("hours", "办公时间", lambda row: row.hours_text),
        Column("contact", "联系人", lambda row: row.contact),
        Column("services", "受理事项", lambda row: "、".join(service.name for service in row.services)),
    ),
    filters=(
        Filter("q", "名称、地址或事项", lambda text: _like(text, Place.name, Place.address) | Place.services.any(Service.name.contains(text, autoescape=True))),
        Filter("kind", "类别", lambda value: Place.kind == value, _options(PLACES)),
    ),
    sort="region", tie=Place.id,
)  # fmt: skip
_UNITS = select(Unit).join(Unit.region).options(contains_eager(Unit.region), selectinload(Unit.phones))
LISTS: dict[str, tuple[Table, Any]] = {
    "region": (REGIONS, select(Region).options(selectinload(Region.parent))),
    "unit": (UNITS, _UNITS),
    "liaison": (
        LIAISONS,
        select(Liaison, User, Unit, Region)
        .join(User, User.id == Liaison.user_id)
        .join(Unit, Unit.id == Liaison.unit_id)
        .join(Region, Region.id == Unit.region_id),
    ),
    "line": (LINES, select(Line).join(Line.region).options(contains_eager(Line.region))),
    "place": (
        PLACE_LIST,
        select(Place).join(Place.region).options(contains_eager(Place.region), selectinload(Place.services)),
    ),
}
"""Kind → its list and the SELECT of its rows."""
