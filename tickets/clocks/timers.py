"""What a finished reply does by itself (归档, T14, C3): archived when it was rated, or after a quiet time."""

from datetime import timedelta

import structlog
from sqlalchemy import select, update

from core.clock import Clock
from core.db import Database
from tickets.guards import Facts
from tickets.lifecycle import Action
from tickets.models import State, Ticket
from tickets.moves import move

log = structlog.get_logger()
BATCH = 200
PUT_OFF = timedelta(hours=1)
_ACTIONS = {State.REPLIED: Action.ARCHIVE, State.C_REPLIED: Action.CLOSE_COMPLAINT}


async def archive(db: Database, clock: Clock) -> int:
    """Archive every ticket whose time has come, each in a unit of work of its own; returns how many."""
    done = 0
    while ticket_ids := await _ripe(db, clock):
        for ticket_id in ticket_ids:
            try:
                done += await _archive_one(db, clock, ticket_id)
            except Exception:
                log.exception("archive_put_off", ticket_id=ticket_id)
                await _put_off(db, clock, ticket_id)
    return done


async def _ripe(db: Database, clock: Clock) -> list[int]:
    async with db.reading() as session:
        ripe = select(Ticket.id).where(Ticket.timer_at <= clock.now()).order_by(Ticket.timer_at).limit(BATCH)
        return list((await session.scalars(ripe)).all())


async def _archive_one(db: Database, clock: Clock, ticket_id: int) -> bool:
    """Compare and set: somebody who complains at this moment is first, or the archive is."""
    async with db.unit_of_work() as session:
        mine = select(Ticket).where(Ticket.id == ticket_id, Ticket.timer_at <= clock.now())
        ticket = await session.scalar(mine.with_for_update(skip_locked=True))
        if ticket is None:
            return False
        if action := _ACTIONS.get(State(ticket.state)):
            ticket.closed_at = ticket.closed_at or clock.now()
            await move(session, clock, ticket, action, facts=Facts(is_rated_or_quiet=True))
        ticket.timer_at = None
        return action is not None


async def _put_off(db: Database, clock: Clock, ticket_id: int) -> None:
    async with db.unit_of_work() as session:
        later = clock.now() + PUT_OFF
        await session.execute(update(Ticket).where(Ticket.id == ticket_id).values(timer_at=later))
