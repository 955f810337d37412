"""Working indicators out (计算): one statement each, the sums in the database, and the rows behind any sum."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from reports.indicators import Indicator, Show, Way
from reports.slices import Slice
from reports.sources import NOTHING, Source

DASH = "—"
NUMERATOR, DENOMINATOR = "numerator", "denominator"


@dataclass(frozen=True)
class Figure:
    """One indicator's result; `applies` is false where such things have no such dimension."""

    indicator: Indicator
    numerator: int = 0
    denominator: int = 0
    value: float | None = None
    applies: bool = True

    @property
    def text(self) -> str:
        """As people read it; an empty denominator is “—”, never 100 %."""
        return say(self.indicator.show, self.value)


def say(show: Show, value: float | None) -> str:
    """87.12%, 4.5 秒, 92.50 分 or 3."""
    if value is None:
        return DASH
    match show:
        case Show.PERCENT:
            return f"{value:.2%}"
        case Show.SECONDS:
            return f"{value / 1000:.1f} 秒"
        case Show.POINTS:
            return f"{value / 100:.2f} 分"
        case Show.COUNT:
            return f"{value:.0f}"


def number_text(one: Figure, part: str) -> str:
    """A numerator or denominator as people read it: sums of time in seconds, of days in days, everything else counted."""
    number = one.numerator if part == NUMERATOR else one.denominator
    if one.indicator.way is Way.COUNT and part == DENOMINATOR:
        return DASH
    if one.indicator.show is Show.SECONDS and part == NUMERATOR:
        return f"{number / 1000:.1f} 秒"
    if one.indicator.show is Show.POINTS and part == NUMERATOR:
        return f"{number / 100:.2f} 分"
    return f"{number} 日" if one.indicator.way is Way.SAVED else str(number)


async def figure(session: AsyncSession, indicator: Indicator, of: Slice) -> Figure:
    """The indicator over the whole slice."""
    return (await by(session, indicator, of)).get(None, Figure(indicator, applies=_applies(indicator, of)))


async def figures(session: AsyncSession, indicators: Iterable[Indicator], of: Slice) -> list[Figure]:
    return [await figure(session, indicator, of) for indicator in indicators]


async def by(
    session: AsyncSession, indicator: Indicator, of: Slice, dimension: str = ""
) -> dict[Any, Figure]:
    """The indicator for each value of `region`, `unit`, `line` or `person`; without one, the whole under None."""
    if not _applies(indicator, of, dimension):
        return {}
    below = await _sums(session, indicator, indicator.source, of, dimension)
    if indicator.apart is None:
        sums = below
    else:
        above = await _sums(session, indicator, indicator.apart, of, dimension)
        none = (0, 0)
        sums = {key: (above.get(key, none)[1], below.get(key, none)[1]) for key in {*above, *below}}
    found = {key: _figure(indicator, *pair) for key, pair in sums.items()}
    if indicator.way is Way.NINE_TENTHS:
        found = {key: await _nine_tenths(session, one, of, dimension, key) for key, one in found.items()}
    return found


async def _sums(
    session: AsyncSession, indicator: Indicator, source: Source, of: Slice, dimension: str
) -> dict[Any, tuple[int, int]]:
    """(numerator, denominator) by the dimension's values."""
    counted = case((indicator.counted, indicator.amount), else_=0) if indicator.apart is None else 0
    columns = (func.coalesce(func.sum(counted), 0), func.coalesce(func.sum(indicator.over), 0))
    query = rows(source, of).with_only_columns(*columns)
    if not dimension:
        above, below = (await session.execute(query)).one()
        return {None: (int(above), int(below))}
    key = getattr(source, dimension)
    grouped = query.add_columns(key).where(key.is_not(None)).group_by(key)
    return {name: (int(above), int(below)) for above, below, name in await session.execute(grouped)}


def _figure(indicator: Indicator, above: int, below: int) -> Figure:
    if indicator.way is Way.COUNT:
        return Figure(indicator, above, below, float(above))
    if not below:
        return Figure(indicator, above, below)
    share = above / below
    return Figure(indicator, above, below, 1 - share if indicator.way is Way.SAVED else share)


async def _nine_tenths(session: AsyncSession, one: Figure, of: Slice, dimension: str, key: Any) -> Figure:
    """The value at the place that nine tenths of the rows reach (nearest rank)."""
    if not one.denominator:
        return one
    source = one.indicator.source
    query = rows(source, of).with_only_columns(one.indicator.amount)
    if dimension:
        query = query.where(getattr(source, dimension) == key)
    place = -(-one.denominator * 9 // 10) - 1
    amount = await session.scalar(query.order_by(one.indicator.amount).offset(place).limit(1))
    return Figure(one.indicator, one.numerator, one.denominator, float(amount or 0))


def items(indicator: Indicator, of: Slice, part: str = DENOMINATOR) -> Select[Any]:
    """The rows that the numerator or the denominator counts: at, linkedid, ticket_no, ticket_kind, unit_id, person_id, amount.

    Exactly as many as the number says, where it counts rows rather than sums an amount.
    """
    above = part == NUMERATOR
    source = indicator.apart if above and indicator.apart else indicator.source
    query = rows(source, of).with_only_columns(
        source.id.label("id"),
        source.at.label("at"),
        source.linkedid.label("linkedid"),
        source.ticket_no.label("ticket_no"),
        source.ticket_kind.label("ticket_kind"),
        _or_null(source.unit).label("unit_id"),
        _or_null(source.person).label("person_id"),
        (_or_null(None) if source is indicator.apart else indicator.amount).label("amount"),
    )
    return query.where(indicator.counted) if above and source is indicator.source else query


def _or_null(column: Any) -> Any:
    return cast(NOTHING, BigInteger) if column is None else column


def rows(source: Source, of: Slice) -> Select[Any]:
    """The source's rows within the slice."""
    query = select(source.id).select_from(source.tables).where(*source.where)
    query = query.where(source.at >= of.since, source.at < of.until)
    if of.region_ids is not None:
        query = query.where(source.region.in_(of.region_ids))
    if of.unit_ids is not None:
        query = query.where(source.unit.in_(of.unit_ids))
    if of.line is not None:
        query = query.where(source.line == of.line)
    if of.person_id is not None:
        query = query.where(source.person == of.person_id)
    return query.params(now=of.now)


def _applies(indicator: Indicator, of: Slice, dimension: str = "") -> bool:
    """Whether everything counted has the dimensions asked for: nobody judges a unit by the operators' queue."""
    wanted = of.narrowed | ({dimension} if dimension else frozenset())
    counted = [indicator.source, *([indicator.apart] if indicator.apart else [])]
    return all(getattr(source, name) is not None for source in counted for name in wanted)
