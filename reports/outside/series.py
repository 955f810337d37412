"""Series of figures that other systems report by unit and day (外部数据, M-133 「把煤炭产量纳入…网络监督平台」).

A series comes into being with its first figure; the inspectors of its region set the bounds beyond which a figure
raises a flag on their board.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.bus import publish
from core.clock import Clock, beijing
from core.errors import InvalidInput
from core.units import Region, Unit
from reports.outside.events import OutsideReported
from reports.outside.models import OutsideFigure, OutsideSeries

LONGEST_NAME, LONGEST_MEASURE = 60, 20
LARGEST = 1e12


@dataclass(frozen=True)
class Reported:
    """One figure."""

    name: str
    measure: str
    on: date
    value: float


async def take_in(
    session: AsyncSession, clock: Clock, region: Region, unit: Unit, reported: Reported
) -> tuple[OutsideSeries, OutsideFigure]:
    """Store or correct the unit's figure of the day; raises InvalidInput."""
    if reported.on > beijing(clock.now()).date():
        raise InvalidInput(field="on", reason="不能晚于今天")
    series = await _series(session, region, reported)
    wanted = select(OutsideFigure).where(
        OutsideFigure.series_id == series.id,
        OutsideFigure.unit_id == unit.id,
        OutsideFigure.on == reported.on,
    )
    figure = await session.scalar(wanted) or OutsideFigure(
        series_id=series.id, unit_id=unit.id, on=reported.on
    )
    figure.value, figure.received_at = reported.value, clock.now()
    session.add(figure)
    await session.flush()
    publish(session, OutsideReported(region.id))
    return series, figure


async def series_of(session: AsyncSession, region_id: int | None) -> list[OutsideSeries]:
    """The region's series by name."""
    wanted = select(OutsideSeries).where(OutsideSeries.region_id == region_id).order_by(OutsideSeries.name)
    return list(await session.scalars(wanted))


def set_bounds(session: AsyncSession, series: OutsideSeries, least: str, most: str) -> None:
    """The bounds as typed, empty for none; raises InvalidInput."""
    low, high = _number(least, "下限"), _number(most, "上限")
    if low is not None and high is not None and low > high:
        raise InvalidInput(field="上限", reason="不能小于下限")
    series.least, series.most = low, high
    publish(session, OutsideReported(series.region_id))


def checked(value: float, field: str = "value") -> float:
    """The value, unless it is beyond all measure or none; raises InvalidInput."""
    if not -LARGEST <= value <= LARGEST:
        raise InvalidInput(field=field, reason="数值太大")
    return float(value)


def is_beyond() -> ColumnElement[bool]:
    """The condition on a figure with its series joined: it raises a flag."""
    value, least, most = OutsideFigure.value, OutsideSeries.least, OutsideSeries.most
    return or_(value < least, value > most)


def is_newest() -> ColumnElement[bool]:
    """The condition on a figure: its unit has reported no later day of the series."""
    later = aliased(OutsideFigure)
    same = (later.series_id == OutsideFigure.series_id) & (later.unit_id == OutsideFigure.unit_id)
    return ~select(later.id).where(same, later.on > OutsideFigure.on).correlate(OutsideFigure).exists()


def flag_of(series: OutsideSeries, value: float) -> str:
    if series.least is not None and value < series.least:
        return "低于下限"
    return "高于上限" if series.most is not None and value > series.most else ""


async def _series(session: AsyncSession, region: Region, reported: Reported) -> OutsideSeries:
    wanted = select(OutsideSeries).where(
        OutsideSeries.region_id == region.id, OutsideSeries.name == reported.name
    )
    series = await session.scalar(wanted)
    if series is None:
        series = OutsideSeries(region_id=region.id, name=reported.name)
        session.add(series)
    series.measure = reported.measure or series.measure or ""
    await session.flush()
    return series


def _number(text: str, label: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        raise InvalidInput(field=label, reason="请填写数字，如 100 或 0.5") from None
    return checked(number, label)
