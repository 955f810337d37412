"""Sealing (封存, M-86): a ticket with a state or personal secret, and its recordings, for inspectors and secrecy reviewers alone."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import Conflict, NotAllowed
from core.people import Role, User
from recordings.models import Recording
from tickets.access import ticket_for
from tickets.errors import TicketLocked
from tickets.guards import Facts, Guard, check
from tickets.models import State, Ticket
from tickets.moves import leave_mark
from tickets.parallel.shares import others_of
from tickets.text import clean

SEALERS = (Role.INSPECTOR, Role.SECRECY)


class SealedAlready(Conflict):
    """It is as asked for already."""

    code = "sealed_already"
    text = "该工单的封存状态已经改变，请刷新后核对。"


async def set_sealed(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, sealed: bool, reason: str
) -> Ticket:
    """Seal, or lift the seal, with a reason; the recordings of the ticket's call go along, and the rest of a parallel case."""
    if not user.roles & set(SEALERS):
        raise NotAllowed
    ticket = await ticket_for(session, user, ticket_no)
    if ticket.state == State.C_JUDICIAL:
        raise TicketLocked
    if ticket.sealed == sealed:
        raise SealedAlready
    text = clean("reason", reason)
    check((Guard.HAS_REASON,), Facts(reason=text))
    for one in (ticket, *await others_of(session, ticket)):
        one.sealed = sealed
    theirs = (Recording.id == ticket.recording_id) | (Recording.call_id == ticket.call_id)
    for recording in await session.scalars(select(Recording).where(theirs)):
        recording.sealed = sealed
    action = "seal" if sealed else "unseal"
    await leave_mark(session, clock, ticket, action, actor_id=user.id, from_state=ticket.state, text=text)
    return ticket
