"""The supervision of open clocks (督办, M-46, M-52): what is due soon, overdue or unexplained is found and told.

Theory of operation. Each open step stores the instant at which it must be looked at next (`watch_at`, a partial
index). A sweep
1. takes the steps whose instant has passed, a batch at a time; on PostgreSQL they are locked and those that another
   process holds are skipped, SQLite has one writer anyway;
2. reckons for each how far it has got (`deadlines.reached`), which may be further than the next stage when nobody
   looked for a while;
3. sets stage and next instant only where the old stage still stands and the step is open: what another process or
   person was quicker with is left alone;
4. writes one line of trail for each step that was set, and notices to those concerned, in the same transaction.
A batch that fails is taken step by step; a step that fails alone is put off for an hour and reported, so that one bad
row never stalls the rest. Pages never depend on the loop having run: they compare the stored instants themselves.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, case, exists, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.audit import AuditRow
from core.bus import publish
from core.clock import Clock
from core.db import Database
from core.people import Role
from recordings.models import Recording
from tickets.clocks.deadlines import reached
from tickets.events import TicketChanged
from tickets.models import ClockKind, Stage, Step, Ticket, TicketKind, TrailRow
from tickets.notices import post
from tickets.oversight.orders import overdue
from tickets.oversight.oversight_models import NoticeKind, SupervisionOrder
from tickets.recipients import Audience, Directory

log = structlog.get_logger()
BATCH = 500
PUT_OFF = timedelta(hours=1)
_KINDS = {
    Stage.DUE_SOON: NoticeKind.DUE_SOON,
    Stage.OVERDUE: NoticeKind.OVERDUE,
    Stage.UNEXPLAINED: NoticeKind.UNEXPLAINED,
}


_Case = aliased(Ticket)
_LEAD_ID = select(_Case.unit_id).where(_Case.id == Ticket.case_id).correlate(Ticket).scalar_subquery()
"""The unit that leads the parallel case of which the ticket is a part."""


async def sweep(db: Database, clock: Clock) -> int:
    """Look at every step whose instant has passed; returns how many this call moved to another stage."""
    moved, directory = 0, None
    while step_ids := await _waiting(db, clock):
        if directory is None:
            async with db.reading() as session:
                directory = await Directory.read(session)
        try:
            taken, batch_moved = await _look_at(db, clock, directory)
        except Exception:
            log.exception("supervision_batch_split", steps=len(step_ids))
            taken, batch_moved = await _one_by_one(db, clock, directory, step_ids)
        moved += batch_moved
        if taken == 0:  # other processes hold what is left
            break
    return moved + await _orders(db, clock)


async def _orders(db: Database, clock: Clock) -> int:
    async with db.reading() as session:
        late = select(SupervisionOrder.id).where(SupervisionOrder.watch_at < clock.now()).limit(1)
        if await session.scalar(late) is None:
            return 0
    async with db.unit_of_work() as session:
        return await overdue(session, clock)


async def _waiting(db: Database, clock: Clock) -> Sequence[int]:
    """A glance without a lock: mostly there is nothing to do, and then nobody waits for the writer."""
    async with db.reading() as session:
        return (await session.scalars(_due(clock.now()).with_only_columns(Step.id).limit(BATCH))).all()


async def _one_by_one(
    db: Database, clock: Clock, directory: Directory, step_ids: Sequence[int]
) -> tuple[int, int]:
    moved = 0
    for step_id in step_ids:
        try:
            moved += (await _look_at(db, clock, directory, step_id))[1]
        except Exception:
            log.exception("supervision_step_put_off", step_id=step_id)
            await _put_off(db, clock, step_id)
    return len(step_ids), moved


async def _look_at(
    db: Database, clock: Clock, directory: Directory, step_id: int | None = None
) -> tuple[int, int]:
    """One batch, or one step, in one transaction; returns how many were looked at and how many moved."""
    now = clock.now()
    async with db.unit_of_work() as session:
        found = await _taken(session, now, step_id)
        groups: dict[tuple[Stage, Stage], list[Row[Any]]] = defaultdict(list)
        for row in found:
            groups[Stage(row.stage), _stage_of(row, now)].append(row)
        moved = 0
        for (old, new), rows in groups.items():
            hit = await _set_stage(session, now, old, new, [row.id for row in rows])
            if old != new:
                moved += len(hit)
                await _tell(session, now, directory, new, [row for row in rows if row.id in hit])
    return len(found), moved


def _due(now: datetime) -> Any:
    return select(Step).where(Step.watch_at < now).order_by(Step.watch_at)


async def _taken(session: AsyncSession, now: datetime, step_id: int | None) -> Sequence[Row[Any]]:
    """The next batch (or this one step) as far as nobody else holds it, locked until the commit."""
    columns = (
        Step.id, Step.ticket_id, Step.unit_id, Step.clock, Step.stage, Step.warn_at, Step.cut_off_at,
        Step.accountable_at, Step.explained_at, Ticket.ticket_no, Ticket.kind, Ticket.state, _LEAD_ID.label("lead_id"),
        _is_unopened_message().label("is_unopened"),
    )  # fmt: skip
    query = _due(now).join(Ticket, Ticket.id == Step.ticket_id).limit(BATCH)
    query = query if step_id is None else query.where(Step.id == step_id)
    locked = query.with_only_columns(*columns).with_for_update(of=Step, skip_locked=True)
    return (await session.execute(locked)).all()


def _stage_of(row: Row[Any], now: datetime) -> Stage:
    return reached(
        now=now, warn_at=row.warn_at, cut_off_at=row.cut_off_at, accountable_at=row.accountable_at,
        explained_at=row.explained_at,
    )  # fmt: skip


async def _set_stage(
    session: AsyncSession, now: datetime, old: Stage, new: Stage, step_ids: Sequence[int]
) -> frozenset[int]:
    """Compare and set; the ids of the steps that this call moved."""
    still = (Step.stage == old, Step.watch_at < now, Step.finished_at.is_(None))
    change = update(Step).where(Step.id.in_(step_ids), *still)
    change = change.values(stage=new, watch_at=_next_look(new), **_marks(old, new, now))
    change = change.returning(Step.id).execution_options(synchronize_session=False)
    return frozenset((await session.scalars(change)).all())


def _next_look(stage: Stage) -> ColumnElement[datetime | None] | Any:
    match stage:
        case Stage.ON_TIME:
            return Step.warn_at
        case Stage.DUE_SOON:
            return Step.cut_off_at
        case Stage.OVERDUE:
            return case((Step.explained_at.is_(None), Step.accountable_at), else_=null())
        case Stage.UNEXPLAINED:
            return null()


def _marks(old: Stage, new: Stage, now: datetime) -> dict[str, datetime]:
    late = {Stage.OVERDUE, Stage.UNEXPLAINED}
    return {"overdue_at": now} if new in late and old not in late else {}


async def _tell(
    session: AsyncSession, now: datetime, directory: Directory, stage: Stage, rows: Sequence[Row[Any]]
) -> None:
    """A line of trail for each, notices to those concerned, news to the open pages."""
    if not rows:
        return
    lines = [
        {
            "ticket_id": row.ticket_id, "at": now, "rule": "", "action": stage, "from_state": row.state,
            "to_state": row.state, "step_id": row.id, "text": "",
        }
        for row in rows
    ]  # fmt: skip
    await session.execute(insert(TrailRow), lines)
    notices, told = [], set[Audience]()
    for row in rows:
        audiences = directory.of(row.unit_id, stage, is_complaint=row.kind == TicketKind.COMPLAINT)
        if row.lead_id is not None:  # a part that is late keeps the whole case waiting (M-129)
            audiences |= {Audience(role, row.lead_id) for role in (Role.LIAISON, Role.HEAD)}
        told |= audiences
        about = {"at": now, "kind": _kind(row, stage), "ticket_id": row.ticket_id, "step_id": row.id}
        notices += [about | audience._asdict() for audience in sorted(audiences)]
        publish(session, TicketChanged(row.ticket_no))
    await post(session, notices, told)


def _kind(row: Row[Any], stage: Stage) -> NoticeKind:
    unopened = ClockKind(row.clock) is ClockKind.CC1 and row.is_unopened
    return NoticeKind.MESSAGE_UNOPENED if unopened and stage is Stage.DUE_SOON else _KINDS[stage]


def _is_unopened_message() -> ColumnElement[bool]:
    """A message that nobody has listened to and no operator has taken (§5.7)."""
    played = exists().where(
        Recording.id == Ticket.recording_id,
        AuditRow.target == "recording:" + Recording.public_id,
        AuditRow.action == "recording.play",
    )
    return (Step.clock == ClockKind.CC1) & Ticket.operator_id.is_(None) & ~played


async def _put_off(db: Database, clock: Clock, step_id: int) -> None:
    async with db.unit_of_work() as session:
        later = clock.now() + PUT_OFF
        await session.execute(update(Step).where(Step.id == step_id).values(watch_at=later))
