"""Working indicators out (计算): what their sums come to, how people read it, and the rows behind any sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, case, cast
from sqlalchemy.ext.asyncio import AsyncSession

from reports.counting import passes
from reports.counting.indicators import EVERY, ONE, Indicator, Show, Way
from reports.counting.passes import Found, rows
from reports.counting.slices import Slice
from reports.counting.sources import NOTHING

DASH = "—"
NUMERATOR, DENOMINATOR, MISSED = "numerator", "denominator", "missed"
"""The parts of a figure that have rows; missed: in the denominator and not in the numerator."""


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

    def rows(self, part: str) -> int | None:
        """How many rows stand behind the numerator or denominator; None where it sums an amount and nobody counted."""
        one = self.indicator
        if part == MISSED:
            return self.denominator - self.numerator if one.misses else None
        if part == NUMERATOR and one.amount is ONE:
            return self.numerator
        counts_all = one.over is ONE and (part == DENOMINATOR or one.counted is EVERY)
        return self.denominator if counts_all else None


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


def as_json(one: Figure) -> dict[str, Any]:
    """The figure as plain JSON, with its numbers as people read them."""
    indicator = one.indicator
    return {
        "key": indicator.key, "name": indicator.name, "group": indicator.group, "rule": indicator.rule,
        "version": indicator.version, "numerator": one.numerator, "denominator": one.denominator,
        "value": one.value, "text": one.text,
        "above": number_text(one, NUMERATOR), "below": number_text(one, DENOMINATOR),
    }  # fmt: skip


async def figure(session: AsyncSession, indicator: Indicator, of: Slice) -> Figure:
    """The indicator over the whole slice."""
    return (await figures(session, [indicator], of))[0]


async def figures(session: AsyncSession, indicators: Sequence[Indicator], of: Slice) -> list[Figure]:
    found = await table(session, indicators, of)
    return [found[one.key].get(None, Figure(one, applies=_applies(one, of))) for one in indicators]


async def by(session: AsyncSession, indicator: Indicator, of: Slice, dimension: str) -> dict[Any, Figure]:
    """The indicator for each value of `region`, `unit`, `line` or `person`."""
    return (await table(session, [indicator], of, dimension))[indicator.key]


async def table(
    session: AsyncSession, indicators: Sequence[Indicator], of: Slice, dimension: str = ""
) -> dict[str, dict[Any, Figure]]:
    """Key of each indicator → its figure by the dimension's values; without a dimension the whole, under None.

    What nine tenths reach is known of a whole alone: by a dimension such a figure has counts and no value.
    """
    wanted = [one for one in indicators if _applies(one, of, dimension)]
    found = await passes.sums(session, wanted, of, dimension)
    tables: dict[str, dict[Any, Figure]] = {one.key: {} for one in indicators}
    for one in wanted:
        tables[one.key] = _parts(one, found[one.key]) if dimension else {None: _whole(one, found[one.key])}
    return tables


async def whole_and_parts(
    session: AsyncSession, indicators: Sequence[Indicator], of: Slice, dimension: str
) -> tuple[list[Figure], dict[str, dict[Any, Figure]]]:
    """`figures` and `table` in one reading: the whole is the sum of the parts with what has no such value."""
    divided = [one for one in indicators if _applies(one, of, dimension)]
    found = await passes.sums(session, divided, of, dimension)
    whole = {one.key: _whole(one, found[one.key]) for one in divided}
    rest = [one for one in indicators if one.key not in whole]
    whole |= {one.indicator.key: one for one in await figures(session, rest, of)}
    return [whole[one.key] for one in indicators], {one.key: _parts(one, found[one.key]) for one in divided}


def _whole(indicator: Indicator, found: Found) -> Figure:
    above, below = map(sum, zip((0, 0), *found.sums.values(), strict=True))
    return figure_of(indicator, above, below, found.reached)


def _parts(indicator: Indicator, found: Found) -> dict[Any, Figure]:
    return {key: figure_of(indicator, *pair) for key, pair in found.sums.items() if key is not None}


def figure_of(indicator: Indicator, above: int, below: int, reached: int | None = None) -> Figure:
    """What a numerator and a denominator come to, or what nine tenths of the rows reach."""
    if indicator.way is Way.NINE_TENTHS:
        return Figure(indicator, above, below, None if reached is None else float(reached))
    if indicator.way is Way.COUNT:
        return Figure(indicator, above, below, float(above))
    if not below:
        return Figure(indicator, above, below)
    share = above / below
    return Figure(indicator, above, below, 1 - share if indicator.way is Way.SAVED else share)


def items(indicator: Indicator, of: Slice, part: str = DENOMINATOR) -> Select[Any]:
    """The rows that the numerator, the denominator or what misses it counts: at, linkedid, ticket_no, ticket_kind, unit_id, person_id, amount.

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
    if indicator.each:
        query = query.where(source.id.in_(passes.one_of_each(indicator, of)))
    if part == MISSED:
        return query.where(case((indicator.counted, 1), else_=0) == 0)  # a condition that is NULL is not met
    return query.where(indicator.counted) if above and source is indicator.source else query


def _or_null(column: Any) -> Any:
    return cast(NOTHING, BigInteger) if column is None else column


def _applies(indicator: Indicator, of: Slice, dimension: str = "") -> bool:
    """Whether everything counted has the dimensions asked for: nobody judges a unit by the operators' queue."""
    wanted = of.narrowed | ({dimension} if dimension else frozenset())
    counted = [indicator.source, *([indicator.apart] if indicator.apart else [])]
    return all(getattr(source, name) is not None for source in counted for name in wanted)
