"""Whose notices somebody sees and works on (访问范围): the unit's own people work, the body that supervises it reads and checks."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.errors import NotAllowed, NotFound
from core.people import Role, User
from tickets.access import own_units
from tickets.finances.models import FinanceNotice
from tickets.recipients import Directory

WORKERS = frozenset({Role.LIAISON, Role.HEAD})
PEOPLE = WORKERS | {Role.INSPECTOR}


@dataclass(frozen=True)
class Reach:
    """Keys of units: those one works for, and of those that publish the ones one's body supervises."""

    own: frozenset[int] = frozenset()
    watched: frozenset[int] = frozenset()

    @property
    def seen(self) -> frozenset[int]:
        return self.own | self.watched


async def reach_of(session: AsyncSession, user: User) -> Reach:
    """`user.grants` must be loaded."""
    own: Collection[int] = ()
    if user.roles & WORKERS:
        own = [key for key in await session.scalars(own_units(user)) if key is not None]
    if Role.INSPECTOR not in user.roles or user.unit_id is None:
        return Reach(frozenset(own))
    units = (await session.scalars(select(FinanceNotice.unit_id).distinct())).all()
    directory = await Directory.read(session) if units else None
    watched = {key for key in units if directory and _watches(directory, user.unit_id, key)}
    return Reach(frozenset(own), frozenset(watched - {user.unit_id}))


def _watches(directory: Directory, body_id: int, unit_id: int) -> bool:
    return any(body.unit_id == body_id for body in directory.inspectors(unit_id))


async def publishes(session: AsyncSession, reach: Reach) -> bool:
    """Whether any of these units has a notice at all: most people's have none, and nothing waits for them."""
    theirs = select(FinanceNotice.id).where(FinanceNotice.unit_id.in_(reach.seen)).limit(1)
    return await session.scalar(theirs) is not None


async def find(session: AsyncSession, user: User, notice_id: int) -> tuple[FinanceNotice, Reach]:
    """The notice, when this person may see it, and what they reach; raises NotFound."""
    reach = await reach_of(session, user)
    wanted = (FinanceNotice.id == notice_id) & FinanceNotice.unit_id.in_(reach.seen)
    loaded = select(FinanceNotice).where(wanted).options(selectinload(FinanceNotice.unit))
    notice = await session.scalar(loaded)
    if notice is None:
        raise NotFound
    return notice, reach


async def find_own(session: AsyncSession, user: User, notice_id: int) -> FinanceNotice:
    """A notice that this person works on; raises NotFound, NotAllowed for one they only read."""
    notice, reach = await find(session, user, notice_id)
    if notice.unit_id not in reach.own:
        raise NotAllowed
    return notice
