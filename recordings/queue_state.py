"""How busy a line is right now (排队情况), for pages that have no telephony: one row a line and node, written by its controller.

The public side may run elsewhere and never reaches the controller; the database is what both share.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.db import Base, UtcDateTime

STALE = timedelta(seconds=90)
"""Older than this nobody knows: the controller is away."""


class QueueState(Base):
    __tablename__ = "queue_states"

    line: Mapped[str] = mapped_column(String(20), primary_key=True)
    node: Mapped[str] = mapped_column(String(12), primary_key=True)
    """The system name of whose Asterisk it is: the same line may be answered by several."""
    waiting: Mapped[int]
    """Callers in the queue."""
    seats: Mapped[int]
    """Operators at work: ready, ringing, talking or wrapping up."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Busy:
    waiting: int
    seats: int

    @property
    def text(self) -> str:
        """In the words of a display: 目前无人排队."""
        if not self.seats:
            return "目前没有话务员在岗"
        return f"目前有 {self.waiting} 人排队" if self.waiting else "目前无人排队，来电即接"


async def write(session: AsyncSession, clock: Clock, line: str, busy: Busy, node: str) -> None:
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values = {"waiting": busy.waiting, "seats": busy.seats, "at": clock.now()}
    row = kind.insert(QueueState).values(line=line, node=node, **values)
    await session.execute(row.on_conflict_do_update(index_elements=["line", "node"], set_=values))


async def read(session: AsyncSession, clock: Clock, line: str) -> Busy | None:
    """Over all nodes; None when nobody has written lately."""
    fresh = select(QueueState).where(QueueState.line == line, QueueState.at >= clock.now() - STALE)
    rows = (await session.scalars(fresh)).all()
    return Busy(sum(row.waiting for row in rows), sum(row.seats for row in rows)) if rows else None
