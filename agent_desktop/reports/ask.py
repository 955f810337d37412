"""What somebody asks for (查询条件): `from`, `to`, `region`, `unit`, `line`, `person` of an address as a `Slice`.

A unit is written `REGION/CODE` as in the directory, or by its three digits: of the region asked for, else of one's own. What is out of reach
is answered like what does not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports.reach import Reach
from core.clock import Clock, beijing
from core.errors import InvalidInput, NotFound
from core.people import User
from core.units import Region, Unit, regions_below
from core.web.days import read_day_if_any
from reports.counting.slices import Slice, days


class NotInReach(NotFound):
    """No such region, unit, person or period, or not this person's to ask for."""

    text = "{field}：{reason}"


FIELDS = ("from", "to", "region", "unit", "line", "person")
LONGEST_DAYS = 3 * 366
LONGEST_NAME = 40


@dataclass(frozen=True)
class Question:
    """The slice, and its fields as text for forms and links."""

    of: Slice
    first: date
    last: date
    fields: Mapping[str, str]

    def link(self, **changes: str) -> str:
        """The same question with changes, as a query string without empty fields."""
        asked = {**self.fields, **changes}
        return "?" + urlencode({name: text for name, text in asked.items() if text})

    def narrowed(self, **changes: str) -> "Question":
        """For links alone: the same question asked with changes."""
        return replace(self, fields={**self.fields, **changes})


async def question_of(
    session: AsyncSession, clock: Clock, reach: Reach, query: Mapping[str, str]
) -> Question:
    """Without dates this month up to today; raises InvalidInput for what cannot be meant, NotInReach for what is not there."""
    today = beijing(clock.now()).date()
    last = read_day_if_any(query.get("to", ""), "截止日期") or today
    first = read_day_if_any(query.get("from", ""), "起始日期") or last.replace(day=1)
    if first > last or (last - first).days > LONGEST_DAYS:
        raise InvalidInput(field="日期", reason="起始日期不能晚于截止日期，且最多查询三年")
    since, until = days(first, last)
    asked = {name: query.get(name, "").strip() for name in FIELDS}
    if any(len(text) > LONGEST_NAME for text in asked.values()):
        raise InvalidInput(field="查询条件", reason=f"每项不超过 {LONGEST_NAME} 个字")
    of = Slice(
        since, until, clock.now(),
        region_ids=await _regions(session, reach, asked["region"]),
        unit_ids=_units(reach, asked["unit"], asked["region"]),
        line=asked["line"] or None,
        person_id=await _person(session, reach, asked["person"]),
    )  # fmt: skip
    return Question(of, first, last, asked | {"from": first.isoformat(), "to": last.isoformat()})


def periods(today: date) -> dict[str, tuple[date, date]]:
    """The periods that people ask for most."""
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1)
    return {
        "本月": (month, today),
        "上月": (before.replace(day=1), before),
        "本季度": (quarter, today),
        "今年": (today.replace(month=1, day=1), today),
    }


def unit_name(reach: Reach, unit: Unit) -> str:
    """`532900/101`, as `unit` of an address."""
    return f"{reach.regions[unit.region_id].code}/{unit.code}"


async def _regions(session: AsyncSession, reach: Reach, code: str) -> frozenset[int] | None:
    if not code:
        return frozenset(reach.regions) if reach.by_region else None
    found = next((region for region in reach.regions.values() if region.code == code), None)
    if found is None or not reach.by_region:
        raise NotInReach(field="地区", reason="请从列表中选择")
    below = frozenset(await session.scalars(regions_below(found.id)))
    return below & frozenset(reach.regions)


def _units(reach: Reach, name: str, region: str) -> frozenset[int] | None:
    if not name:
        return frozenset(reach.units) if reach.units and not reach.by_region else None
    found = [unit for unit in reach.units.values() if name in (unit.code, unit_name(reach, unit))]
    if len(found) > 1:  # the same three digits in several regions: the one asked for, else the person's own
        found = [unit for unit in found if _is_nearest(reach.regions, unit, region)]
    if len(found) != 1:
        raise NotInReach(field="单位", reason="请从列表中选择，或写成“地区代码/单位代码”")
    return frozenset(unit.id for unit in found)


def _is_nearest(regions: Mapping[int, Region], unit: Unit, asked: str) -> bool:
    region = regions[unit.region_id]
    return region.code == asked if asked else region.parent_id not in regions


async def _person(session: AsyncSession, reach: Reach, username: str) -> int | None:
    if reach.person_id is not None or not username:
        return reach.person_id
    user = await session.scalar(select(User).where(User.username == username))
    if user is None or not (
        user.unit_id in reach.units or (reach.by_region and user.region_id in reach.regions)
    ):
        raise NotInReach(field="人员", reason="没有这个账号，请填写用户名")
    return user.id
