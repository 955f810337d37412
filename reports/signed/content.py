"""What a report says (报表内容): the figures of a region and period with the rows behind them, as plain JSON.

Written once and kept, so that later events, corrections or new definitions never change what was signed. Rows are
kept as the keys of the things counted, so that a correction can name what came and went.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import provided
from core.units import Region, Unit, UnitDuty, regions_below
from reports.breakdowns import causes
from reports.contractor import report as contractor
from reports.counting import balance, efficiency, figures
from reports.counting.figures import DENOMINATOR, NUMERATOR, Figure
from reports.counting.indicators import BY_KEY, INDICATORS, VERSION
from reports.counting.slices import Slice, days
from reports.models import Report
from reports.returns.beside import beside
from reports.scores import indices, sheets
from reports.scores.sheets import ByUnit
from reports.scores.weights import STANDARD, holding
from reports.settings import ReportSettings
from reports.signed.periods import Period
from reports.training.standing import WORKS_IN, share_of

Content = dict[str, Any]
KEPT_MOST = 50_000
"""Rows kept for one numerator or denominator; of more, only how many there were."""
COMPARED = ("K-07", "K-08", "K-09", "K-12", "K-13", "K-16")
"""What the table of units says."""


async def make(session: AsyncSession, report: Report, now: datetime) -> Content:
    """The content as of now; `report.region` must be loaded."""
    below = frozenset(await session.scalars(regions_below(report.region_id)))
    of = Slice(*days(report.first_on, report.last_on), now, region_ids=below)
    whole, by_unit = await figures.whole_and_parts(session, INDICATORS, of, "unit")
    found = [one for one in whole if one.applies]
    known, rows = {one.indicator.key: one for one in found}, _Rows(session, of)
    weights = await holding(session, report.region, report.last_on)
    settings = provided(session, ReportSettings)
    splits = await balance.splits(session, of)
    return {
        "title": f"{report.region.name}96128政务信息查询专线{period_of(report).name}统计报表",
        "rule_version": VERSION,
        "as_of": now.isoformat(),
        "balance": _counts(await balance.balance(session, of)),
        "splits": {name: [[part.key, _counts(part)] for part in parts] for name, parts in splits.items()},
        "causes": [[one.name, one.made, one.upheld] for one in await causes.by_cause(session, of)],
        "targets": await efficiency.as_json(session, of, efficiency.aimed(settings, known)),
        "indices": [indices.as_json(one) for one in indices.indices(settings, known)],
        "training": (await share_of(session, of, WORKS_IN.in_(below))).in_words,
        "figures": [figures.as_json(one) | {"rows": await rows.of(one)} for one in found],
        "units": await _units(session, by_unit),
        "scores": [
            sheets.as_json(one)
            for one in await sheets.sheets(session, by_unit, weights.weights if weights else STANDARD)
        ],
        "returns": await beside(session, below, report.first_on, report.last_on, known),
        "contractor": await _contractor(session, report.region, of, known),
        "regions": {
            str(r.id): r.name for r in await session.scalars(select(Region).where(Region.id.in_(below)))
        },
        "unit_names": await _unit_names(session, [part.key for part in splits["unit"]]),
    }


async def _unit_names(session: AsyncSession, ids: Iterable[int | None]) -> dict[str, str]:
    units = await session.scalars(select(Unit).where(Unit.id.in_({one for one in ids if one})))
    return {str(unit.id): unit.short_name or unit.name for unit in units}


async def _contractor(
    session: AsyncSession, region: Region, of: Slice, known: Mapping[str, Figure]
) -> dict[str, Any] | None:
    """Of a region that has the call centre."""
    centre = select(Unit.id).where(Unit.region_id == region.id, Unit.duty == UnitDuty.CALL_CENTRE)
    has_centre = await session.scalar(centre.limit(1))
    return await contractor.make(session, region, of, known) if has_centre else None


def period_of(report: Report) -> Period:
    return Period(report.kind, report.first_on, report.last_on)


def changes(old: Content, new: Content) -> list[dict[str, Any]]:
    """The figures that differ: before, after, and the keys of the rows that came and went."""
    before = {one["key"]: one for one in old["figures"]}
    found = []
    for one in new["figures"]:
        was = before.get(one["key"])
        if was is None or (was["numerator"], was["denominator"]) != (one["numerator"], one["denominator"]):
            found.append(
                {"name": one["name"], "before": _short(was), "after": _short(one), "rows": _moved(was, one)}
            )
    return found + _reported_changes(old, new)


def _reported_changes(old: Content, new: Content) -> list[dict[str, Any]]:
    """Sums with reported counts that differ (more returns, or corrected ones)."""
    before = {one["name"]: one["together"] for one in (old.get("returns") or {}).get("sums", [])}
    return [
        {"name": f"{one['name']}（含填报）", "before": before.get(one["name"], figures.DASH), "after": one["together"],
         "rows": None}
        for one in (new.get("returns") or {}).get("sums", [])
        if before.get(one["name"]) != one["together"]
    ]  # fmt: skip


def _short(one: dict[str, Any] | None) -> str:
    return f"{one['text']}（{one['above']} ÷ {one['below']}）" if one else figures.DASH


def _moved(was: dict[str, Any] | None, one: dict[str, Any]) -> dict[str, int]:
    """How many rows of the denominator came and went."""
    old = set((was["rows"][DENOMINATOR] if was else None) or [])
    new = set(one["rows"][DENOMINATOR] or [])
    return {"came": len(new - old), "went": len(old - new)}


def _counts(one: balance.Balance) -> dict[str, int]:
    names = ("registered", "finished", "open", "void", "out_of_scope")
    return {name: getattr(one, name) for name in names}


class _Rows:
    """The keys of the rows behind numbers; what several indicators count alike is read once."""

    def __init__(self, session: AsyncSession, of: Slice) -> None:
        self._session, self._of = session, of
        self._known: dict[tuple[int, int], list[int] | None] = {}

    async def of(self, one: Figure) -> dict[str, list[int] | None]:
        """By part; None: more than KEPT_MOST."""
        return {part: await self._kept(one, part) for part in (NUMERATOR, DENOMINATOR)}

    async def _kept(self, one: Figure, part: str) -> list[int] | None:
        if (number := one.rows(part)) == 0 or (number or 0) > KEPT_MOST:
            return None if number else []
        key = one.indicator.counting(above=part == NUMERATOR)
        if key not in self._known:
            rows = figures.items(one.indicator, self._of, part).subquery()
            found = await self._session.scalars(select(rows.c.id).order_by(rows.c.id).limit(KEPT_MOST + 1))
            ids = list(found)
            self._known[key] = ids if len(ids) <= KEPT_MOST else None
        return self._known[key]


async def _units(session: AsyncSession, by_key: ByUnit) -> list[dict[str, Any]]:
    """One line for each unit of which there is anything to say."""
    known = {unit_id for key in COMPARED for unit_id in by_key[key]}
    bodies = select(Unit).where(Unit.id.in_(known)).order_by(Unit.region_id, Unit.code)
    return [
        {
            "name": unit.short_name or unit.name,
            "figures": [by_key[key].get(unit.id, Figure(BY_KEY[key])).text for key in COMPARED],
        }
        for unit in await session.scalars(bodies)
    ]
