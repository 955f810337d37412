"""Regions and units (单位/部门): the tree of who answers for what (M-03, M-08 「各部门分别设…联络员」).

Holds who exists and how they are reached; knows nothing of calls or tickets.
"""

from datetime import date
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey


class RegionLevel(StrEnum):
    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"


class UnitKind(StrEnum):
    ADMINISTRATIVE = "administrative"
    """行政机关"""
    AUTHORISED = "authorised"
    """法律法规授权组织"""
    ENTRUSTED = "entrusted"
    """委托执法单位"""


class UnitDuty(StrEnum):
    DEPARTMENT = "department"
    OFFICE = "office"
    """政府办: dispatches, one per region"""
    INSPECTION = "inspection"
    """监察: complaints, one per region"""
    CALL_CENTRE = "call_centre"


class ConnectionState(StrEnum):
    """M-07 「开通试运行」: how far a line or unit is connected."""

    NOT_CONNECTED = "not_connected"
    TRIAL = "trial"
    LIVE = "live"


class Region(Base):
    __tablename__ = "regions"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    code: Mapped[str] = mapped_column(String(12), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    level: Mapped[RegionLevel] = mapped_column(String(20))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    townships_on: Mapped[bool] = mapped_column(default=False)
    """M-05 「乡级政府是否推行,由各县区政府决定」"""

    parent: Mapped["Region | None"] = relationship(remote_side=[id])


class Unit(Base):
    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("region_id", "code"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), index=True)
    code: Mapped[str] = mapped_column(String(3))
    """Three digits, keyed in the menu; unique within the region."""
    name: Mapped[str] = mapped_column(String(80))
    short_name: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[UnitKind] = mapped_column(String(20), default=UnitKind.ADMINISTRATIVE)
    duty: Mapped[UnitDuty] = mapped_column(String(20), default=UnitDuty.DEPARTMENT)
    supervising_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """M-09 「由其行政主管部门指导、管理和监督」"""
    state: Mapped[ConnectionState] = mapped_column(String(20), default=ConnectionState.LIVE)
    address: Mapped[str] = mapped_column(String(200), default="")
    hours_text: Mapped[str] = mapped_column(String(200), default="")
    is_active: Mapped[bool] = mapped_column(default=True)

    region: Mapped[Region] = relationship()
    phones: Mapped[list["ServicePhone"]] = relationship(
        back_populates="unit", order_by="ServicePhone.position"
    )
    liaisons: Mapped[list["Liaison"]] = relationship(back_populates="unit", order_by="Liaison.position")


class ServicePhone(Base):
    """A unit's published service telephone (服务电话), rung after its liaisons (M-12)."""

    __tablename__ = "service_phones"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    number: Mapped[str] = mapped_column(String(32))
    position: Mapped[int] = mapped_column(default=1)

    unit: Mapped[Unit] = relationship(back_populates="phones")


class Liaison(Base):
    """One person's duty as liaison (联络员) of a unit; position 1 is rung first, then the backups (M-30)."""

    __tablename__ = "liaisons"
    __table_args__ = (UniqueConstraint("unit_id", "user_id"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    position: Mapped[int] = mapped_column(default=1)
    outside_number: Mapped[str] = mapped_column(String(32), default="")
    """Rung when the person has no extension or it is not registered."""
    leave_from_on: Mapped[date | None] = mapped_column(Date)
    leave_until_on: Mapped[date | None] = mapped_column(Date)

    unit: Mapped[Unit] = relationship(back_populates="liaisons")

    def is_on_leave(self, day: date) -> bool:
        return bool(self.leave_from_on and self.leave_from_on <= day <= (self.leave_until_on or date.max))


class SubjectUnit(Base):
    """Which unit answers for a subject of the menu (M-16): `s1` … `s8`, for each region its own."""

    __tablename__ = "subject_units"
    __table_args__ = (UniqueConstraint("region_id", "subject"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    subject: Mapped[str] = mapped_column(String(8))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))


async def subject_unit_codes(session: AsyncSession, region_id: int) -> dict[str, str]:
    """Subject -> code of the active unit that answers for it in this region; a subject nobody has is left out."""
    query = (
        select(SubjectUnit.subject, Unit.code)
        .join(Unit, Unit.id == SubjectUnit.unit_id)
        .where(SubjectUnit.region_id == region_id, Unit.is_active)
        .order_by(SubjectUnit.subject)
    )
    return {row.subject: row.code for row in await session.execute(query)}
