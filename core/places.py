"""Places (办事场所): halls, branch halls, service centres and agents in villages, and what is handled there (M-123).

Holds where something is; who answers the telephone about it is the unit's affair.
"""

from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey
from core.units import Region, Unit


class PlaceKind(StrEnum):
    HALL = "hall"
    """政务服务大厅"""
    BRANCH = "branch"
    """分厅 「部门…自办业务大厅列为政务服务大厅的分厅」"""
    CENTRE = "centre"
    """便民服务中心"""
    AGENT = "agent"
    """代办点 「便民服务代办点,或确定一名便民服务代办员」"""


class Place(Base):
    __tablename__ = "places"
    __table_args__ = (UniqueConstraint("region_id", "name"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[PlaceKind] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(200), default="")
    hours_text: Mapped[str] = mapped_column(String(200), default="")
    phone: Mapped[str] = mapped_column(String(32), default="")
    contact: Mapped[str] = mapped_column(String(40), default="")
    """Who is there; of an agent's place the agent (代办员), told to the caller (M-131)."""

    region: Mapped[Region] = relationship()
    units: Mapped[list[Unit]] = relationship(secondary="place_units", order_by=Unit.code)
    services: Mapped[list["Service"]] = relationship(back_populates="place", order_by="Service.name")


class PlaceUnit(Base):
    """A unit has a window at a place (进驻)."""

    __tablename__ = "place_units"

    place_id: Mapped[int] = mapped_column(ForeignKey("places.id", ondelete="CASCADE"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True, index=True)


class Service(Base):
    """A service item (事项) and its one place of acceptance in the region: 「一律不得在大厅之外另行受理」."""

    __tablename__ = "services"
    __table_args__ = (UniqueConstraint("region_id", "name"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    name: Mapped[str] = mapped_column(String(80))
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id", ondelete="CASCADE"), index=True)

    place: Mapped[Place] = relationship(back_populates="services")
