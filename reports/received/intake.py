"""Taking in what other hotlines signed (收下外来报表): all of a file or none of it; a correction stands beside what it corrects.

A region that files its reports here has no second ones: what this system counted itself is never replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock, beijing
from core.errors import Conflict
from core.people import User
from core.units import Region
from reports.models import Report
from reports.received.models import ReceivedReport
from reports.received.reading import Fault, Given, read
from reports.revisions import stands

STANDS = stands(
    ReceivedReport.revision, ReceivedReport.region_id, ReceivedReport.kind, ReceivedReport.first_on
)
"""The latest revision: the one that counts."""


class ReportsRefused(Conflict):
    """Reports that contradict themselves, the directory or what is here; `faults` says where, nothing of the file was stored."""

    code = "reports_refused"
    text = "有 {number} 处不能接收，没有收下任何报表。{first}"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = faults
        super().__init__(number=len(faults), first=str(faults[0]))


@dataclass(frozen=True)
class Taken:
    new: int
    unchanged: int


async def take_in(
    session: AsyncSession, clock: Clock, user: User, regions: Mapping[int, Region], body: Any
) -> Taken:
    """Every report of the body or, with ReportsRefused, none; `regions` are those this person receives for."""
    given, faults = read(body)
    by_code = {region.code: region for region in regions.values()}
    added: list[ReceivedReport] = []
    unchanged = 0
    for one in given:
        region = by_code.get(one.region_code)
        known = await _known(session, region.id, one) if region else None
        wrong = await _faults(session, clock, one, region, known)
        if wrong or region is None:
            faults += wrong
        elif known is not None:
            unchanged += 1
        else:
            added.append(_row(clock, user, region, one))
    if faults:
        raise ReportsRefused(sorted(faults, key=lambda fault: fault.place))
    session.add_all(added)
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict from None
    for row in added:
        target = f"{regions[row.region_id].code}:{row.kind}:{row.first_on}:{row.revision}"
        await audit.record(
            session, clock, actor=user.username, action="report.take_in", target=target, reason=row.reason
        )
    return Taken(len(added), unchanged)


async def revisions(session: AsyncSession, one: ReceivedReport) -> Sequence[ReceivedReport]:
    """Every revision of this report, the first first."""
    same = (
        (ReceivedReport.region_id == one.region_id)
        & (ReceivedReport.kind == one.kind)
        & (ReceivedReport.first_on == one.first_on)
    )
    return (await session.scalars(select(ReceivedReport).where(same).order_by(ReceivedReport.revision))).all()


async def _known(session: AsyncSession, region_id: int, one: Given) -> ReceivedReport | None:
    """The same revision, if it has come before."""
    return await session.scalar(
        select(ReceivedReport).where(
            ReceivedReport.region_id == region_id, ReceivedReport.kind == one.kind,
            ReceivedReport.first_on == one.first_on, ReceivedReport.revision == one.revision,
        )
    )  # fmt: skip


async def _faults(
    session: AsyncSession, clock: Clock, one: Given, region: Region | None, known: ReceivedReport | None
) -> list[Fault]:
    if region is None:
        return [Fault(one.place, "region_code", "机构目录中没有这个地区，或不属于本级和下级")]
    own = (Report.region_id == region.id) & (Report.kind == one.kind) & (Report.first_on == one.first_on)
    if await session.scalar(select(Report.id).where(own, Report.signed_at.is_not(None)).limit(1)):
        return [Fault(one.place, "region_code", "该地区这一时期的报表已在本系统签发")]
    if one.signed_at > clock.now() or one.last_on >= beijing(clock.now()).date():
        return [Fault(one.place, "signed_at", "不能晚于现在")]
    if known is not None and not _says_the_same(known, one):
        return [Fault(one.place, "revision", f"第 {one.revision} 版已经收过，内容不同；更正须另出一版")]
    return []


def _says_the_same(known: ReceivedReport, one: Given) -> bool:
    names = ("last_on", "reason", "signed_at", "rule_version", "counts", "figures")
    return all(getattr(known, name) == getattr(one, name) for name in names)


def _row(clock: Clock, user: User, region: Region, one: Given) -> ReceivedReport:
    row = ReceivedReport(
        region_id=region.id, kind=one.kind, first_on=one.first_on, last_on=one.last_on, revision=one.revision,
        reason=one.reason, signed_at=one.signed_at, rule_version=one.rule_version, counts=one.counts,
        figures=one.figures, received_at=clock.now(), receiver_id=user.id,
    )  # fmt: skip
    row.region = region
    return row
