"""The score sheet of each unit (单位考评表, M-77): visible components, their weighted mean, and the class it falls into.

A component without a denominator is left out, and satisfaction with fewer than ten ratings too; what is left keeps its
weights. A unit of which less than half of the weight can be judged is in no class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Unit, UnitDuty
from reports.counting import figures
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY, Show
from reports.counting.slices import Slice
from reports.signed.classes import LEAST_RATED

ByUnit = Mapping[str, Mapping[int, Figure]]
"""Key of an indicator → unit → its figure."""
CLASSES = (("优秀", 90.0), ("良好", 80.0), ("合格", 60.0), ("待改进", 0.0))
NOT_JUDGED = "不评"
NEEDED = 0.5
"""The share of the whole weight that must be judgeable [I]."""


RATINGS = frozenset({"K-09", "W-02"})
"""What too few ratings say nothing about."""


class Weighed(Protocol):
    """What takes part in a sheet's total; `points` out of 100, None: left out."""

    @property
    def weight(self) -> int: ...
    @property
    def points(self) -> float | None: ...


@dataclass(frozen=True)
class Component:
    """One line of a sheet."""

    figure: Figure
    weight: int
    points: float | None


@dataclass(frozen=True)
class UnitSheet:
    unit_id: int
    name: str
    region_id: int
    components: tuple[Component, ...]

    @property
    def total(self) -> float | None:
        return total_of(self.components)

    @property
    def class_name(self) -> str:
        return class_of(self.total)


def class_of(total: float | None) -> str:
    """The class of the total as it is shown, so that 89.996 is not 90.00 and yet below 90."""
    if total is None:
        return NOT_JUDGED
    return next(name for name, least in CLASSES if round(total, 2) >= least)


def total_of(components: Sequence[Weighed]) -> float | None:
    """The weighted mean of what can be judged, out of 100; None where that is less than NEEDED of the weight."""
    judged = [one for one in components if one.points is not None]
    weight = sum(one.weight for one in judged)
    if weight < NEEDED * sum(one.weight for one in components) or not weight:
        return None
    return sum(one.weight * (one.points or 0.0) for one in judged) / weight


async def of_slice(session: AsyncSession, of: Slice, weights: Mapping[str, int]) -> list[UnitSheet]:
    """The sheets of a slice whose figures nobody has yet."""
    used = [BY_KEY[key] for key, weight in weights.items() if weight]
    return await sheets(session, await figures.table(session, used, of, "unit"), weights)


async def sheets(session: AsyncSession, found: ByUnit, weights: Mapping[str, int]) -> list[UnitSheet]:
    """One sheet for each department of which there is anything to say, by region and code."""
    used = {key: weight for key, weight in weights.items() if weight}
    known = {unit_id for key in used for unit_id in found[key]}
    bodies = select(Unit).where(Unit.id.in_(known), Unit.duty == UnitDuty.DEPARTMENT)
    return [
        UnitSheet(
            unit.id, unit.short_name or unit.name, unit.region_id,
            tuple(component(found[key].get(unit.id, Figure(BY_KEY[key])), weight) for key, weight in used.items()),
        )
        for unit in await session.scalars(bodies.order_by(Unit.region_id, Unit.code))
    ]  # fmt: skip


def as_json(one: UnitSheet) -> dict[str, Any]:
    """The sheet as plain JSON, for a report that keeps it."""
    return {
        "name": one.name, "total": f"{one.total:.2f}" if one.total is not None else figures.DASH, "class": one.class_name,
        "components": [
            {"name": part.figure.indicator.name, "weight": part.weight, "text": part.figure.text,
             "points": points_text(part.points)}
            for part in one.components
        ],
    }  # fmt: skip


def points_text(points: float | None) -> str:
    """92.50, or “—” for what was left out."""
    return figures.DASH if points is None else f"{points:.2f}"


def component(one: Figure, weight: int) -> Component:
    """The figure with its points: a share as points, turned round where less is better; quality is in points already."""
    return Component(one, weight, _points(one))


def _points(one: Figure) -> float | None:
    if one.value is None or (one.indicator.k in RATINGS and one.denominator < LEAST_RATED):
        return None
    if one.indicator.show is Show.POINTS:
        return one.value / 100
    share = one.value if one.indicator.higher_is_better else 1 - one.value
    return min(max(share * 100, 0.0), 100.0)
