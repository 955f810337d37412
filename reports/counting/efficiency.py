"""The five efficiency figures (五项效能指标, M-126), the targets set for two of them, and the cases that missed (M-128)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import beijing
from core.units import Unit
from reports.counting import figures
from reports.counting.figures import DASH, MISSED, Figure
from reports.counting.slices import Slice
from reports.settings import ReportSettings
from tickets.models import TicketKind

FIVE = ("K-14", "K-13", "K-15", "K-11", "K-09")
"""M-126 「现场办结90%以上,按时办结率100%,实际办理提速87.12%,群众评议率92.72%,满意率100%」"""
LISTED = 50
"""Cases that a shortfall list names."""
COMPLAINT = "投诉"
"""What stands for a complaint's number: that is the inspectors' alone."""


@dataclass(frozen=True)
class Aimed:
    """One of the five with its target, a share; None: it has none."""

    figure: Figure
    target: float | None = None

    @property
    def target_text(self) -> str:
        return DASH if self.target is None else f"{self.target:.2%}"

    @property
    def is_short(self) -> bool:
        """Below the target as it is shown, so that 99.996 % is no shortfall."""
        value = self.figure.value
        return self.target is not None and value is not None and round(value, 4) < self.target

    @property
    def missed(self) -> int:
        return self.figure.denominator - self.figure.numerator


@dataclass(frozen=True)
class Case:
    """One question or step that missed."""

    ticket_no: str
    """Empty: a complaint, of which only the inspectors know more."""
    unit: str
    on: str
    """The day received, or due."""


def aimed(settings: ReportSettings, known: Mapping[str, Figure]) -> list[Aimed]:
    """The five, in their order, of those that are known."""
    targets = {"K-14": settings.on_spot_target, "K-13": settings.in_time_target}
    return [
        Aimed(known[key], targets[key] / 100 if targets.get(key) else None) for key in FIVE if key in known
    ]


async def cases(session: AsyncSession, of: Slice, one: Aimed, most: int = LISTED) -> list[Case]:
    """The first of those that missed the figure, by their time."""
    rows = figures.items(one.figure.indicator, of, MISSED).subquery()
    wanted = select(rows.c.ticket_no, rows.c.ticket_kind, rows.c.at, Unit.name)
    wanted = wanted.outerjoin(Unit, Unit.id == rows.c.unit_id).order_by(rows.c.at, rows.c.id).limit(most)
    return [
        Case("" if kind == TicketKind.COMPLAINT else number, unit or "", f"{beijing(at):%Y-%m-%d}")
        for number, kind, at, unit in await session.execute(wanted)
    ]


async def as_json(session: AsyncSession, of: Slice, found: list[Aimed]) -> list[dict[str, Any]]:
    """Targets and shortfalls as plain JSON, for a report that keeps them; nothing without a target."""
    return [
        {
            "key": one.figure.indicator.key, "name": one.figure.indicator.name, "target": one.target_text, "text": one.figure.text,
            "is_short": one.is_short, "missed": one.missed,
            "cases": [
                [case.ticket_no or COMPLAINT, case.unit, case.on]
                for case in (await cases(session, of, one) if one.is_short else [])
            ],
        }
        for one in found if one.target is not None
    ]  # fmt: skip
