"""Who may listen (mission §5.9), the log of listening, and the audio itself in pieces (M-59, M-86, M-88).

`leave` is the only way to a recording's sound. Each play is one row of the audit log, written before a byte is sent.
The system administrator (ADM) runs the machine and never hears anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core import audit
from core.clock import Clock
from core.people import Role, User
from core.units import Region, Unit
from recordings.audio import RATE_HZ, SAMPLE_BYTES, WAV_HEADER_BYTES, wav_header
from recordings.call_story import timeline
from recordings.calls import Scope, legs_with_people, lines_of
from recordings.errors import ReasonMissing, RecordingClosed, RecordingGone, RecordingUnknown
from recordings.keeping import archive
from recordings.models import Call, Recording, RecordingKind
from recordings.settings import RecordingSettings

MIN_REASON = 4
_PIECE_FRAMES = 1 << 14
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
class Leave:
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


def may_listen(who: Listener, facts: Facts, now: datetime, settings: RecordingSettings) -> Leave | None:
    """The widest leave the person's roles give, or None (mission §5.9 「hear recording / voicemail」)."""
    leaves = [
        leave for role in Role if role in who.roles and (leave := _leave_by(role, who, facts, now, settings))
    ]
    whole = [leave for leave in leaves if leave.parts is None]
    best = whole or leaves
    return best[0] if best else None


def _leave_by(
    role: Role, who: Listener, facts: Facts, now: datetime, settings: RecordingSettings
) -> Leave | None:
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
            return None if is_closed else _leave_of_unit(role, who, facts)
        case Role.ADMIN | Role.WINDOW:
            hears = False
    return Leave(role) if hears else None


def _is_own(who: Listener, facts: Facts, now: datetime, settings: RecordingSettings) -> bool:
    is_recent = facts.started_at >= now - timedelta(days=settings.operator_days)
    return is_recent and who.user_id in facts.operator_ids


def _holds(who: Listener, facts: Facts) -> bool:
    is_message = facts.kind is RecordingKind.VOICEMAIL and facts.held_by_unit_id is not None
    return is_message and who.unit_id == facts.held_by_unit_id


def _leave_of_unit(role: Role, who: Listener, facts: Facts) -> Leave | None:
    units = {who.unit_id} - {None} | (who.unit_ids_below if role is Role.HEAD else frozenset())
    holds = facts.kind is RecordingKind.VOICEMAIL and facts.held_by_unit_id in units
    if holds or facts.made_by_unit_id in units:
        return Leave(role)
    parts = tuple(sorted(part for unit in units if unit for part in facts.unit_parts.get(unit, ())))
    if not parts:
        return None
    return Leave(role, None if facts.kind is RecordingKind.CONSULT else parts)


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


async def find(session: AsyncSession, public_id: str) -> tuple[Recording, Call | None]:
    """The recording and its call with the ledger; raises RecordingUnknown."""
    recording = await session.scalar(select(Recording).where(Recording.public_id == public_id))
    if recording is None:
        raise RecordingUnknown(recording=public_id)
    query = select(Call).where(Call.id == recording.call_id).options(selectinload(Call.events))
    return recording, await session.scalar(query)


async def leave(
    session: AsyncSession,
    clock: Clock,
    settings: RecordingSettings,
    who: Listener,
    public_id: str,
    *,
    held_by_unit_id: int | None = None,
) -> tuple[Recording, Leave]:
    """The recording and what may be heard of it; raises RecordingUnknown, RecordingClosed, RecordingGone."""
    recording, call = await find(session, public_id)
    facts = await facts_of(session, recording, call, held_by_unit_id)
    found = may_listen(who, facts, clock.now(), settings)
    if found is None:
        raise RecordingClosed(recording=public_id)
    if recording.deleted_at is not None:
        raise RecordingGone(recording=public_id)
    return recording, found


async def log_play(
    session: AsyncSession, clock: Clock, who: Listener, recording: Recording, leave: Leave
) -> None:
    """One row for one play; call it before the sound is sent."""
    await _log(session, clock, who, recording, leave, "recording.play", "")


async def log_download(
    session: AsyncSession, clock: Clock, who: Listener, recording: Recording, leave: Leave, reason: str
) -> None:
    """One row for taking the file out; raises ReasonMissing without a real reason."""
    if len(reason.strip()) < MIN_REASON:
        raise ReasonMissing
    await _log(session, clock, who, recording, leave, "recording.download", reason.strip())


async def _log(
    session: AsyncSession,
    clock: Clock,
    who: Listener,
    recording: Recording,
    leave: Leave,
    action: str,
    reason: str,
) -> None:
    await audit.record(
        session,
        clock,
        actor=who.username,
        role=leave.role,
        action=action,
        target=f"recording:{recording.public_id}",
        reason=reason,
        source=who.source,
    )


async def was_played(
    session: AsyncSession, clock: Clock, who: Listener, recording: Recording, within_s: int
) -> bool:
    """Whether this person's play of it is in the audit log within the last `within_s` seconds."""
    rows = select(audit.AuditRow.id).where(
        audit.AuditRow.actor == who.username,
        audit.AuditRow.target == f"recording:{recording.public_id}",
        audit.AuditRow.action.in_(("recording.play", "recording.download")),
        audit.AuditRow.at >= clock.now() - timedelta(seconds=within_s),
    )
    return await session.scalar(rows.limit(1)) is not None


@dataclass(frozen=True)
class Sound:
    """A recording as it is sent: a wav with a header of its own and some of the archived frames."""

    recording: Recording
    settings: RecordingSettings
    ranges: tuple[tuple[int, int], ...]
    """First frame and the one after the last, of each part."""

    @property
    def header(self) -> bytes:
        return wav_header(self.recording.channels, self._data_bytes)

    @property
    def size(self) -> int:
        return WAV_HEADER_BYTES + self._data_bytes

    def pieces(self, start: int, until: int) -> Iterator[bytes]:
        """The bytes from `start` to `until` (exclusive) of what is sent; blocks on disk and processor."""
        if start < WAV_HEADER_BYTES:
            yield self.header[start : min(until, WAV_HEADER_BYTES)]
        passed = WAV_HEADER_BYTES
        with archive.opened(self.recording, self.settings) as audio:
            for first, last in self.ranges:
                length = (last - first) * self._frame
                yield from self._part(audio, first, max(0, start - passed), min(length, until - passed))
                passed += length

    def _part(self, audio: archive.Audio, first: int, begin: int, end: int) -> Iterator[bytes]:
        """Bytes `begin` to `end` of the part whose first frame is `first`."""
        while begin < end:
            frame, skip = divmod(begin, self._frame)
            frames = min(_PIECE_FRAMES, -(-end // self._frame) - frame)
            data = audio.read(first + frame, first + frame + frames).tobytes()[skip : skip + end - begin]
            begin += len(data)
            yield data

    @property
    def _frame(self) -> int:
        return self.recording.channels * SAMPLE_BYTES

    @property
    def _data_bytes(self) -> int:
        return sum(last - first for first, last in self.ranges) * self._frame


def sound(recording: Recording, settings: RecordingSettings, leave: Leave) -> Sound:
    """The audio of a recording as far as the leave goes; raises RecordingGone, RecordingDamaged or KeyMissing."""
    with archive.opened(recording, settings) as audio:
        frames = audio.frames
    parts = leave.parts if leave.parts is not None else ((0, recording.duration_ms + 1),)
    return Sound(recording, settings, tuple(_frames(part, frames) for part in parts))


def _frames(part: tuple[int, int], frames: int) -> tuple[int, int]:
    """A part in ms as frames of the archived audio, within it."""
    start, until = (ms * RATE_HZ // 1000 for ms in part)
    return min(start, frames), min(until, frames)
