"""Taking returns in (月报填报, M-126, M-127): revisions, who has not filed, and sums for the reports of the level above.

What a centre reports stands beside what the system counted and is never mixed with it: only `summed` adds, and says so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.errors import Conflict, HotlineError
from core.people import User
from core.places import Place, PlaceKind
from core.units import Region
from reports.models import PeriodKind
from reports.returns.models import CentreReturn
from reports.returns.sheet import CENTRE, COUNTS, MONTH, REASON, REGION, Fault, Filled
from reports.revisions import stands
from reports.signed.periods import DUE_WORKDAY, period

SHORTEST_REASON = 5
FIGURES = {
    "K-12": ("finished", "received"),
    "K-14": ("on_spot", "received"),
    "K-13": ("in_time", "due"),
    "K-15": ("used_days", "allowed_days"),
    "K-11": ("rated", "ratable"),
    "K-09": ("satisfied", "rated"),
}
"""Indicator → the two counts of a return that are its numerator and denominator."""
STANDS = stands(CentreReturn.number, CentreReturn.region_id, CentreReturn.centre, CentreReturn.first_on)
"""The latest revision: the one that counts."""


class ReturnsRefused(HotlineError):
    """Rows that cannot be taken in; `faults` says where, and nothing of the file was stored."""

    code = "returns_refused"
    status = 422
    text = "有 {number} 处需要改正，没有导入任何内容。"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = faults
        super().__init__(number=len(faults))


@dataclass(frozen=True)
class Taken:
    new: int
    corrected: int
    unchanged: int


async def take_in(
    session: AsyncSession, clock: Clock, user: User, regions: Mapping[int, Region], rows: Sequence[Filled]
) -> Taken:
    """All of the rows or, with ReturnsRefused, none; `regions` are those this person files for."""
    by_code = {region.code: region for region in regions.values()}
    known = {(place.region_id, place.name) for place in await centres(session, regions)}
    today, faults, added = beijing(clock.now()).date(), [], []
    unchanged = 0
    for row in rows:
        region = by_code.get(row.region)
        last = await _standing(session, region.id, row) if region else None
        wrong = _faults(row, region, known, today, last)
        if wrong or region is None:
            faults += wrong
        elif last is not None and _says_the_same(last, row):
            unchanged += 1
        else:
            added.append(_made(row, region, last, clock.now(), user))
    if faults:
        raise ReturnsRefused(faults)
    session.add_all(added)
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict from None
    for one in added:
        target = f"{regions[one.region_id].code}/{one.centre}:{one.first_on:%Y-%m}:{one.number}"
        await audit.record(
            session, clock, actor=user.username, action="returns.file", target=target, reason=one.reason
        )
    corrected = sum(one.number > 1 for one in added)
    return Taken(len(added) - corrected, corrected, unchanged)


async def standing(
    session: AsyncSession, region_ids: Collection[int], first: date, last: date
) -> Sequence[CentreReturn]:
    """What counts for the months that begin within these days."""
    wanted = select(CentreReturn).where(
        CentreReturn.region_id.in_(region_ids), CentreReturn.first_on >= first, CentreReturn.first_on <= last, STANDS
    )  # fmt: skip
    return (await session.scalars(wanted.order_by(CentreReturn.region_id, CentreReturn.centre))).all()


async def history(
    session: AsyncSession, region_id: int, centre: str, first_on: date
) -> Sequence[CentreReturn]:
    """Every revision of one return, the latest first."""
    wanted = select(CentreReturn).where(
        CentreReturn.region_id == region_id, CentreReturn.centre == centre, CentreReturn.first_on == first_on
    )
    return (await session.scalars(wanted.order_by(CentreReturn.number.desc()))).all()


async def missing(
    session: AsyncSession, region_ids: Collection[int], first: date, last: date
) -> list[tuple[date, str, str]]:
    """(month, region, centre) of each service centre of the directory that has not filed."""
    filed = {
        (one.region_id, one.centre, one.first_on) for one in await standing(session, region_ids, first, last)
    }
    wanted = (
        select(Place.region_id, Region.name, Place.name)
        .join(Region, Region.id == Place.region_id)
        .where(Place.kind == PlaceKind.CENTRE, Place.region_id.in_(region_ids))
    )
    listed = (await session.execute(wanted.order_by(Region.code, Place.name))).all()
    return [
        (month, region, centre)
        for month in months(first, last)
        for region_id, region, centre in listed
        if (region_id, centre, month) not in filed
    ]


async def centres(session: AsyncSession, region_ids: Iterable[int]) -> Sequence[Place]:
    """Places that may file: halls, branch halls and service centres."""
    wanted = select(Place).where(Place.region_id.in_(list(region_ids)), Place.kind != PlaceKind.AGENT)
    return (await session.scalars(wanted.order_by(Place.region_id, Place.kind, Place.name))).all()


async def due_on(session: AsyncSession, month: date, region: str) -> date:
    """The day by which a month's returns must be there (M-127): like the reports themselves."""
    following = period(PeriodKind.MONTH, month).last + timedelta(days=1)
    calendar = await load_calendar(session)
    return calendar.nth_of_month(following.year, following.month, DUE_WORKDAY, region)


def months(first: date, last: date) -> list[date]:
    """The first days of the whole months between two days, both included; empty where they cut a month."""
    if first.day != 1 or period(PeriodKind.MONTH, last).last != last:
        return []
    number = (last.year - first.year) * 12 + last.month - first.month
    return [
        date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1)
        for n in range(number + 1)
    ]


def summed(returns: Iterable[CentreReturn]) -> dict[str, int]:
    """Each count over all of them; `staff` sums too, so it means person-months over several months."""
    sums = dict.fromkeys(COUNTS, 0)
    for one in returns:
        for key in sums:
            sums[key] += getattr(one, key)
    return sums


async def _standing(session: AsyncSession, region_id: int, row: Filled) -> CentreReturn | None:
    known = await history(session, region_id, row.centre, row.first_on)
    return known[0] if known else None


def _faults(
    row: Filled, region: Region | None, known: Collection[tuple[int, str]], today: date, last: CentreReturn | None
) -> list[Fault]:  # fmt: skip
    """What is wrong with a row once the directory, the day and earlier returns are known."""
    found = []
    if region is None:
        found.append(Fault(row.line, REGION, f"{row.region} 不是本级或下级地区的代码"))
    elif last is None and (region.id, row.centre) not in known:
        found.append(
            Fault(row.line, CENTRE, f"{region.name}的办事场所中没有“{row.centre}”，请先在机构目录中登记")
        )
    if period(PeriodKind.MONTH, row.first_on).last >= today:
        found.append(Fault(row.line, MONTH, f"{row.first_on:%Y-%m} 尚未结束"))
    is_changed = last is not None and not _says_the_same(last, row)
    if is_changed and len(row.reason) < SHORTEST_REASON:
        found.append(
            Fault(
                row.line, REASON, f"这个月已经报过，内容有变化的请写明更正理由，至少 {SHORTEST_REASON} 个字"
            )
        )
    return found


def _says_the_same(last: CentreReturn, row: Filled) -> bool:
    return last.state == row.state and all(getattr(last, key) == number for key, number in row.counts.items())


def _made(row: Filled, region: Region, last: CentreReturn | None, now: datetime, user: User) -> CentreReturn:
    return CentreReturn(
        region_id=region.id, centre=row.centre, first_on=row.first_on, number=last.number + 1 if last else 1,
        made_at=now, author_id=user.id, reason=row.reason if last else "", state=row.state, **row.counts,
    )  # fmt: skip
