"""Callers to be called back (漏接回拨): who gave up in the queue, and who keeps their place in it.

A call-back has an owner once somebody takes it on, a due time and a result; a number has at most one that is open.
Ringing is `ivr.control`'s. Every function takes the caller's session and never commits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.bus import publish
from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.db import hit_one
from core.errors import Conflict, NotFound
from core.units import Region
from ivr.models import OwedCall, OwedKind, OwedState
from recordings.models import Call

TRIES = 3
"""M-28: after so many in vain the caller counts as unreachable."""
LAST_HOUR = timedelta(hours=1)
"""Missed within the last hour before closing: due at the end of the next working day."""


@dataclass(frozen=True)
class OwedCallsChanged:
    """The list of owed-calls is no longer what it was."""


class OwedCallTaken(Conflict):
    """Somebody else has taken it on, or it is finished."""

    code = "owed_call_taken"
    text = "这个回拨已由他人处理或已经办结，请刷新列表。"


class OwedCallUnknown(NotFound):
    """There is no such call-back in this person's reach."""

    code = "owed_call_unknown"
    text = "没有这个回拨任务。"


async def owe(
    session: AsyncSession,
    *,
    call_id: int,
    kind: OwedKind,
    number: str = "",
    asked_at: datetime | None = None,
    language: str = "",
) -> OwedCall | None:
    """Put a caller on the list; None for a hidden number, and for who has had the call back already.

    A number that is on it already stays at its place; the same call, reported again (by the node that came back), counts once.
    """
    call = await session.get_one(Call, call_id)
    wanted = number or call.caller_number
    asked_at = asked_at or call.queued_at or call.started_at
    if not any(character.isdigit() for character in wanted) or await _is_settled(
        session, call_id, wanted, asked_at
    ):
        return None
    publish(session, OwedCallsChanged())
    fresh = OwedCall(
        call_id=call_id, region_id=call.region_id, line=call.line, number=wanted, kind=kind, language=language,
        asked_at=asked_at, due_at=await _due_at(session, asked_at, call.region_id),
    )  # fmt: skip
    return await _listed(session, fresh) or await _added(session, fresh)


async def _listed(session: AsyncSession, fresh: OwedCall) -> OwedCall | None:
    """Who has this number's line on the list already, with the new call told there."""
    known = await session.scalar(_open().where(OwedCall.number == fresh.number).with_for_update())
    if known is not None:
        known.times += known.call_id != fresh.call_id
        known.kind = fresh.kind if fresh.kind == OwedKind.KEPT_PLACE else known.kind
    return known


async def _added(session: AsyncSession, fresh: OwedCall) -> OwedCall | None:
    try:
        async with session.begin_nested():
            session.add(fresh)
    except IntegrityError:  # the same number at another node, in the same moment
        return await _listed(session, fresh)
    return fresh


async def take_on(session: AsyncSession, clock: Clock, owed_call_id: int, user_id: int) -> OwedCall:
    """This operator tries now. Raises OwedCallTaken when another was quicker."""
    free = (OwedCall.id == owed_call_id) & (OwedCall.state == OwedState.OPEN)
    mine = or_(OwedCall.owner_id.is_(None), OwedCall.owner_id == user_id)
    values = {"owner_id": user_id, "tries": OwedCall.tries + 1, "tried_at": clock.now()}
    if not hit_one(await session.execute(update(OwedCall).where(free, mine).values(**values))):
        raise OwedCallTaken
    publish(session, OwedCallsChanged())
    return await session.get_one(OwedCall, owed_call_id, populate_existing=True)


async def tried(session: AsyncSession, clock: Clock, owed_call_id: int, *, reached: bool) -> None:
    """The result of one try; the third in vain ends it, and the next is anybody's."""
    row = await session.get_one(OwedCall, owed_call_id)
    if row.state != OwedState.OPEN:
        return
    if reached or row.tries >= TRIES:
        _finish(row, clock, OwedState.REACHED if reached else OwedState.UNREACHABLE)
    else:
        row.owner_id, row.kind = None, OwedKind.MISSED
    publish(session, OwedCallsChanged())


async def drop(session: AsyncSession, clock: Clock, owed_call_id: int, user_id: int, remark: str) -> None:
    """Closed by hand, with the reason."""
    row = await session.get(OwedCall, owed_call_id)
    if row is None:
        raise OwedCallUnknown
    if row.state != OwedState.OPEN or row.owner_id not in (None, user_id):
        raise OwedCallTaken
    row.owner_id, row.remark = user_id, remark
    _finish(row, clock, OwedState.DROPPED)
    publish(session, OwedCallsChanged())


async def served(session: AsyncSession, clock: Clock, number: str) -> None:
    """The caller called again and an operator answered: nobody need call back."""
    rows = (await session.scalars(_open().where(OwedCall.number == number))).all() if number else []
    for row in rows:
        _finish(row, clock, OwedState.SERVED)
        publish(session, OwedCallsChanged())


async def waiting_list(session: AsyncSession, regions: Collection[int] | None = None) -> Sequence[OwedCall]:
    """What is open, those keeping their place first, then by due time; `regions` None: of all."""
    query = _open().options(selectinload(OwedCall.owner)).order_by(OwedCall.due_at, OwedCall.asked_at)
    if regions is not None:
        query = query.where(OwedCall.region_id.in_(regions))
    return (await session.scalars(query)).all()


async def kept_places(session: AsyncSession) -> Sequence[OwedCall]:
    """Those keeping their place whom nobody is calling, longest wait first."""
    kept = _open().where(OwedCall.kind == OwedKind.KEPT_PLACE, OwedCall.owner_id.is_(None))
    return (await session.scalars(kept.order_by(OwedCall.asked_at, OwedCall.id))).all()


async def untouched(session: AsyncSession, node: str) -> Sequence[tuple[OwedCall, Call]]:
    """Missed calls of a node (the beginning of its linkedids) that are open and that nobody has begun to call back."""
    mine = (OwedCall.kind == OwedKind.MISSED) & Call.linkedid.startswith(node, autoescape=True)
    query = select(OwedCall, Call).join(Call, Call.id == OwedCall.call_id)
    untried = (OwedCall.tries == 0) & (OwedCall.times == 1) & OwedCall.owner_id.is_(None)
    rows = await session.execute(query.where(OwedCall.state == OwedState.OPEN, mine, untried))
    return [(owed, call) for owed, call in rows]


async def withdraw(session: AsyncSession, row: OwedCall) -> None:
    """It was listed by mistake and nobody has begun: as if it had never been."""
    await session.delete(row)
    publish(session, OwedCallsChanged())


def _open() -> Select[OwedCall]:
    return select(OwedCall).where(OwedCall.state == OwedState.OPEN)


async def _is_settled(session: AsyncSession, call_id: int, number: str, asked_at: datetime) -> bool:
    """This very call has had its call-back, or the number was reached by another after it asked."""
    of_call = (OwedCall.call_id == call_id) & (OwedCall.state != OwedState.OPEN)
    since = (OwedCall.state == OwedState.REACHED) & (OwedCall.finished_at > asked_at)
    found = select(OwedCall.id).where(OwedCall.number == number, of_call | since).limit(1)
    return await session.scalar(found) is not None


def _finish(row: OwedCall, clock: Clock, state: OwedState) -> None:
    row.state, row.finished_at = state, clock.now()


async def _due_at(session: AsyncSession, asked_at: datetime, region_id: int | None) -> datetime:
    """The end of this working day, or of the next when little is left of it."""
    region = await session.get(Region, region_id) if region_id else None
    code, calendar = region.code if region else None, await load_calendar(session)
    today = beijing(asked_at).date()
    if calendar.is_workday(today, code) and calendar.cut_off_at(today, code) - asked_at > LAST_HOUR:
        return calendar.cut_off_at(today, code)
    return calendar.cut_off_at(calendar.due_on(asked_at, 1, code).on, code)
