"""Lines (专线): the numbers that are answered, each for one region (M-04 「全省开通16条专线」).

Holds which line exists and how far it is connected; how its calls run is telephony's affair.
"""

from collections.abc import Sequence

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from core.db import Base, PrimaryKey
from core.units import ConnectionState, Region


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

    region: Mapped[Region] = relationship()


async def connected_lines(session: AsyncSession) -> Sequence[Line]:
    """The lines that answer, with their regions, in the order of their numbers."""
    query = select(Line).where(Line.state != ConnectionState.NOT_CONNECTED).options(selectinload(Line.region))
    return (await session.scalars(query.order_by(Line.number))).all()
