"""The tables of what other systems report (外部监督数据, M-120, M-133)."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.units import Unit


class ApprovalItem(Base):
    """One item of administrative approval (行政审批办件), as far as it has come in the system that handles it."""

    __tablename__ = "approval_items"
    __table_args__ = (UniqueConstraint("region_id", "item_no"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    item_no: Mapped[str] = mapped_column(String(40))
    """The other system's number."""
    name: Mapped[str] = mapped_column(String(200))
    accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_on: Mapped[date] = mapped_column(Date)
    warn_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cut_off_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    overdue_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was found overdue and the bell rang; empty again with a new due day."""

    unit: Mapped[Unit] = relationship()
    events: Mapped[list["ApprovalEvent"]] = relationship(order_by="ApprovalEvent.id")


class ApprovalEvent(Base):
    """One thing reported about an item (办理全过程); never changed."""

    __tablename__ = "approval_events"
    __table_args__ = (UniqueConstraint("item_id", "kind", "at", "text"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("approval_items.id"))
    kind: Mapped[str] = mapped_column(String(10))
    """A key of `approvals.KINDS`."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it happened there."""
    text: Mapped[str] = mapped_column(String(200), default="")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OutsideSeries(Base):
    """A named series of figures of one region, and the bounds beyond which it raises a flag."""

    __tablename__ = "outside_series"
    __table_args__ = (UniqueConstraint("region_id", "name"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    name: Mapped[str] = mapped_column(String(60))
    measure: Mapped[str] = mapped_column(String(20), default="")
    """计量单位, such as 吨"""
    least: Mapped[float | None]
    most: Mapped[float | None]


class OutsideFigure(Base):
    """The figure of one unit on one day; reported anew, it is corrected."""

    __tablename__ = "outside_figures"
    __table_args__ = (UniqueConstraint("series_id", "unit_id", "on"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("outside_series.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    on: Mapped[date] = mapped_column(Date, index=True)
    value: Mapped[float]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
