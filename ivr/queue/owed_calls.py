"""The list of callers to be called back (漏接回拨): who gave up in the queue, and who keeps their place in it.

A call owed has a due time, an owner once somebody takes it on, and in the end a result; a number has at most one that is
open. Ringing is `ivr.control`'s. Every function works in the session that it is given and never commits.
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
"""M-28: a caller who is called so often in vain counts as unreachable."""
LAST_HOUR = timedelta(hours=1)
"""A call missed within the last hour before closing is due only at the end of the next working day."""


@dataclass(frozen=True)
class OwedCallsChanged:
    """The list of calls owed has changed."""


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
    """Put a caller on the list; None for a hidden number, and for a caller who has been called back already.

    A number that is on the list keeps its place there. A call that is reported twice, as after a node has come back, counts once.
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
    """The open entry of the same number, if there is one, with the new call counted in it."""
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
    """Note the result of one try. After a vain one anybody may take the call on; the third in vain finishes it."""
    row = await session.get_one(OwedCall, owed_call_id)
    if row.state != OwedState.OPEN:
        return
    if reached or row.tries >= TRIES:
        _finish(row, clock, OwedState.REACHED if reached else OwedState.UNREACHABLE)
    else:
        row.owner_id, row.kind = None, OwedKind.MISSED
    publish(session, OwedCallsChanged())


async def drop(session: AsyncSession, clock: Clock, owed_call_id: int, user_id: int, remark: str) -> None:
    """Close a call owed by hand, with the reason. Raises OwedCallUnknown, OwedCallTaken."""
    row = await session.get(OwedCall, owed_call_id)
    if row is None:
        raise OwedCallUnknown
    if row.state != OwedState.OPEN or row.owner_id not in (None, user_id):
        raise OwedCallTaken
    row.owner_id, row.remark = user_id, remark
    _finish(row, clock, OwedState.DROPPED)
    publish(session, OwedCallsChanged())


async def served(session: AsyncSession, clock: Clock, number: str) -> None:
    """The caller has called again and an operator has answered: nobody need call back."""
    rows = (await session.scalars(_open().where(OwedCall.number == number))).all() if number else []
    for row in rows:
        _finish(row, clock, OwedState.SERVED)
        publish(session, OwedCallsChanged())


async def waiting_list(session: AsyncSession, regions: Collection[int] | None = None) -> Sequence[OwedCall]:
    """What is open, by due time; `regions` None: of all."""
    query = _open().options(selectinload(OwedCall.owner)).order_by(OwedCall.due_at, OwedCall.asked_at)
    if regions is not None:
        query = query.where(OwedCall.region_id.in_(regions))
    return (await session.scalars(query)).all()


async def kept_places(session: AsyncSession) -> Sequence[OwedCall]:
    """Those keeping their place whom nobody is calling, longest wait first."""
    kept = _open().where(OwedCall.kind == OwedKind.KEPT_PLACE, OwedCall.owner_id.is_(None))
    return (await session.scalars(kept.order_by(OwedCall.asked_at, OwedCall.id))).all()


async def untouched(session: AsyncSession, node: str) -> Sequence[tuple[OwedCall, Call]]:
    """Missed calls of a node (`node` begins its linkedids) that are open and that nobody has begun to call back."""
    mine = (OwedCall.kind == OwedKind.MISSED) & Call.linkedid.startswith(node, autoescape=True)
    query = select(OwedCall, Call).join(Call, Call.id == OwedCall.call_id)
    untried = (OwedCall.tries == 0) & (OwedCall.times == 1) & OwedCall.owner_id.is_(None)
    rows = await session.execute(query.where(OwedCall.state == OwedState.OPEN, mine, untried))
    return [(owed, call) for owed, call in rows]


async def withdraw(session: AsyncSession, row: OwedCall) -> None:
    """Take off the list a call that was put there by mistake and that nobody has begun to call back."""
    await session.delete(row)
    publish(session, OwedCallsChanged())


def _open() -> Select[OwedCall]:
    return select(OwedCall).where(OwedCall.state == OwedState.OPEN)


async def _is_settled(session: AsyncSession, call_id: int, number: str, asked_at: datetime) -> bool:
    """Whether this call has been called back, or its number was reached through another entry after the caller asked."""
    of_call = (OwedCall.call_id == call_id) & (OwedCall.state != OwedState.OPEN)
    since = (OwedCall.state == OwedState.REACHED) & (OwedCall.finished_at > asked_at)
    found = select(OwedCall.id).where(OwedCall.number == number, of_call | since).limit(1)
    return await session.scalar(found) is not None


def _finish(row: OwedCall, clock: Clock, state: OwedState) -> None:
    row.state, row.finished_at = state, clock.now()


async def _due_at(session: AsyncSession, asked_at: datetime, region_id: int | None) -> datetime:
    """The end of the working day, or of the next one when little is left of it."""
    region = await session.get(Region, region_id) if region_id else None
    code, calendar = region.code if region else None, await load_calendar(session)
    today = beijing(asked_at).date()
    if calendar.is_workday(today, code) and calendar.cut_off_at(today, code) - asked_at > LAST_HOUR:
        return calendar.cut_off_at(today, code)
    return calendar.cut_off_at(calendar.due_on(asked_at, 1, code).on, code)
