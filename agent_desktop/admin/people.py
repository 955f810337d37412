"""Looking up accounts for the administration pages; changes are `core.accounts`'."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.admin.reach import Reach
from core.accounts import ROLE_NAMES
from core.people import Role, RoleGrant, Token, User
from core.units import Region, Unit, UnitDuty, regions_below
from core.web.lists import Column, Filter, Table


def _like(text: str) -> Any:
    columns = (User.username, User.display_name, User.staff_number, User.extension)
    return or_(*(column.contains(text, autoescape=True) for column in columns))


def table(now: datetime) -> Table:
    """The list of accounts; `now` tells who is locked at this moment."""

    def state(user: User) -> str:
        if not user.is_active:
            return "停用"
        return "已锁定" if user.locked_until_at and user.locked_until_at > now else "启用"

    return Table(
        "people", "人员账号",
        columns=(
            Column("name", "姓名", lambda row: row.display_name, sort=User.display_name, href=lambda row: f"/admin/people/{row.username}"),
            Column("username", "用户名", lambda row: row.username, sort=User.username),
            Column("number", "工号", lambda row: row.staff_number or "", sort=User.staff_number),
            Column("extension", "分机", lambda row: row.extension or "", sort=User.extension),
            Column("unit", "单位", lambda row: row.unit.name if row.unit else ""),
            Column("roles", "角色", lambda row: "、".join(ROLE_NAMES[role] for role in sorted(row.roles))),
            Column("state", "状态", state, tone=lambda row: {"启用": "ok", "已锁定": "bad"}.get(state(row), "")),
        ),
        filters=(
            Filter("q", "姓名、用户名、工号或分机", _like),
            Filter("role", "角色", lambda value: User.id.in_(select(RoleGrant.user_id).where(RoleGrant.role == value)),
                   {str(role): name for role, name in ROLE_NAMES.items()}),
            Filter("state", "状态", lambda value: User.is_active.is_(value == "active"), {"active": "启用", "disabled": "停用"}),
        ),
        sort="username", tie=User.id,
    )  # fmt: skip


def accounts_within(reach: Reach) -> Select[User]:
    """The accounts a keeper may see and change: within reach, and with no role that the keeper may not give."""
    beyond = exists().where(RoleGrant.user_id == User.id, RoleGrant.role.not_in(list(reach.gives)))
    return (
        select(User)
        .where(reach.people(), ~beyond)
        .options(selectinload(User.grants), selectinload(User.unit), selectinload(User.region))
    )


async def units_within(session: AsyncSession, reach: Reach) -> dict[str, list[Unit]]:
    """The units a keeper may put people into, by the name of their region; a supervisor's are the call centres."""
    query = select(Unit).where(Unit.is_active).options(selectinload(Unit.region))
    if Role.ADMIN not in reach.roles:
        is_centre = and_(
            Unit.region_id.in_(regions_below(reach.region_id)), Unit.duty == UnitDuty.CALL_CENTRE
        )
        mine = {
            Role.OFFICE: Unit.region_id == reach.region_id,
            Role.HEAD: Unit.id == reach.unit_id,
            Role.SUPERVISOR: is_centre,
        }
        query = query.where(or_(*(where for role, where in mine.items() if role in reach.roles)))
    groups: dict[str, list[Unit]] = {}
    for unit in await session.scalars(query.order_by(Unit.region_id, Unit.code)):
        groups.setdefault(unit.region.name, []).append(unit)
    return groups


async def regions_within(session: AsyncSession, reach: Reach) -> list[Region]:
    """The regions to choose from; only the administrator sets one that is not the unit's."""
    if Role.ADMIN not in reach.roles:
        return []
    return list(await session.scalars(select(Region).order_by(Region.code)))


async def tokens_of(session: AsyncSession, user_id: int | None) -> list[Token]:
    """A person's tokens, or the channels' keys when `user_id` is None; the living first."""
    rows = await session.scalars(select(Token).where(Token.user_id == user_id).order_by(Token.id.desc()))
    return sorted(rows, key=lambda token: token.revoked_at is not None)
