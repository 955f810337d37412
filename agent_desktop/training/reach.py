"""Whose training a person sees and writes (§5.9 「training register」): 主管 the region and below, 政府办 its level, 负责人 the unit.

What lies below is seen by 政府办 too (M-111: a township's register is the county's to see), and 监察 sees its level.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import ColumnElement, Select, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from agent_desktop.ticket.page import who_asks
from core.people import Role, User
from core.units import Region, Unit, regions_below
from core.web.lists import Filter
from reports.training.standing import WORKS_IN
from tickets.access import subordinates

KEEPERS = frozenset({Role.HEAD, Role.OFFICE, Role.SUPERVISOR})
READERS = KEEPERS | {Role.INSPECTOR}
TRAINED = frozenset({Role.OPERATOR, Role.LIAISON, Role.WINDOW, Role.HEAD})
REGION_NAME = select(Region.name).where(Region.id == WORKS_IN).correlate(User, Unit).scalar_subquery()
PEOPLE = (
    Filter(
        "person", "姓名或用户名",
        lambda text: or_(User.display_name.contains(text, autoescape=True), User.username == text),
    ),
    Filter("unit", "单位", lambda text: Unit.name.contains(text, autoescape=True)),
    Filter(
        "region", "地区",
        lambda text: WORKS_IN.in_(select(Region.id).where(Region.name.contains(text, autoescape=True))),
    ),
)  # fmt: skip
"""Filters of lists of people, `Unit` joined (M-111: by unit and level)."""


@dataclass(frozen=True)
class Reach:
    """The person, and two conditions on `User` with `Unit` joined."""

    user: User
    sees: ColumnElement[bool]
    keeps: ColumnElement[bool]

    @property
    def may_keep(self) -> bool:
        return bool(self.user.roles & KEEPERS)

    def kept_people(self) -> Select[User]:
        """Those whom this person may write about: active, not themselves, with their units."""
        query = select(User).outerjoin(Unit, Unit.id == User.unit_id).options(contains_eager(User.unit))
        others = query.where(self.keeps, User.is_active, User.id != self.user.id)
        return others.order_by(Unit.code, User.username)


async def reach_of(request: web.Request, session: AsyncSession) -> Reach:
    user = await who_asks(session, request)
    own = user.region_id
    if own is None and user.unit_id is not None:
        own = (await session.get_one(Unit, user.unit_id)).region_id
    below, level = WORKS_IN.in_(regions_below(own)), WORKS_IN.in_([own])
    unit = (User.unit_id == user.unit_id) & User.unit_id.is_not(None)
    sees = {
        Role.SUPERVISOR: below,
        Role.OFFICE: below,
        Role.INSPECTOR: level,
        Role.HEAD: unit | User.unit_id.in_(subordinates(user)),
    }
    keeps = {Role.SUPERVISOR: below, Role.OFFICE: level, Role.HEAD: unit}
    return Reach(user, _any(sees, user), _any(keeps, user))


def _any(by_role: Mapping[Role, ColumnElement[bool]], user: User) -> ColumnElement[bool]:
    return or_(false(), *(by_role[role] for role in by_role if role in user.roles))
