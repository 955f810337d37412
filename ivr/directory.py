"""Whom a caller can be put through to: units and their liaisons (单位与联络员), read from the database when asked.

Turns a unit into what the dialplan needs: a ladder of dial strings (M-12), and the name it is announced by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.errors import HotlineError
from core.people import User
from core.units import Liaison, Region, Unit, shown_regions
from ivr.tracker import LiveCall, TransferState
from recordings import ledger

TRUNK = "trunk"


class UnitUnreachable(HotlineError):
    """Nobody of the unit has a telephone on record; `unit` is its name."""

    code = "unit_unreachable"
    status = 409
    text = "{unit}还没有登记可接听的联络员或服务电话，请改为登记工单，或转政府办。"


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: a dial string, the extension it rings and whose it is."""

    dial: str
    extension: str
    name: str
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Target:
    unit_id: int
    unit_code: str
    unit_name: str
    prompt: str
    """Id of the prompt with the unit's spoken name."""
    rungs: tuple[Rung, ...]

    @property
    def extensions(self) -> tuple[str, ...]:
        return tuple(rung.extension for rung in self.rungs)

    def ladder(self) -> str:
        """The rungs as the dialplan's LADDER."""
        return "|".join(rung.dial for rung in self.rungs)


def begin_transfer(call: LiveCall, target: Target, *, mode: str, by: str, note: Callable[..., None]) -> None:
    """Mark the call as being put through, so that the tracker knows an answering liaison when it sees one."""
    first = target.rungs[0]
    call.transfer = TransferState(mode, target.unit_id, target.unit_name, first.name, target.extensions, by)
    call.phase = "transferring"
    note(ledger.TRANSFER_STARTED, mode=mode, unit=target.unit_id, extension=first.extension, by=by)


def unit_prompt(region_code: str, unit_code: str) -> str:
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
        for rung in _rungs(people[row.user_id], row, registered)
    ]
    if liaison_id is None:
        rungs += [
            Rung(f"PJSIP/{phone.number}@{TRUNK}", TRUNK, unit_row.name, None) for phone in unit_row.phones
        ]
    if not rungs:
        raise UnitUnreachable(unit=unit_row.name)
    prompt = unit_prompt(unit_row.region.code, unit_row.code)
    return Target(unit_row.id, unit_row.code, unit_row.name, prompt, tuple(rungs))


def _rungs(user: User, row: Liaison, registered: frozenset[str]) -> list[Rung]:
    """A person's registered telephones ring together; with none, the outside number."""
    devices = [device for device in (user.extension, f"w{user.extension}") if device in registered]
    if user.extension and devices:
        return [
            Rung(
                "&".join(f"PJSIP/{device}" for device in devices), user.extension, user.display_name, user.id
            )
        ]
    if row.outside_number:
        return [Rung(f"PJSIP/{row.outside_number}@{TRUNK}", TRUNK, user.display_name, user.id)]
    return (
        [Rung(f"PJSIP/{user.extension}", user.extension, user.display_name, user.id)]
        if user.extension
        else []
    )


async def _people(session: AsyncSession, ids: Sequence[int]) -> dict[int, User]:
    rows = await session.scalars(select(User).where(User.id.in_(ids)))
    return {user.id: user for user in rows}


def _unit_query() -> Select[Unit]:
    return select(Unit).options(
        selectinload(Unit.region), selectinload(Unit.liaisons), selectinload(Unit.phones)
    )


async def unit(session: AsyncSession, unit_id: int) -> Unit:
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
