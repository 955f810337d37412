"""Looking calls up (通话记录, M-57): lists with filters, one call whole, counts. Read only.

Who may see which calls is a `Scope` made by `recordings.listening.permission.scope_of`; nothing here widens it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.people import User
from core.units import Unit
from recordings import ledger
from recordings.call_story import timeline
from recordings.call_story.legs import LedgerLine, Leg, legs_of
from recordings.call_story.story import Names
from recordings.errors import CallUnknown
from recordings.models import Call, CallEnd, CallEvent, CallMark, Recording, RecordingKind

PAGE = 50
NO_KEY = 0
"""Filter value for a survey that was offered and got no key."""
SORTS = {
    "-started": (Call.started_at.desc(), Call.id.desc()),
    "started": (Call.started_at, Call.id),
    "-talk": (Call.talk_ms.desc(), Call.id.desc()),
    "talk": (Call.talk_ms, Call.id),
}


@dataclass(frozen=True)
class Scope:
    """Which calls a person may see; each part alone admits a call."""

    region_ids: frozenset[int] = frozenset()
    unit_id: int | None = None
    """Calls this unit took part in."""
    operator_id: int | None = None
    operator_since: datetime | None = None
    everything: bool = False
    """Calls of no known region too (the topmost supervisor)."""
    complaints: frozenset[int] = frozenset()
    """Regions whose complainants' numbers may be seen (M-88)."""


@dataclass(frozen=True)
class CallFilter:
    """What to list, practice calls (练习) never; a field left out does not narrow. `since` inclusive, `until` exclusive."""

    since: datetime | None = None
    until: datetime | None = None
    line: str = ""
    direction: str = ""
    operator_id: int | None = None
    unit_id: int | None = None
    number: str = ""
    """The whole number or its last digits."""
    end: CallEnd | None = None
    score: int | None = None
    """1, 2, 3, or `NO_KEY`."""
    has_recording: bool | None = None
    sort: str = "-started"


@dataclass(frozen=True)
class Summary:
    """One line of the list: the call and what its ledger adds."""

    call: Call
    operator: str
    unit: str
    offered: int
    """Telephones that rang."""
    scores: dict[str, int | None] = field(default_factory=dict)
    """By question: `operator`, `unit`; a question that was not asked is absent."""
    recordings: tuple[Recording, ...] = ()
    shows_number: bool = True

    @property
    def wait_ms(self) -> int | None:
        """From the queue to the answer, or to the end of the waiting."""
        until = self.call.answered_at or self.call.ended_at
        if self.call.queued_at is None or until is None:
            return None
        return round((until - self.call.queued_at).total_seconds() * 1000)


def lines_of(events: Iterable[CallEvent]) -> list[LedgerLine]:
    """The ledger free of the database, in order of time (rows of one instant in order of writing)."""
    ordered = sorted(events, key=lambda e: (e.at, e.id))
    return [LedgerLine(event.at, event.kind, event.channel, event.data) for event in ordered]


def _event(kind: str, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(CallEvent.call_id == Call.id, CallEvent.kind == kind, *more)


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """The scope as a condition on `calls`."""
    if scope.everything:
        return Call.id.is_not(None)
    parts: list[ColumnElement[bool]] = []
    if scope.region_ids:
        parts.append(Call.region_id.in_(scope.region_ids))
    if scope.unit_id is not None:
        unit = CallEvent.data["unit"].as_integer() == scope.unit_id
        took_part = _event(ledger.TRANSFER_ANSWERED, unit)
        parts.append(or_(Call.liaison_unit_id == scope.unit_id, took_part))
    if scope.operator_id is not None:
        user = CallEvent.data["user"].as_integer() == scope.operator_id
        own = or_(Call.operator_id == scope.operator_id, _event(ledger.ANSWERED, user))
        parts.append(and_(own, Call.started_at >= scope.operator_since) if scope.operator_since else own)
    return or_(*parts) if parts else false()


def _conditions(wanted: CallFilter, scope: Scope) -> list[ColumnElement[bool]]:
    found = [in_scope(scope), Call.mark != CallMark.PRACTICE]
    if wanted.since:
        found.append(Call.started_at >= wanted.since)
    if wanted.until:
        found.append(Call.started_at < wanted.until)
    for column, value in (
        (Call.line, wanted.line),
        (Call.direction, wanted.direction),
        (Call.end, wanted.end),
    ):
        if value:
            found.append(column == value)
    if wanted.operator_id is not None:
        found.append(in_scope(Scope(operator_id=wanted.operator_id)))
    if wanted.unit_id is not None:
        found.append(in_scope(Scope(unit_id=wanted.unit_id)))
    if wanted.number:
        found += [Call.caller_number.endswith(wanted.number, autoescape=True), _number_may_show(scope)]
    if wanted.score is not None:
        score = CallEvent.data["score"].as_integer()
        found.append(
            _event(ledger.SURVEYED, score.is_(None) if wanted.score == NO_KEY else score == wanted.score)
        )
    if wanted.has_recording is not None:
        has = exists().where(Recording.call_id == Call.id, Recording.deleted_at.is_(None))
        found.append(has if wanted.has_recording else ~has)
    return found


def _number_may_show(scope: Scope) -> ColumnElement[bool]:
    """A complainant must not be found by number either (M-88)."""
    complained = or_(Call.end == CallEnd.COMPLAINT, _complaint_recorded())
    return or_(Call.region_id.in_(scope.complaints), ~complained)


def _complaint_recorded() -> ColumnElement[bool]:
    return exists().where(Recording.call_id == Call.id, Recording.kind == RecordingKind.COMPLAINT)


async def count(session: AsyncSession, wanted: CallFilter, scope: Scope) -> int:
    return await session.scalar(select(func.count(Call.id)).where(*_conditions(wanted, scope))) or 0


async def counts_by_end(session: AsyncSession, wanted: CallFilter, scope: Scope) -> dict[CallEnd | None, int]:
    """How many of the wanted calls ended in which way; None: still running."""
    query = select(Call.end, func.count(Call.id)).where(*_conditions(wanted, scope)).group_by(Call.end)
    return {CallEnd(end) if end else None: number for end, number in await session.execute(query)}


async def listing(
    session: AsyncSession,
    wanted: CallFilter,
    scope: Scope,
    *,
    page: int = 1,
    size: int = PAGE,
    offset: int | None = None,
) -> list[Summary]:
    """One page of the wanted calls, newest first unless sorted otherwise; pages count from 1.

    `offset` skips that many calls instead of whole pages.
    """
    skipped = (page - 1) * size if offset is None else offset
    query = select(Call).where(*_conditions(wanted, scope))
    query = query.order_by(*SORTS.get(wanted.sort, SORTS["-started"])).offset(skipped).limit(size)
    return await summaries(session, await _with_recordings(session, query), scope)


async def _with_recordings(session: AsyncSession, query: Select[Call]) -> Sequence[Call]:
    return (await session.scalars(query.options(selectinload(Call.recordings)))).all()


async def summaries(session: AsyncSession, calls: Sequence[Call], scope: Scope) -> list[Summary]:
    """What a list shows of these calls; `recordings` must be loaded."""
    ids = [call.id for call in calls]
    kinds = (ledger.OFFERED, ledger.SURVEYED)
    events = (
        select(CallEvent).where(CallEvent.call_id.in_(ids), CallEvent.kind.in_(kinds)).order_by(CallEvent.id)
    )
    offered: dict[int, int] = {}
    scores: dict[int, dict[str, int | None]] = {}
    for event in await session.scalars(events):
        if event.kind == ledger.OFFERED:
            offered[event.call_id] = offered.get(event.call_id, 0) + 1
        else:
            scores.setdefault(event.call_id, {})[str(event.data.get("about"))] = event.data.get("score")
    names = await names_of(session, {c.operator_id for c in calls}, {c.liaison_unit_id for c in calls})
    return [
        Summary(
            call,
            names.users.get(call.operator_id or 0, ""),
            names.units.get(call.liaison_unit_id or 0, ""),
            offered.get(call.id, 0),
            scores.get(call.id, {}),
            tuple(r for r in call.recordings if r.deleted_at is None),
            shows_number(call, scope),
        )
        for call in calls
    ]


def shows_number(call: Call, scope: Scope) -> bool:
    """Whether even the masked number may be shown: a complainant's only to the inspector (M-88)."""
    complained = call.end == CallEnd.COMPLAINT or any(
        r.kind == RecordingKind.COMPLAINT for r in call.recordings
    )
    return not complained or call.region_id in scope.complaints


async def names_of(session: AsyncSession, users: Iterable[int | None], units: Iterable[int | None]) -> Names:
    """The names to these keys: 工号 and name of people, short name of units."""
    people = select(User.id, User.display_name, User.staff_number).where(User.id.in_({u for u in users if u}))
    bodies = select(Unit.id, Unit.name, Unit.short_name).where(Unit.id.in_({u for u in units if u}))
    return Names(
        {key: f"{staff}号 {name}" if staff else name for key, name, staff in await session.execute(people)},
        {key: short or name for key, name, short in await session.execute(bodies)},
    )


async def last_operator(session: AsyncSession, number: str, since: datetime) -> int | None:
    """Who answered this number's last call since then."""
    answered = (Call.caller_number == number) & (Call.answered_at >= since) & (Call.direction == "in")
    query = select(Call.operator_id).where(answered, Call.operator_id.is_not(None))
    return await session.scalar(query.order_by(Call.id.desc()).limit(1))


@dataclass(frozen=True)
class WholeCall:
    """One call with all that is known of it."""

    call: Call
    lines: list[LedgerLine]
    legs: list[Leg]
    spans: list[timeline.Span]
    names: Names
    recordings: list[Recording]
    shows_number: bool


async def one(session: AsyncSession, linkedid: str, scope: Scope) -> WholeCall:
    """The call with ledger, legs and recordings; raises CallUnknown, also when it is not this person's to see."""
    query = select(Call).where(Call.linkedid == linkedid, in_scope(scope))
    query = query.options(selectinload(Call.recordings), selectinload(Call.events))
    call = await session.scalar(query)
    if call is None:
        raise CallUnknown(linkedid=linkedid)
    return await whole(session, call, scope)


async def whole(session: AsyncSession, call: Call, scope: Scope) -> WholeCall:
    """The same for a call already loaded with `events` and `recordings`."""
    lines = lines_of(call.events)
    legs = await legs_with_people(session, lines)
    users = {leg.user_id for leg in legs} | {line.data.get("user") for line in lines} | {call.operator_id}
    units = {leg.unit_id for leg in legs} | {line.data.get("unit") for line in lines} | {call.liaison_unit_id}
    names = await names_of(session, users, units)
    at_telephones = {leg.extension: names.users.get(leg.user_id or 0, "") for leg in legs}
    names = replace(names, extensions=at_telephones)
    kept = [r for r in call.recordings if r.deleted_at is None]
    return WholeCall(call, lines, legs, timeline.bridged_spans(lines), names, kept, shows_number(call, scope))


async def legs_with_people(session: AsyncSession, lines: Sequence[LedgerLine]) -> list[Leg]:
    """The legs; a telephone the ledger names without a person is its present owner's."""
    legs = legs_of(lines)
    unnamed = {leg.extension for leg in legs if leg.user_id is None}
    owners: dict[str, int] = {}
    if unnamed:
        rows = await session.execute(select(User.extension, User.id).where(User.extension.in_(unnamed)))
        owners = {str(extension): user_id for extension, user_id in rows}
    for leg in legs:
        leg.user_id = leg.user_id or owners.get(leg.extension)
    return legs
