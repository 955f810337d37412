"""Supervision orders (督办, M-134): an office or a supervision body wants something of a unit until a day.

The order is no part of the ticket's states: the ticket goes its way. Answered or not, it stays; unanswered past its day
it stands on the accountability list.
"""

from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.db import hit_one
from core.errors import InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from core.units import Region, Unit
from tickets.access import ticket_for
from tickets.bodies import replying_step
from tickets.errors import StepTaken, TicketLocked
from tickets.guards import NotHolder
from tickets.models import State, Ticket, TicketKind
from tickets.moves import leave_mark, open_step
from tickets.notices import post
from tickets.oversight.oversight_models import NoticeKind, SupervisionOrder
from tickets.recipients import Audience
from tickets.requests import acts_for
from tickets.text import clean

ISSUERS = (Role.OFFICE, Role.INSPECTOR)


async def issue(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, text: str, until_on: date
) -> SupervisionOrder:
    """Order the unit that holds the question, or replied to it, to do what `text` says and answer by the close of `until_on`."""
    if not user.roles & set(ISSUERS) or user.unit_id is None:
        raise NotAllowed
    ticket = await ticket_for(session, user, ticket_no)
    unit = await _addressee(session, ticket)
    if unit.id == user.unit_id:
        raise InvalidInput(field="督办单位", reason="不能督办本机关自己承办的工单")
    what = clean("order", text)
    if not what:
        raise InvalidInput(field="督办要求", reason="请写明需要办理的事项")
    order = SupervisionOrder(
        ticket_id=ticket.id, unit_id=unit.id, issuer_id=user.id, issuer_unit_id=user.unit_id, issued_at=clock.now(),
        what=what, until_on=until_on,
    )  # fmt: skip
    order.cut_off_at = order.watch_at = await cut_off(session, clock, unit, until_on)
    session.add(order)
    await leave_mark(
        session, clock, ticket, "order", actor_id=user.id, from_state=ticket.state, from_unit_id=user.unit_id,
        to_unit_id=unit.id, text=f"{what}（限 {until_on:%Y-%m-%d} 前）",
    )  # fmt: skip
    await _notify(session, clock, order, NoticeKind.ORDER, _people_of(order))
    return order


async def answer(
    session: AsyncSession, clock: Clock, *, order_id: int, user: User, text: str
) -> SupervisionOrder:
    """The unit's answer, once; a late one is kept as late. Raises NotFound, NotHolder, StepTaken."""
    order = await session.get(SupervisionOrder, order_id)
    if order is None:
        raise NotFound
    ticket = await session.get_one(Ticket, order.ticket_id)
    if not await acts_for(session, user, order.unit_id):
        raise NotFound
    if not user.roles & {Role.LIAISON, Role.HEAD, Role.OFFICE}:
        raise NotHolder
    said = clean("order_answer", text)
    if not said:
        raise InvalidInput(field="督办反馈", reason="请写明办理情况")
    values = {"answer": said, "answered_at": clock.now(), "answerer_id": user.id, "watch_at": None}
    first = (SupervisionOrder.id == order.id) & SupervisionOrder.answered_at.is_(None)
    if not hit_one(await session.execute(update(SupervisionOrder).where(first).values(**values))):
        raise StepTaken
    await session.refresh(order)
    await leave_mark(
        session, clock, ticket, "order_answered", actor_id=user.id, from_state=ticket.state,
        from_unit_id=order.unit_id, to_unit_id=order.issuer_unit_id, text=said,
    )  # fmt: skip
    await _notify(session, clock, order, NoticeKind.ORDER_ANSWERED, _issuers_of(order))
    return order


async def of_ticket(session: AsyncSession, ticket_id: int) -> list[SupervisionOrder]:
    """The ticket's orders, oldest first."""
    query = select(SupervisionOrder).where(SupervisionOrder.ticket_id == ticket_id)
    return list((await session.scalars(query.order_by(SupervisionOrder.id))).all())


async def overdue(session: AsyncSession, clock: Clock) -> int:
    """Mark the orders whose day has passed unanswered and tell both sides; for the supervision's loop."""
    late = select(SupervisionOrder).where(SupervisionOrder.watch_at < clock.now()).limit(100)
    orders = (await session.scalars(late.with_for_update(skip_locked=True))).all()
    for order in orders:
        order.watch_at, order.overdue_at = None, clock.now()
        ticket = await session.get_one(Ticket, order.ticket_id)
        await leave_mark(
            session, clock, ticket, "order_overdue", from_state=ticket.state, to_unit_id=order.unit_id
        )
        await _notify(session, clock, order, NoticeKind.ORDER_OVERDUE, _people_of(order) | _issuers_of(order))
    return len(orders)


async def _addressee(session: AsyncSession, ticket: Ticket) -> Unit:
    if ticket.state == State.C_JUDICIAL:
        raise TicketLocked
    step = await open_step(session, ticket) or await replying_step(session, ticket.id)
    if ticket.kind == TicketKind.COMPLAINT or step is None or step.unit_id is None:
        raise InvalidInput(field="督办单位", reason="该工单没有可督办的承办单位")
    return await session.get_one(Unit, step.unit_id)


async def cut_off(session: AsyncSession, clock: Clock, unit: Unit, until_on: date) -> datetime:
    """The end of business of the unit's region on that working day within a year; raises InvalidInput."""
    calendar = await load_calendar(session)
    region = await session.get_one(Region, unit.region_id)
    if until_on < beijing(clock.now()).date() or (until_on - beijing(clock.now()).date()).days > 366:
        raise InvalidInput(field="办理期限", reason="请填写今天起一年之内的日期")
    if not calendar.is_workday(until_on, region.code):
        raise InvalidInput(field="办理期限", reason=f"{until_on:%Y-%m-%d} 不是工作日，请另选一天")
    return calendar.cut_off_at(until_on, region.code)


def _people_of(order: SupervisionOrder) -> set[Audience]:
    return {Audience(role, order.unit_id) for role in (Role.LIAISON, Role.HEAD, Role.OFFICE)}


def _issuers_of(order: SupervisionOrder) -> set[Audience]:
    return {Audience(role, order.issuer_unit_id) for role in ISSUERS}


async def _notify(
    session: AsyncSession, clock: Clock, order: SupervisionOrder, kind: NoticeKind, told: set[Audience]
) -> None:
    about = {"at": clock.now(), "kind": kind, "ticket_id": order.ticket_id, "step_id": None}
    await post(session, [about | audience._asdict() for audience in sorted(told)], told)
