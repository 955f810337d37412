"""Who may change an entry (M-67 「分散维护」; §5.9, row KB): each unit its own, an office its level, secrecy its region.

Everybody finds everything; this module decides about changes alone.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.people import Role, User
from core.units import Liaison, Region, Unit
from kb.errors import NotYourUnit, ReadOnlyEntry
from kb.lifecycle import Actor
from kb.models import OWN, Entry

EDITORS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SECRECY})
"""Roles with a part in the workflow."""
MOST_LEVELS = 8


@dataclass(frozen=True)
class Editor:
    """Somebody at the knowledge base, and for which units."""

    user_id: int
    roles: frozenset[Role]
    unit_id: int | None = None
    region_id: int | None = None
    unit_ids: frozenset[int] = frozenset()
    """The own unit, and those whose liaison the person is"""


async def editor_of(session: AsyncSession, user_id: int, roles: frozenset[Role]) -> Editor:
    """The signed-in person as an editor."""
    user = await session.get_one(User, user_id)
    duties = await session.scalars(select(Liaison.unit_id).where(Liaison.user_id == user_id))
    units = frozenset(duties) | ({user.unit_id} if user.unit_id else set())
    region_id = user.region_id or (user.unit_id and await _region_of_unit(session, user.unit_id))
    return Editor(user_id, roles, user.unit_id, region_id, units)


async def actors(session: AsyncSession, editor: Editor, entry: Entry) -> frozenset[Actor]:
    """What this person is with regard to an entry."""
    found = set[Actor]()
    if entry.unit_id in editor.unit_ids:
        found |= {Actor.LSN} if Role.LIAISON in editor.roles else set()
        found |= {Actor.HEAD} if Role.HEAD in editor.roles else set()
    region_id = entry.unit.region_id if entry.unit else entry.region_id
    if Role.OFFICE in editor.roles and region_id in {editor.region_id, None}:
        found.add(Actor.GOV)
    if Role.SECRECY in editor.roles and await _is_within(session, region_id, editor.region_id):
        found.add(Actor.SEC)
    return frozenset(found)


async def allow(session: AsyncSession, editor: Editor, entry: Entry, who: frozenset[Actor]) -> None:
    """Raise NotYourUnit or ReadOnlyEntry unless the person may act as one of `who` on this entry.

    Base information is changed where it comes from (M-64); taking it down in an emergency is for secrecy alone.
    """
    held = await actors(session, editor, entry) & who
    if not held:
        raise NotYourUnit(unit=entry.unit.name if entry.unit else entry.department)
    if entry.source not in {OWN, None} and Actor.SEC not in held:
        raise ReadOnlyEntry(source=entry.source)


async def _is_within(session: AsyncSession, region_id: int | None, whole_id: int | None) -> bool:
    """Whether a region is, or lies below, another; a person or entry of no region is of every one."""
    if region_id is None or whole_id is None:
        return True
    step: int | None = region_id
    for _ in range(MOST_LEVELS):
        if step in {None, whole_id}:
            return step == whole_id
        step = await session.scalar(select(Region.parent_id).where(Region.id == step))
    return False


async def _region_of_unit(session: AsyncSession, unit_id: int) -> int | None:
    return await session.scalar(select(Unit.region_id).where(Unit.id == unit_id))
