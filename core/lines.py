"""Lines (专线): the numbers that are answered, each for one region (M-04 「全省开通16条专线」).

Holds which line exists and how far it is connected; how its calls run is telephony's affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import JSON, ForeignKey, String, Text, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from core.db import Base, PrimaryKey
from core.units import ConnectionState, Region


@dataclass(frozen=True)
class LinesChanged:
    """A line was added, edited or removed: calls are answered by the new table from now on."""


class Line(Base):
    """One number that the trunk delivers, and the region that answers it."""

    __tablename__ = "lines"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    """The called number exactly as the trunk delivers it: `96128`, or with an area code, `087296128`."""
    name: Mapped[str] = mapped_column(String(60))
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), index=True)
    state: Mapped[ConnectionState] = mapped_column(String(20), default=ConnectionState.LIVE)
    """M-07 「开通试运行」; a line that is not connected answers nothing."""
    capacity: Mapped[int | None]
    """Calls at once (M-13); None: no bound of its own."""
    menu: Mapped[str] = mapped_column(String(20), default="")
    """Node of the menu tree where its calls begin, e.g. `C` for a number for complaints; empty: the usual start."""
    greeting: Mapped[str] = mapped_column(Text, default="")
    """Said instead of the standard welcome; it must tell that the call is recorded. Empty: the standard one."""
    languages: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """Offered by key before the queue, in this order, after Mandarin; codes of `core.languages`."""
    language: Mapped[str] = mapped_column(String(12), default="", server_default="")
    """All its callers are served in this one, without asking; empty: Mandarin, or as chosen."""
    overflow_region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    """Whose operators help out when the wait or the queue grows too long; empty: nobody's."""
    overflow_wait_s: Mapped[int] = mapped_column(default=60)
    """A caller who has waited so long is offered to them as well."""
    overflow_length: Mapped[int] = mapped_column(default=5)
    """With more callers than this waiting on the line, all but the first so many are offered to them at once."""

    region: Mapped[Region] = relationship(foreign_keys=[region_id])


async def every_line(session: AsyncSession) -> Sequence[Line]:
    """All lines with their regions, in the order of their numbers."""
    query = select(Line).options(selectinload(Line.region))
    return (await session.scalars(query.order_by(Line.number))).all()


async def connected_lines(session: AsyncSession) -> Sequence[Line]:
    """The lines that answer."""
    return [line for line in await every_line(session) if line.state != ConnectionState.NOT_CONNECTED]
