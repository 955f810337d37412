"""Looking up accounts for the administration pages; changes are `core.accounts`'."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.people import Role, RoleGrant, Token, User
from core.units import Region, Unit

PAGE_SIZE = 50
_SORTS = {"username": User.username, "name": User.display_name, "number": User.staff_number}


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed to and how it is ordered; `page` counts from 1."""

    text: str = ""
    role: Role | None = None
    state: str = ""
    sort: str = "username"
    page: int = 1


@dataclass(frozen=True)
class People:
    rows: list[User]
    total: int
    pages: int


async def find_people(session: AsyncSession, wanted: Wanted) -> People:
    conditions = _conditions(wanted)
    total = await session.scalar(select(func.count()).select_from(User).where(*conditions)) or 0
    column = _SORTS.get(wanted.sort.removeprefix("-"), User.username)
    order = column.desc() if wanted.sort.startswith("-") else column.asc()
    rows = await session.scalars(
        select(User)
        .where(*conditions)
        .options(selectinload(User.grants), selectinload(User.unit))
        .order_by(order, User.id)
        .limit(PAGE_SIZE)
        .offset((wanted.page - 1) * PAGE_SIZE)
    )
    return People(list(rows), total, max(1, -(-total // PAGE_SIZE)))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.text:
        columns = (User.username, User.display_name, User.staff_number, User.extension)
        conditions.append(or_(*(column.contains(wanted.text, autoescape=True) for column in columns)))
    if wanted.role:
        conditions.append(User.id.in_(select(RoleGrant.user_id).where(RoleGrant.role == wanted.role)))
    if wanted.state:
        conditions.append(User.is_active.is_(wanted.state == "active"))
    return conditions


async def all_units(session: AsyncSession) -> dict[str, list[Unit]]:
    """Every unit by the name of its region."""
    groups: dict[str, list[Unit]] = {}
    rows = await session.scalars(
        select(Unit)
        .where(Unit.is_active)
        .options(selectinload(Unit.region))
        .order_by(Unit.region_id, Unit.code)
    )
    for unit in rows:
        groups.setdefault(unit.region.name, []).append(unit)
    return groups


async def all_regions(session: AsyncSession) -> list[Region]:
    return list(await session.scalars(select(Region).order_by(Region.code)))


async def tokens_of(session: AsyncSession, user_id: int | None) -> list[Token]:
    """A person's tokens, or the channels' keys when `user_id` is None; the living first."""
    rows = await session.scalars(select(Token).where(Token.user_id == user_id).order_by(Token.id.desc()))
    return sorted(rows, key=lambda token: token.revoked_at is not None)
