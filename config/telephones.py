"""Who has a telephone (话机): the staff with an extension, and in the demo the callers' telephones in the browser."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from config.settings import Settings
from core.db import Database
from core.people import Role, User
from ivr.asterisk.site import Folders, Telephone, secret
from ivr.queue.seats import Staff

GUESTS = 16


async def people_with_telephones(db: Database) -> Sequence[User]:
    """Everybody with an extension whose account is active."""
    async with db.reading() as session:
        query = select(User).where(User.extension.is_not(None), User.is_active)
        query = query.options(joinedload(User.unit), selectinload(User.grants))
        return (await session.scalars(query)).all()


def staff_of(people: Sequence[User]) -> dict[int, Staff]:
    """What the seats need to know of each, by user."""
    return {
        user.id: Staff(
            user.id,
            user.username,
            user.staff_number or "",
            user.display_name,
            user.extension or "",
            user.region_id or (user.unit.region_id if user.unit else None),
            Role.OPERATOR in user.roles,
            tuple(user.languages),
        )
        for user in people
    }


def telephones_of(people: Sequence[User]) -> list[Telephone]:
    return [Telephone(user.extension or "", user.sip_password) for user in people]


def guests(settings: Settings, folders: Folders) -> list[Telephone]:
    """Telephones of the demo's callers; none in production."""
    if not settings.caller_phone_enabled:
        return []
    numbers = {f"guest{number:02}": f"139000000{number:02}" for number in range(1, GUESTS + 1)}
    return [Telephone(name, secret(folders, name), number) for name, number in numbers.items()]
