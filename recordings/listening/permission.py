"""Who may listen to which recording (收听权限, mission §5.9, M-59, M-86, M-88). Rules over facts; no sound and no log here.

The system administrator (ADM) runs the machine and never hears anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.people import Role, User
from core.units import Region, Unit
from recordings.call_story import timeline
from recordings.calls import Scope, legs_with_people, lines_of
from recordings.models import Call, Recording, RecordingKind
from recordings.settings import RecordingSettings

MAY_LISTEN = frozenset(Role) - {Role.ADMIN, Role.WINDOW}
SEES_CALLS = MAY_LISTEN - {Role.SECRECY}


@dataclass(frozen=True)
class Listener:
    """A person as far as listening goes."""

    user_id: int
    username: str
    roles: frozenset[Role]
    unit_id: int | None = None
    region_id: int | None = None
    regions_below: frozenset[int] = frozenset()
    """The own region and all below it."""
    is_topmost: bool = False
    """The own region is the root of the tree."""
    source: str = ""
    """Network address, for the audit log."""
    unit_ids_below: frozenset[int] = frozenset()
    """The bodies that the unit supervises: its head hears them too (M-09)."""


@dataclass(frozen=True)
class Facts:
    """A recording as far as listening goes."""

    kind: RecordingKind
    sealed: bool
    started_at: datetime
    region_id: int | None
    operator_ids: frozenset[int] = frozenset()
    unit_parts: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """For each unit that talked: its parts of the audio, in ms; for a consultation the whole."""
    held_by_unit_id: int | None = None
    """Of a voicemail: the unit that holds its ticket."""
    made_by_unit_id: int | None = None
    """Of a call back: the unit whose person made it (M-28)."""


@dataclass(frozen=True)
class Permission:
    """Permission for one recording: under which role, and the parts of it (None: all)."""

    role: Role
    parts: tuple[tuple[int, int], ...] | None = None


async def listener(session: AsyncSession, who: Listener) -> Listener:
    """The person with the regions and bodies below filled in."""
    rows = await session.execute(select(Region.id, Region.parent_id))
    parents: dict[int, int | None] = {region: parent for region, parent in rows}  # noqa: C416 (types)
    if who.region_id is None or who.region_id not in parents:
        return who
    below, grown = {who.region_id}, True
    while grown:
        more = {region for region, parent in parents.items() if parent in below} - below
        below |= more
        grown = bool(more)
    return replace(
        who,
        regions_below=frozenset(below),
        is_topmost=parents[who.region_id] is None,
        unit_ids_below=await _supervised(session, who.unit_id),
    )


async def _supervised(session: AsyncSession, unit_id: int | None) -> frozenset[int]:
    if unit_id is None:
        return frozenset()
    return frozenset(await session.scalars(select(Unit.id).where(Unit.supervising_unit_id == unit_id)))


def scope_of(who: Listener, now: datetime, settings: RecordingSettings) -> Scope:
    """Which calls this person sees listed: the union over the roles."""
    own = frozenset({who.region_id} if who.region_id else ())
    regions: frozenset[int] = frozenset()
    if Role.SUPERVISOR in who.roles:
        regions |= who.regions_below
    if who.roles & {Role.INSPECTOR, Role.OFFICE}:
        regions |= own
    is_department = bool(who.roles & {Role.LIAISON, Role.HEAD})
    is_operator = Role.OPERATOR in who.roles
    return Scope(
        region_ids=regions,
        unit_id=who.unit_id if is_department else None,
        operator_id=who.user_id if is_operator else None,
        operator_since=now - timedelta(days=settings.operator_days) if is_operator else None,
        everything=Role.SUPERVISOR in who.roles and who.is_topmost,
        complaints=own if Role.INSPECTOR in who.roles else frozenset(),
    )


def may_listen(who: Listener, facts: Facts, now: datetime, settings: RecordingSettings) -> Permission | None:
    """The widest permission the person's roles give, or None (mission §5.9 「hear recording / voicemail」)."""
    permissions = [
        permission
        for role in Role
        if role in who.roles and (permission := _permission_by(role, who, facts, now, settings))
    ]
    whole = [permission for permission in permissions if permission.parts is None]
    best = whole or permissions
    return best[0] if best else None


def _permission_by(
    role: Role, who: Listener, facts: Facts, now: datetime, settings: RecordingSettings
) -> Permission | None:
    is_level = who.region_id is not None and who.region_id == facts.region_id
    is_closed = facts.sealed or facts.kind is RecordingKind.COMPLAINT
    match role:
        case Role.INSPECTOR:
            hears = is_level
        case Role.SECRECY:
            hears = is_level and facts.sealed and facts.kind is not RecordingKind.COMPLAINT
        case Role.SUPERVISOR:
            hears = not is_closed and (who.is_topmost or facts.region_id in who.regions_below)
        case Role.OFFICE:
            hears = not is_closed and is_level
        case Role.OPERATOR:
            hears = not is_closed and (_is_own(who, facts, now, settings) or _holds(who, facts))
        case Role.LIAISON | Role.HEAD:
            return None if is_closed else _permission_of_unit(role, who, facts)
        case Role.ADMIN | Role.WINDOW:
            hears = False
    return Permission(role) if hears else None


def _is_own(who: Listener, facts: Facts, now: datetime, settings: RecordingSettings) -> bool:
    is_recent = facts.started_at >= now - timedelta(days=settings.operator_days)
    return is_recent and who.user_id in facts.operator_ids


def _holds(who: Listener, facts: Facts) -> bool:
    is_message = facts.kind is RecordingKind.VOICEMAIL and facts.held_by_unit_id is not None
    return is_message and who.unit_id == facts.held_by_unit_id


def _permission_of_unit(role: Role, who: Listener, facts: Facts) -> Permission | None:
    units = {who.unit_id} - {None} | (who.unit_ids_below if role is Role.HEAD else frozenset())
    holds = facts.kind is RecordingKind.VOICEMAIL and facts.held_by_unit_id in units
    if holds or facts.made_by_unit_id in units:
        return Permission(role)
    parts = tuple(sorted(part for unit in units if unit for part in facts.unit_parts.get(unit, ())))
    if not parts:
        return None
    return Permission(role, None if facts.kind is RecordingKind.CONSULT else parts)


async def facts_of(
    session: AsyncSession, recording: Recording, call: Call | None, held_by_unit_id: int | None = None
) -> Facts:
    """The facts from the recording and its call (with `events` loaded)."""
    lines = lines_of(call.events) if call else []
    legs = [leg for leg in await legs_with_people(session, lines) if leg.answered_at]
    spans = timeline.bridged_spans(lines)
    units = {leg.unit_id for leg in legs if leg.unit_id is not None}
    operators = {leg.user_id for leg in legs if leg.role == "operator" and leg.user_id}
    if call is not None and call.operator_id is not None:
        operators.add(call.operator_id)
    return Facts(
        kind=RecordingKind(recording.kind),
        sealed=recording.sealed,
        started_at=recording.started_at,
        region_id=call.region_id if call else None,
        operator_ids=frozenset(operators),
        unit_parts={u: _parts(recording, spans, u) for u in units},
        held_by_unit_id=held_by_unit_id,
        made_by_unit_id=await _maker(session, call) if call else None,
    )


async def _maker(session: AsyncSession, call: Call) -> int | None:
    """The unit of whoever made a call out."""
    if call.direction != "out":
        return None
    return await session.scalar(select(User.unit_id).where(User.id == call.operator_id))


def _parts(recording: Recording, spans: Sequence[timeline.Span], unit_id: int) -> tuple[tuple[int, int], ...]:
    if recording.kind == RecordingKind.CONSULT:
        return ((0, recording.duration_ms),)
    if recording.kind != RecordingKind.TALK:
        return ()
    return tuple(timeline.offsets_of_unit(spans, unit_id))
