"""The directory beside the call (单位通讯录): units, their liaisons and telephones, for looking up and for transfers.

Who is reachable at this moment is the board's; the page joins the two.
"""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.organisation.tables import PLACES
from core.people import User
from core.places import Place, PlaceKind
from core.units import ConnectionState, Liaison, Unit, UnitDuty, shown_regions


async def directory_json(session: AsyncSession, today: date) -> list[dict[str, Any]]:
    """Every active unit with its liaisons in ringing order; `today` is the Beijing date leave is judged by."""
    units = (
        await session.scalars(
            select(Unit)
            .where(Unit.is_active, Unit.duty != UnitDuty.CALL_CENTRE, Unit.region_id.in_(shown_regions()))
            .options(selectinload(Unit.region), selectinload(Unit.liaisons), selectinload(Unit.phones))
            .order_by(Unit.region_id, Unit.code)
        )
    ).all()
    people = {
        user.id: user
        for user in await session.scalars(
            select(User).join(Liaison, Liaison.user_id == User.id).where(User.is_active)
        )
    }
    return [_unit(unit, people, today) for unit in units]


async def places_json(session: AsyncSession) -> list[dict[str, Any]]:
    """Where things are handled (M-123), of the regions that are shown; an agent's place names the agent (M-131)."""
    query = select(Place).where(Place.region_id.in_(shown_regions())).order_by(Place.region_id, Place.name)
    loaded = query.options(
        selectinload(Place.region), selectinload(Place.units), selectinload(Place.services)
    )
    return [
        {
            "id": place.id,
            "name": place.name,
            "kind": PLACES[place.kind],
            "region": place.region.name,
            "address": place.address,
            "hours": place.hours_text,
            "phones": [place.phone] if place.phone else [],
            "contact": place.contact,
            "units": [unit.name for unit in place.units],
            "agents_unit_id": _agents_unit(place),
            "services": [service.name for service in place.services],
        }
        for place in await session.scalars(loaded)
    ]


def _agents_unit(place: Place) -> int | None:
    """Whose the tickets are that an agent (代办员) sees to: the first unit with a window there (M-131)."""
    is_agents = place.kind == PlaceKind.AGENT
    return next((unit.id for unit in place.units if unit.is_active), None) if is_agents else None


def _unit(unit: Unit, people: dict[int, User], today: date) -> dict[str, Any]:
    return {
        "id": unit.id,
        "code": unit.code,
        "name": unit.name,
        "short": unit.short_name,
        "region": unit.region.name,
        "office": unit.duty == UnitDuty.OFFICE,
        "connected": unit.state != ConnectionState.NOT_CONNECTED,
        "address": unit.address,
        "hours": unit.hours_text,
        "phones": [phone.number for phone in unit.phones],
        "liaisons": [
            _liaison(row, people[row.user_id], today) for row in unit.liaisons if row.user_id in people
        ],
    }


def _liaison(row: Liaison, user: User, today: date) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.display_name,
        "extension": user.extension or "",
        "outside": bool(row.outside_number),
        "on_leave": row.is_on_leave(today),
        "backup": row.position > 1,
    }
