"""Regions and units (单位/部门): the tree of who answers for what (M-03, M-08 「各部门分别设…联络员」).

Holds who exists and how they are reached; knows nothing of calls or tickets.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Select, String, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column, relationship

from core.calendar.workdays import segments_of
from core.clock import beijing
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


class Affiliation(StrEnum):
    """Whose a unit is, beside the region it serves (M-123: 市级、省直管、中央直管部门和公共服务企业)."""

    LOCAL = "local"
    PROVINCIAL = "provincial"
    CENTRAL = "central"
    ENTERPRISE = "enterprise"


class UnitDuty(StrEnum):
    DEPARTMENT = "department"
    OFFICE = "office"
    """政府办: dispatches, one per region"""
    INSPECTION = "inspection"
    """监察: complaints, one per region"""
    CALL_CENTRE = "call_centre"
    MAYOR = "mayor"
    """市长热线 (M-122): operators put callers through to its telephone; it works on no ticket"""


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
    affiliation: Mapped[Affiliation] = mapped_column(String(20), default=Affiliation.LOCAL)
    supervising_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """M-09 「由其行政主管部门指导、管理和监督」"""
    inspection_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """Whose complaints body it has instead of its level's: a department under the province or the centre (M-123)."""
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
    duty_hours: Mapped[str] = mapped_column(String(80), default="")
    """When the person takes calls, e.g. `08:30-12:00 14:30-18:00`; empty: as long as the line is open."""

    unit: Mapped[Unit] = relationship(back_populates="liaisons")
    leaves: Mapped[list["LiaisonLeave"]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="LiaisonLeave.from_on"
    )

    def is_on_leave(self, day: date) -> bool:
        return any(leave.covers(day) for leave in self.leaves)

    def takes_calls(self, now: datetime) -> bool:
        """Not on leave and within the person's own duty hours."""
        local = beijing(now)
        if self.is_on_leave(local.date()):
            return False
        return not self.duty_hours or any(s.covers(local.time()) for s in segments_of(self.duty_hours))


class LiaisonLeave(Base):
    """A time away (请假) of a liaison, both days included; open-ended without `until_on` (M-30)."""

    __tablename__ = "liaison_leaves"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    liaison_id: Mapped[int] = mapped_column(ForeignKey("liaisons.id", ondelete="CASCADE"), index=True)
    from_on: Mapped[date] = mapped_column(Date)
    until_on: Mapped[date | None] = mapped_column(Date)

    def covers(self, day: date) -> bool:
        return self.from_on <= day <= (self.until_on or date.max)


SUBJECTS = {
    "s1": "社会保障",
    "s2": "户籍公安",
    "s3": "教育",
    "s4": "卫生",
    "s5": "住房建设",
    "s6": "国土",
    "s7": "税务工商",
    "s8": "其他",
}
"""The subjects of the spoken menu, in its order (M-16, mission §5.6, QS)."""


class SubjectUnit(Base):
    """Which unit answers for a subject (a key of `SUBJECTS`), for each region its own."""

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


async def published_numbers(session: AsyncSession) -> frozenset[str]:
    """The digits of every service telephone: they stand in public texts and are nobody's personal data (§5.10)."""
    numbers = await session.scalars(select(ServicePhone.number))
    return frozenset("".join(filter(str.isdigit, number)) for number in numbers)


def regions_below(region_id: int | None) -> Select[int]:
    """Ids of a region and of all that lies below it."""
    tree = select(Region.id).where(Region.id == region_id).cte(recursive=True)
    child = aliased(Region)
    tree = tree.union(select(child.id).join(tree, child.parent_id == tree.c.id))
    return select(tree.c.id)


def shown_regions() -> Select[int]:
    """Ids of the regions that citizens and desks see: townships and villages only where their county wants them (M-05)."""
    above, further = aliased(Region), aliased(Region)
    is_local = Region.level.in_([RegionLevel.TOWNSHIP, RegionLevel.VILLAGE])
    switched_on = above.townships_on.is_(True) | further.townships_on.is_(True)
    return (
        select(Region.id)
        .outerjoin(above, above.id == Region.parent_id)
        .outerjoin(further, further.id == above.parent_id)
        .where(~is_local | switched_on)
    )
