"""Asking in writing (网上提问、窗口登记): with a known unit it is that unit's at once, without one the government office's.

M-100 「建设政务信息网络查询系统」, M-40 「对公众没有或者难以明确具体部门的…由各级人民政府办公厅(室)统一区分」.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.units import Unit, UnitDuty, shown_regions
from tickets.bodies import body_of
from tickets.clocks.deadlines import clock_for
from tickets.errors import OfficeMissing, UnitUnknown
from tickets.guards import Facts
from tickets.lifecycle import Action
from tickets.models import Channel, ClockKind, Feedback, Outcome, Ticket, TicketKind
from tickets.moves import PUBLIC, move, start_step
from tickets.service import Issued, open_ticket
from tickets.text import clean

UNIT_NOT_NAMED = "提问人没有指明承办单位"


@dataclass(frozen=True)
class Question:
    """What somebody wants to know; texts as typed, `received_at` when it is not now (M-108)."""

    text: str
    channel: Channel
    line: str
    region_id: int
    unit_id: int | None = None
    """Whose matter it is; None: the government office finds out."""
    subject: str = ""
    asker_name: str = ""
    callback_number: str = ""
    operator_id: int | None = None
    """The member of staff who typed it."""
    received_at: datetime | None = None
    kind: TicketKind = TicketKind.QUESTION
    """Or an application, by `tickets.intake.disclosure`."""


async def ask(session: AsyncSession, clock: Clock, question: Question, *, code_seed: str = "") -> Issued:
    """A question becomes a ticket with a clock in one go: T1, then T3 (unit known) or T4 (政府办).

    Raises TextTooLong, InvalidInput, UnitUnknown, OfficeMissing.
    """
    unit = await _unit(session, question.unit_id)
    issued = await _open(session, clock, question, unit, code_seed)
    if unit is not None:
        await _to_unit(session, clock, issued.ticket, unit)
    else:
        await _to_office(session, clock, issued.ticket)
    return issued


async def answer_at_once(
    session: AsyncSession, clock: Clock, question: Question, answer: str, *, code_seed: str = ""
) -> Issued:
    """Asked and answered across the counter (T2, M-36 「能回复或者解答的及时给予回复或者解答」)."""
    issued = await _open(session, clock, question, await _unit(session, question.unit_id), code_seed)
    ticket = issued.ticket
    ticket.answer, ticket.outcome, ticket.closed_at = clean("answer", answer), Outcome.ANSWERED, clock.now()
    ticket.unit_id = question.unit_id
    facts = Facts(answer=ticket.answer)
    await move(session, clock, ticket, Action.ANSWER_ON_SPOT, facts=facts, actor_id=ticket.operator_id)
    return issued


async def askable_units(session: AsyncSession, region_id: int) -> list[Unit]:
    """The units of a region that answer questions, by their codes (M-03 「所有查询立足于本级解决」); none of a region that is not shown (M-05)."""
    of_region = (Unit.region_id == region_id) & (Unit.duty == UnitDuty.DEPARTMENT) & Unit.is_active
    of_region &= Unit.region_id.in_(shown_regions())
    return list(await session.scalars(select(Unit).where(of_region).order_by(Unit.code)))


async def _open(
    session: AsyncSession, clock: Clock, question: Question, unit: Unit | None, code_seed: str
) -> Issued:
    number = clean("callback_number", question.callback_number)
    return await open_ticket(
        session, clock, Action.OPEN, question.kind, question.channel,
        line=question.line, region_id=unit.region_id if unit else question.region_id, caller_number="",
        question=clean("question", question.text), subject=clean("subject", question.subject),
        asker_name=clean("asker_name", question.asker_name), callback_number=number,
        feedback=Feedback.CALL_BACK if number and question.kind == TicketKind.QUESTION else Feedback.BY_CODE,
        operator_id=question.operator_id, received_at=question.received_at,
        code_seed=code_seed,
    )  # fmt: skip


async def _unit(session: AsyncSession, unit_id: int | None) -> Unit | None:
    if unit_id is None:
        return None
    unit = await session.get(Unit, unit_id)
    if unit is None or not unit.is_active or unit.duty != UnitDuty.DEPARTMENT:
        raise UnitUnknown(unit_id)
    return unit


async def _to_unit(session: AsyncSession, clock: Clock, ticket: Ticket, unit: Unit) -> None:
    ticket.outcome, ticket.first_unit_id = Outcome.ASSIGNED, unit.id
    await start_step(session, ticket, unit, clock_for(ticket), ticket.received_at)
    facts = Facts(target_in_service=True, target_in_region=True)
    await move(
        session, clock, ticket, Action.ASSIGN, facts=facts, actor=PUBLIC, actor_id=ticket.operator_id,
        to_unit_id=unit.id,
    )  # fmt: skip


async def _to_office(session: AsyncSession, clock: Clock, ticket: Ticket) -> None:
    office = await body_of(session, ticket.region_id, UnitDuty.OFFICE)
    if office is None:
        raise OfficeMissing
    ticket.outcome, ticket.reason = Outcome.UNCLEAR, UNIT_NOT_NAMED
    await start_step(session, ticket, office, ClockKind.G5, ticket.received_at)
    await move(
        session, clock, ticket, Action.SEND_TO_OFFICE, facts=Facts(reason=ticket.reason), actor=PUBLIC,
        actor_id=ticket.operator_id, to_unit_id=office.id, text=ticket.reason,
    )  # fmt: skip
