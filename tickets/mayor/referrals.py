"""Handing over to the mayor's hotline and letter box, and back (M-122 「开通市长热线和市长信箱」).

The register stands beside the ticket's states: what is handed over goes its own way too, and what comes from there is a
ticket like any other, with its clock and its code. Each hand-over is answered once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock, beijing
from core.db import hit_one
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from tickets.access import ticket_for
from tickets.errors import StepTaken, TicketLocked
from tickets.intake.ask import Question, ask
from tickets.mayor.models import Direction, MayorReferral, Way
from tickets.mayor.trail import mark
from tickets.models import Channel, State, Ticket
from tickets.service import Issued
from tickets.text import clean

KEEPERS = frozenset({Role.OPERATOR, Role.OFFICE, Role.SUPERVISOR})
"""Who keeps the register, each for the tickets they see."""


class HandedOverAlready(Conflict):
    """The ticket waits for an answer from there already."""

    code = "handed_over_already"
    text = "该工单已经移交，尚未收到回复，不能重复移交。"


class NumberKnown(Conflict):
    """What has this number there was registered before; `ticket_no` is ours."""

    code = "mayor_number_known"
    text = "这个编号已经登记过，工单号 {ticket_no}。"


@dataclass(frozen=True)
class Told:
    """A hand-over as it was typed."""

    way: str
    their_no: str = ""
    note: str = ""
    due_on: date | None = None


async def hand_over(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, told: Told
) -> MayorReferral:
    """The ticket's matter goes to them. Raises TicketNotFound, NotAllowed, TicketLocked, HandedOverAlready, InvalidInput."""
    _need_keeper(user)
    ticket = await ticket_for(session, user, ticket_no)
    if ticket.state == State.C_JUDICIAL:
        raise TicketLocked
    if ticket.is_practice:
        raise InvalidInput(field="工单", reason="练习工单不能移交")
    row = _row(clock, user, ticket, Direction.OUT, told)
    if not row.note:
        raise InvalidInput(field="移交说明", reason="请写明移交的事项")
    session.add(row)
    try:
        await session.flush()
    except IntegrityError:
        raise HandedOverAlready from None
    await mark(session, clock, ticket, user.id, "mayor_out", row, row.note)
    return row


async def take_in(
    session: AsyncSession, clock: Clock, *, user: User, question: Question, told: Told, code_seed: str = ""
) -> Issued:
    """What they hand to us becomes a ticket; raises NotAllowed, NumberKnown, InvalidInput and what `ask` raises."""
    _need_keeper(user)
    if not clean("their_no", told.their_no):
        raise InvalidInput(field="对方编号", reason="请填写市长热线、市长信箱的编号")
    if told.due_on is not None and told.due_on < beijing(clock.now()).date():
        raise InvalidInput(field="回复期限", reason="不能早于今天")
    of_mayor = replace(question, channel=Channel.MAYOR, operator_id=user.id)
    issued = await ask(session, clock, of_mayor, code_seed=code_seed)
    row = _row(clock, user, issued.ticket, Direction.IN, told)
    if known := await _known(session, row):
        raise NumberKnown(ticket_no=known)
    session.add(row)
    try:
        await session.flush()
    except IntegrityError:
        raise NumberKnown(ticket_no="见登记簿") from None
    await mark(session, clock, issued.ticket, user.id, "mayor_in", row, row.note)
    return issued


async def set_number(
    session: AsyncSession, clock: Clock, *, referral_id: int, user: User, their_no: str
) -> MayorReferral:
    """Their number of something handed over, told later or corrected. Raises NotFound, NotAllowed, InvalidInput."""
    row, ticket = await find(session, user, referral_id)
    number = clean("their_no", their_no)
    if row.direction != Direction.OUT or not number:
        raise InvalidInput(field="对方编号", reason="请填写")
    row.their_no = number
    await mark(session, clock, ticket, user.id, "mayor_number", row)
    return row


async def answered(
    session: AsyncSession, clock: Clock, *, referral_id: int, user: User, text: str
) -> MayorReferral:
    """What they told us, or we told them, once. Raises NotFound, NotAllowed, InvalidInput, StepTaken."""
    row, ticket = await find(session, user, referral_id)
    said = clean("answer", text)
    if not said:
        raise InvalidInput(field="回复内容", reason="请填写")
    values = {"answer": said, "answered_at": clock.now(), "answerer_id": user.id}
    first = (MayorReferral.id == row.id) & MayorReferral.answered_at.is_(None)
    if not hit_one(await session.execute(update(MayorReferral).where(first).values(**values))):
        raise StepTaken
    await session.refresh(row)
    await mark(session, clock, ticket, user.id, "mayor_answered", row, said)
    return row


async def find(session: AsyncSession, user: User, referral_id: int) -> tuple[MayorReferral, Ticket]:
    """The hand-over with its ticket, for a keeper who sees that; raises NotAllowed, NotFound, TicketNotFound."""
    _need_keeper(user)
    row = await session.get(MayorReferral, referral_id)
    if row is None:
        raise NotFound
    ticket_no = (await session.get_one(Ticket, row.ticket_id)).ticket_no
    return row, await ticket_for(session, user, ticket_no)


async def of_ticket(session: AsyncSession, ticket_id: int) -> Sequence[MayorReferral]:
    """The ticket's hand-overs, oldest first."""
    query = select(MayorReferral).where(MayorReferral.ticket_id == ticket_id).order_by(MayorReferral.id)
    return (await session.scalars(query)).all()


def _need_keeper(user: User) -> None:
    if not user.roles & KEEPERS:
        raise NotAllowed


def _row(clock: Clock, user: User, ticket: Ticket, direction: Direction, told: Told) -> MayorReferral:
    if told.way not in set(Way):
        raise InvalidInput(
            field="去向" if direction == Direction.OUT else "来源", reason="请选择市长热线或市长信箱"
        )
    return MayorReferral(
        ticket_id=ticket.id, region_id=ticket.region_id, direction=direction, way=Way(told.way),
        their_no=clean("their_no", told.their_no), at=clock.now(), by_id=user.id, note=clean("note", told.note),
        due_on=told.due_on,
    )  # fmt: skip


async def _known(session: AsyncSession, row: MayorReferral) -> str | None:
    """Our number of what came with the same number of theirs."""
    same = (MayorReferral.region_id == row.region_id) & (MayorReferral.way == row.way)
    same &= (MayorReferral.their_no == row.their_no) & (MayorReferral.direction == Direction.IN)
    found = select(Ticket.ticket_no).join(MayorReferral, MayorReferral.ticket_id == Ticket.id)
    return await session.scalar(found.where(same))
