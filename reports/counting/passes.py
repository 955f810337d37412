"""Many sums in few statements (合并计算): indicators that count the same rows by the same instant are worked out together.

A row's conditions and amounts are worked out once each, in an inner query that the engine may not dissolve; the outer
one only adds. What a row is and which rows count stays where it is defined, in `indicators` and `sources`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CTE,
    Select,
    and_,
    case,
    column,
    func,
    literal,
    literal_column,
    null,
    select,
    table,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from reports.counting.indicators import Indicator, Way
from reports.counting.slices import Slice
from reports.counting.sources import Condition, Source

FEW_REGIONS = 20
"""Up to here an index finds a region's rows; of more the rows are read in the order of time, not region by region."""
_ONE, _NONE = literal(1), literal(0)
_EACH_ROW = table("each_row")
"""The inner query by its name."""


@dataclass
class Found:
    """What one indicator's rows come to."""

    sums: dict[Any, tuple[int, int]] = field(default_factory=dict)
    """(numerator, denominator) by the dimension's values; under None what has no value, or all without a dimension."""
    reached: int | None = None
    """The amount that nine tenths of the whole slice's rows do not exceed, where the indicator asks for it."""

    def add(self, key: Any, above: int, below: int) -> None:
        known = self.sums.get(key, (0, 0))
        self.sums[key] = (known[0] + above, known[1] + below)


@dataclass(frozen=True)
class _Part:
    """What an indicator wants of one source: both sums, or one of them where its rows are apart."""

    indicator: Indicator
    source: Source
    above: bool = True
    below: bool = True


async def sums(
    session: AsyncSession, indicators: Iterable[Indicator], of: Slice, dimension: str = ""
) -> dict[str, Found]:
    """Each indicator's sums by its key; the indicators must have what narrows the slice, and the dimension."""
    parts = [part for one in indicators for part in _parts(one)]
    found = {part.indicator.key: Found() for part in parts}
    for alike in _alike(parts):
        for key, *numbers in await session.execute(_statement(alike, of, dimension)):
            for place, part in enumerate(alike):
                above, below, reached = numbers[3 * place : 3 * place + 3]
                found[part.indicator.key].add(key, int(above), int(below))
                found[part.indicator.key].reached = reached
    return found


def rows(source: Source, of: Slice) -> Select[Any]:
    """The source's rows within the slice."""
    return _within(source, of).where(*source.where)


def one_of_each(one: Indicator, of: Slice) -> Select[Any]:
    """The key of one row for each that are alike: one that meets the condition, where any does."""
    key = one.source.id
    met = func.min(case((one.counted, key)))
    return rows(one.source, of).with_only_columns(func.coalesce(met, func.min(key))).group_by(*one.each)


def _within(source: Source, of: Slice) -> Select[Any]:
    query = select(source.id).select_from(source.tables)
    query = query.where(source.at >= of.since, source.at < of.until)
    if of.region_ids is not None:
        few = len(of.region_ids) <= FEW_REGIONS
        region = source.region if few else func.coalesce(source.region, null())
        query = query.where(region.in_(of.region_ids))
    if of.unit_ids is not None:
        query = query.where(source.unit.in_(of.unit_ids))
    if of.line is not None:
        query = query.where(source.line == of.line)
    if of.person_id is not None:
        query = query.where(source.person == of.person_id)
    return query.params(now=of.now)


def _parts(one: Indicator) -> list[_Part]:
    if one.apart is None:
        return [_Part(one, one.source)]
    return [_Part(one, one.source, above=False), _Part(one, one.apart, below=False)]


def _alike(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Parts of the same tables, instant and dimensions."""
    groups: dict[tuple[int, ...], list[_Part]] = {}
    for part in parts:
        source, each = part.source, part.indicator.each
        columns = (source.tables, source.at, source.region, source.unit, source.line, source.person, each)
        groups.setdefault(tuple(map(id, columns)), []).append(part)
    return list(groups.values())


def _statement(parts: Sequence[_Part], of: Slice, dimension: str) -> Select[Any]:
    """One row for each value of the dimension: the value, then three columns for every part."""
    if parts[0].indicator.each:
        return _once_each(parts[0], of, dimension)
    first = parts[0].source
    common = [one for one in first.where if all(_has(part.source, one) for part in parts)]
    inner = _Inner()
    key = inner.value(getattr(first, dimension) if dimension else _NONE)
    columns = [key if dimension else null()]
    for part in parts:
        own = [inner.holds(one) for one in part.source.where if not any(one is other for other in common)]
        columns += [*_pair(part, own, inner), _reached(part, own, inner)]
    outer = select(*columns).select_from(_EACH_ROW)
    outer = outer.add_cte(inner.around(_within(first, of).where(*common)))
    return outer.group_by(key) if dimension else outer


def _once_each(part: _Part, of: Slice, dimension: str) -> Select[Any]:
    """The same row for an indicator that counts alike rows as one; an inner query puts them together."""
    one, key = part.indicator, getattr(part.source, dimension) if dimension else null()
    met = func.max(case((one.counted, _ONE), else_=_NONE))
    within = [key, *one.each] if dimension else one.each
    alike = rows(part.source, of).with_only_columns(key.label("value"), met.label("met")).group_by(*within)
    found = alike.subquery(_EACH_ROW.name)
    outer = select(found.c.value, func.coalesce(func.sum(found.c.met), 0), func.count(), null()).select_from(
        found
    )
    return outer.group_by(found.c.value)


def _pair(part: _Part, own: list[Condition], inner: "_Inner") -> list[Any]:
    """Numerator and denominator of the rows that meet the source's own conditions."""
    one = part.indicator
    above: Any = _NONE
    below: Any = _NONE
    if part.below:
        below = case((and_(true(), *own), inner.value(one.over)), else_=_NONE)
    if part.above and part.below:
        above = case((and_(inner.holds(one.counted), *own), inner.value(one.amount)), else_=_NONE)
    elif part.above:
        above = case((and_(true(), *own), _ONE), else_=_NONE)
    return [func.coalesce(func.sum(above), 0), func.coalesce(func.sum(below), 0)]


def _reached(part: _Part, own: list[Condition], inner: "_Inner") -> Any:
    """The amount in the place that nine tenths of the rows reach, of the whole slice whatever the dimension."""
    if part.indicator.way is not Way.NINE_TENTHS:
        return null()
    amount, met = inner.value(part.indicator.amount), and_(true(), *own)
    before = select((func.count() * 9 - 1) // 10).select_from(_EACH_ROW).where(met).correlate(None)
    found = select(amount).select_from(_EACH_ROW).where(met).order_by(amount).limit(1).correlate(None)
    return found.offset(before.scalar_subquery()).scalar_subquery()


def _has(source: Source, condition: Condition) -> bool:
    return any(condition is one for one in source.where)


class _Inner:
    """The columns of an inner query, each expression once however often it is wanted."""

    def __init__(self) -> None:
        self._columns: dict[int, Any] = {}

    def value(self, expression: Any) -> Any:
        """The expression as the outer query names it."""
        return self._column(expression, expression)

    def holds(self, condition: Condition) -> Condition:
        """Whether the condition is met: stored as 1 or 0, for engines have no boolean in common."""
        met: Condition = self._column(condition, case((condition, _ONE), else_=_NONE)) == 1
        return met

    def _column(self, key: Any, expression: Any) -> Any:
        label = expression.label(f"c{len(self._columns)}")
        return column(self._columns.setdefault(id(key), label).name)

    def around(self, query: Select[Any]) -> CTE:
        """The inner query; its OFFSET keeps the engines from working every expression out again where it is used.

        Spoken out and in quotes, for PostgreSQL shares work among processes only where it knows that nothing is left out.
        """
        return (
            query.with_only_columns(*self._columns.values()).offset(literal_column("'0'")).cte(_EACH_ROW.name)
        )
