"""The classes of praise and criticism (表扬和通报批评的档次, M-78): which units and regions belong to which.

There is no ranking: whoever meets a class's rule is in it, and its rule stands beside it. Satisfaction judges nobody with
fewer than ten ratings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Region, Unit, regions_below
from reports.counting import figures
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY, Way
from reports.counting.slices import Slice, days
from reports.signed.periods import Period

LEAST_RATED, LEAST_GRADED = 10, 5
SATISFIED, WELL_SERVED, OFTEN_EXTENDED = 0.95, 9_000, 0.10
KEYS = ("K-09", "K-21.unit", "K-16", "K-16.extended", "K-16.unanswered", "K-16.unexplained", "K-18.attitude")
Figures = dict[str, Figure]


@dataclass(frozen=True)
class Class:
    """One class (档) of the list: who is in it, and what is said of them."""

    key: str
    title: str
    praise: bool
    rule: str
    shown: str
    """The indicator whose value stands behind each name and orders them."""
    holds: Callable[[Figures], bool]


def _share(one: Figure) -> float:
    return one.numerator / one.denominator if one.denominator else 0.0


def _is_blameless(of: Figures) -> bool:
    return not (
        of["K-16.unanswered"].numerator or of["K-16.unexplained"].numerator or of["K-18.attitude"].numerator
    )


CLASSES: tuple[Class, ...] = (
    Class(
        "satisfied", "回复效果好", True, "评价满 10 条，答复满意率不低于 95%，且没有逾期未办结、逾期未说明和属实的态度投诉。", "K-09",
        lambda of: of["K-09"].denominator >= LEAST_RATED and _share(of["K-09"]) >= SATISFIED and _is_blameless(of),
    ),
    Class(
        "well_served", "服务质量高", True, "质检满 5 次通话，单位质检得分不低于 90 分，且没有逾期未办结、逾期未说明和属实的态度投诉。", "K-21.unit",
        lambda of: of["K-21.unit"].denominator >= LEAST_GRADED and _share(of["K-21.unit"]) >= WELL_SERVED and _is_blameless(of),
    ),
    Class(
        "extended", "延期较多", False, "批准延期的办理环节超过应办结环节的 10%。", "K-16.extended",
        lambda of: _share(of["K-16.extended"]) > OFTEN_EXTENDED,
    ),
    Class(
        "unanswered", "逾期未回复", False, "期内应办结的环节，逾期至今仍未办结。", "K-16.unanswered",
        lambda of: of["K-16.unanswered"].numerator > 0,
    ),
    Class(
        "attitude", "服务态度恶劣", False, "期内办结的投诉中，服务态度方面查证属实。", "K-18.attitude",
        lambda of: of["K-18.attitude"].numerator > 0,
    ),
)  # fmt: skip
"""M-78 「对回复效果好、服务质量高的部门进行表彰,对延期或未回复、服务态度恶劣的地区及部门进行通报批评」; thresholds [I]."""


def named(classes: Iterable[Mapping[str, Any]], *, praise: bool) -> int:
    """How many units and regions the classes of a list praise, or criticise; each once."""
    return len({entry["name"] for part in classes if part["praise"] == praise for entry in part["entries"]})


async def judge(session: AsyncSession, now: datetime, region_id: int, period: Period) -> list[dict[str, Any]]:
    """Every class with its units, then its regions, each ordered by the figure shown."""
    below = frozenset(await session.scalars(regions_below(region_id)))
    of = Slice(*days(period.first, period.last), now, region_ids=below)
    units = select(Unit.id, Unit.name).where(Unit.region_id.in_(below), Unit.is_active)
    regions = select(Region.id, Region.name).where(Region.id.in_(below - {region_id}))
    judged = [
        *await _judged(session, of, "unit", {key: name for key, name in await session.execute(units)}),  # noqa: C416
        *await _judged(session, of, "region", {key: name for key, name in await session.execute(regions)}),  # noqa: C416
    ]
    return [
        {
            "key": one.key,
            "title": one.title,
            "praise": one.praise,
            "rule": one.rule,
            "entries": _entries(one, judged),
        }
        for one in CLASSES
    ]


async def _judged(
    session: AsyncSession, of: Slice, dimension: str, names: dict[int, str]
) -> list[tuple[str, str, Figures]]:
    """(kind, name, figures) of everybody named."""
    found = await figures.table(session, [BY_KEY[key] for key in KEYS], of, dimension)
    none = {key: Figure(BY_KEY[key]) for key in KEYS}
    return [
        (dimension, name, {key: found[key].get(one, none[key]) for key in KEYS})
        for one, name in names.items()
    ]


def _entries(one: Class, judged: Sequence[tuple[str, str, Figures]]) -> list[dict[str, str]]:
    """The best first of those praised, the worst first of those criticised."""
    named = [(kind, name, of[one.shown]) for kind, name, of in judged if one.holds(of)]
    named.sort(key=lambda entry: (entry[0] == "region", -(entry[2].value or 0), entry[1]))
    return [{"kind": kind, "name": name, "text": _said(figure)} for kind, name, figure in named]


def _said(one: Figure) -> str:
    """A count of cases for what is criticised, the figure itself for what is praised."""
    if one.indicator.way is Way.COUNT:
        return f"{one.numerator} 件"
    return f"{one.numerator} 件，占 {one.text}" if not one.indicator.higher_is_better else one.text
