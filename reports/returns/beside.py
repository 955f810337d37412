"""Reported beside counted (填报与统计并列): the level above sees both and their sum, each under its own name (M-126)."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Region
from reports.counting import figures
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY
from reports.returns.filing import FIGURES, missing, months, standing, summed
from reports.returns.models import CentreReturn
from reports.returns.sheet import COUNTS, STATES

NOTE = "未使用本系统的中心按月填报，未经系统统计，不计入其他各表；合计为两者之和。"


async def beside(
    session: AsyncSession, region_ids: Collection[int], first: date, last: date, counted: Mapping[str, Figure]
) -> dict[str, Any] | None:
    """What was reported for these whole months, as plain JSON; None where they are not whole or nobody has to report."""
    if not months(first, last):
        return None
    returns = await standing(session, region_ids, first, last)
    lacking = await missing(session, region_ids, first, last)
    if not returns and not lacking:
        return None
    names = {r.id: r.name for r in await session.scalars(select(Region).where(Region.id.in_(region_ids)))}
    return {
        "note": NOTE,
        "centres": [_centre(one, names[one.region_id]) for one in returns],
        "missing": [[f"{month:%Y-%m}", region, centre] for month, region, centre in lacking],
        "sums": _sums(summed(returns), counted),
    }


def _centre(one: CentreReturn, region: str) -> dict[str, Any]:
    kept = {
        "region": region,
        "centre": one.centre,
        "month": f"{one.first_on:%Y-%m}",
        "state": STATES[one.state],
    }
    return kept | {"number": one.number, **{key: getattr(one, key) for key in COUNTS}}


def _sums(reported: Mapping[str, int], counted: Mapping[str, Figure]) -> list[dict[str, str]]:
    """受理 and the efficiency figures: counted, reported, both."""
    taken = counted["K-12"].denominator
    lines = [_line("受理件数", str(taken), str(reported["received"]), str(taken + reported["received"]))]
    for key, (above, below) in FIGURES.items():
        ours, indicator = counted[key], BY_KEY[key]
        theirs = figures.figure_of(indicator, reported[above], reported[below])
        both = figures.figure_of(
            indicator, ours.numerator + theirs.numerator, ours.denominator + theirs.denominator
        )
        lines.append(_line(indicator.name, *(_said(one) for one in (ours, theirs, both))))
    return lines


def _line(name: str, counted: str, reported: str, together: str) -> dict[str, str]:
    return {"name": name, "counted": counted, "reported": reported, "together": together}


def _said(one: Figure) -> str:
    return f"{one.text}（{one.numerator} ÷ {one.denominator}）" if one.denominator else one.text
