"""Whom a caller can be put through to: units and their liaisons (单位与联络员), read from the database when asked.

Turns a unit into what the dialplan needs: a ladder of dial strings (M-12), and the name it is announced by.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.errors import HotlineError
from core.people import User
from core.units import Liaison, Region, Unit, regions_below, shown_regions
from ivr.asterisk.site import TRUNK
from ivr.settings import CallSettings
from ivr.tracking.live_call import LiveCall, Party, TransferState
from recordings import ledger
from tickets.finances.models import FinanceNotice

_TRYING = {"liaison": "trying-liaison", "backup": "trying-backup", "service_phone": "trying-phone"}


class UnitUnreachable(HotlineError):
    """Nobody of the unit has a telephone on record; `unit` is its name."""

    code = "unit_unreachable"
    status = 409
    text = "{unit}还没有登记可接听的联络员或服务电话，请改为登记工单，或转政府办。"


MOBILE = re.compile(r"(\+?86)?1[3-9]\d{9}")


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a unit's ladder: a person, or a service telephone, and how to dial them."""

    dial: str
    extension: str
    name: str
    user_id: int | None
    role: str = "liaison"
    """liaison, backup or service_phone"""
    needs_key: bool = False
    """Counts as answered only when somebody presses 1: a mobile's mailbox answers as well, and nobody is there."""

    @property
    def party(self) -> Party:
        """As the tracker recognises whom Asterisk rings."""
        dials = tuple(one.removeprefix("PJSIP/") for one in self.dial.split("&"))
        return Party(dials, self.name, self.user_id, self.role, self.needs_key)


@dataclass(frozen=True, slots=True)
class Target:
    """A unit that a caller is to be put through to, and its ladder."""

    unit_id: int
    unit_code: str
    unit_name: str
    prompt: str
    """Id of the prompt with the unit's spoken name."""
    rungs: tuple[Rung, ...]

    @property
    def extensions(self) -> tuple[str, ...]:
        return tuple(rung.extension for rung in self.rungs)

    def ladder(self, calls: CallSettings, sound: Callable[[str], str]) -> str:
        """The rungs as the dialplan's LADDER, `sound~seconds~key~dial|…`; before the first one nothing more is announced."""
        return "|".join(
            "~".join(
                (
                    sound(_TRYING[rung.role]) if number else "",
                    str(calls.phone_ring_s if rung.role == "service_phone" else calls.ring_s),
                    "key" if rung.needs_key else "",
                    rung.dial,
                )
            )
            for number, rung in enumerate(self.rungs)
        )


def begin_transfer(
    call: LiveCall, target: Target, *, mode: str, by: str, back_to: str = "", note: Callable[..., None]
) -> None:
    """Mark the call as being put through, so that the tracker knows an answering liaison when it sees one."""
    first = target.rungs[0]
    parties = tuple(rung.party for rung in target.rungs)
    call.transfer = TransferState(
        mode, target.unit_id, target.unit_name, first.name, target.extensions, by, back_to, parties
    )
    call.phase = "transferring"
    note(ledger.TRANSFER_STARTED, mode=mode, unit=target.unit_id, extension=first.extension, by=by)


def unit_prompt(region_code: str, unit_code: str) -> str:
    """Id of the prompt with a unit's spoken name."""
    return f"unit-{region_code}-{unit_code}".lower()


async def target(
    session: AsyncSession,
    unit_id: int,
    now: datetime,
    *,
    liaison_id: int | None = None,
    registered: frozenset[str],
) -> Target:
    """The ladder of one unit: liaisons in order, those off duty left out, then the service phones.

    `liaison_id` (a user) narrows it to that person. Raises UnitUnreachable.
    """
    unit_row = await unit(session, unit_id)
    people = await _people(session, [row.user_id for row in unit_row.liaisons])
    rungs = [
        rung
        for row in unit_row.liaisons
        if liaison_id in (None, row.user_id) and row.takes_calls(now)
        if (rung := _rung(people[row.user_id], row, registered))
    ]
    if liaison_id is None:
        rungs += [
            _outside(phone.number, Rung("", TRUNK, unit_row.name, None, "service_phone"))
            for phone in unit_row.phones
        ]
    if not rungs:
        raise UnitUnreachable(unit=unit_row.name)
    prompt = unit_prompt(unit_row.region.code, unit_row.code)
    return Target(unit_row.id, unit_row.code, unit_row.name, prompt, tuple(rungs))


def _rung(user: User, row: Liaison, registered: frozenset[str]) -> Rung | None:
    """A person's registered telephones ring together; with none, the outside number."""
    role = "backup" if row.position > 1 else "liaison"
    rung = Rung("", user.extension or "", user.display_name, user.id, role)
    devices = [device for device in (user.extension, f"w{user.extension}") if device in registered]
    if user.extension and devices:
        return replace(rung, dial="&".join(f"PJSIP/{device}" for device in devices))
    if row.outside_number:
        return _outside(row.outside_number, replace(rung, extension=TRUNK), needs_key=True)
    return replace(rung, dial=f"PJSIP/{user.extension}") if user.extension else None


def _outside(number: str, rung: Rung, *, needs_key: bool = False) -> Rung:
    is_mobile = MOBILE.fullmatch(number) is not None
    return replace(rung, dial=f"PJSIP/{number}@{TRUNK}", needs_key=needs_key or is_mobile)


async def _people(session: AsyncSession, ids: Sequence[int]) -> dict[int, User]:
    rows = await session.scalars(select(User).where(User.id.in_(ids)))
    return {user.id: user for user in rows}


def _unit_query() -> Select[Unit]:
    return select(Unit).options(
        selectinload(Unit.region), selectinload(Unit.liaisons), selectinload(Unit.phones)
    )


async def unit(session: AsyncSession, unit_id: int) -> Unit:
    """The unit with its region, liaisons and telephones; NoResultFound when it is gone."""
    found: Unit = (await session.scalars(_unit_query().where(Unit.id == unit_id))).one()
    return found


async def unit_by_code(session: AsyncSession, region_id: int, code: str) -> Unit | None:
    """An active unit of the region by its three-digit code."""
    query = _unit_query().where(
        Unit.region_id == region_id, Unit.code == code, Unit.is_active, Unit.region_id.in_(shown_regions())
    )
    found: Unit | None = (await session.scalars(query)).one_or_none()
    return found


async def children(session: AsyncSession, region_id: int) -> Sequence[Region]:
    """The counties below a prefecture or the townships of a county that has them, in the order of their codes (M-05)."""
    open_ones = (Region.parent_id == region_id) & Region.id.in_(shown_regions())
    query = select(Region).where(open_ones).order_by(Region.code)
    return (await session.scalars(query)).all()


async def publishers(session: AsyncSession, region: Region) -> list[tuple[Region, list[Unit]]]:
    """The units of a region and all below it that publish their finances (M-116), by the region just below, its own first."""
    publishes = select(FinanceNotice.unit_id)
    wanted = Unit.id.in_(publishes), Unit.is_active, Unit.region_id.in_(regions_below(region.id))
    units = (await session.scalars(select(Unit).where(*wanted).order_by(Unit.code))).all()
    regions = {one.id: one for one in await session.scalars(select(Region).order_by(Region.code))}
    found: dict[int, list[Unit]] = {key: [] for key in (region.id, *regions)}
    for unit in units:
        place = unit.region_id
        while place != region.id and regions[place].parent_id != region.id:
            place = regions[place].parent_id or region.id
        found[place].append(unit)
    return [(regions[key], theirs) for key, theirs in found.items() if theirs]
