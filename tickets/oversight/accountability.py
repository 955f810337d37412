"""Accountability (问责, M-52): what is overdue and unexplained, or an order unanswered, and what the inspectors decided.

「对逾期未办,又未说明情况的,由监察机关进行问责」. The ticket itself goes on (T19); each step and order is decided once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Subquery, exists, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from tickets.access import ticket_for
from tickets.guards import Facts, Guard, GuardFailed, check
from tickets.lifecycle import Action
from tickets.models import Step, Ticket
from tickets.moves import leave_mark, move
from tickets.oversight.oversight_models import AccountabilityOutcome, AccountabilityRecord, SupervisionOrder
from tickets.requests import running
from tickets.text import clean

OUTCOMES = {
    AccountabilityOutcome.CRITICISM: "通报批评",
    AccountabilityOutcome.SANCTION: "行政问责",
    AccountabilityOutcome.JUDICIARY: "移交司法",
    AccountabilityOutcome.NONE: "不予问责",
}


@dataclass(frozen=True)
class Decision:
    """What the inspectors decide; 移交司法 needs who receives it and the list of papers (M-53)."""

    outcome: AccountabilityOutcome | str
    reason: str
    recipient: str = ""
    papers: str = ""


class HeldAlready(Conflict):
    """The inspectors decided about this step or order before."""

    code = "held_accountable_already"
    text = "该事项已作出问责决定，不能重复办理。"


def is_accountable(now: datetime) -> ColumnElement[bool]:
    """The condition on `Step` of the list 「逾期未办,又未说明情况」 (from the 2nd working day), decided or not."""
    return Step.finished_at.is_(None) & Step.explained_at.is_(None) & (Step.accountable_at <= now)


def is_decided() -> ColumnElement[bool]:
    """The condition on `Step` that the inspectors have decided about it."""
    return exists().where(AccountabilityRecord.step_id == Step.id)


WHAT = {"step": "逾期未办且未说明", "order": "督办逾期未反馈"}


def pending(now: datetime, watched: Collection[int]) -> Subquery:
    """The accountability list: (what, ticket_id, unit_id, cut_off_at) of every step and order that waits for a decision.

    `watched`: the keys of `access.supervised_units`; as keys, so that an index gives their open steps.
    """
    steps = select(literal("step").label("what"), Step.ticket_id, Step.unit_id, Step.cut_off_at)
    late = SupervisionOrder.answered_at.is_(None) & (SupervisionOrder.cut_off_at < now)
    decided = exists().where(AccountabilityRecord.order_id == SupervisionOrder.id)
    ordered = select(
        literal("order"), SupervisionOrder.ticket_id, SupervisionOrder.unit_id, SupervisionOrder.cut_off_at
    )
    waiting = steps.where(is_accountable(now), Step.unit_id.in_(watched), ~is_decided())
    return waiting.union_all(ordered.where(late, ~decided)).subquery("waiting")


async def hold(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, decision: Decision
) -> Ticket:
    """T19: decide about the ticket's open step.

    Raises TicketNotFound, NotAllowed, GuardFailed (explained, or its time not over), HeldAlready.
    """
    ticket, step = await running(session, user, ticket_no, Action.HOLD_ACCOUNTABLE)
    text = clean("reason", decision.reason)
    now = clock.now()
    facts = Facts(
        actor_id=user.id,
        reason=text,
        is_overdue=now > step.cut_off_at,
        is_unexplained=step.explained_at is None and now >= step.accountable_at,
    )
    if step.unit_id == user.unit_id:
        raise GuardFailed(
            guard="not_party", sentence="不能对本机关自己承办的环节问责，请交由上一级监察机关。"
        )
    record = _record(clock, user, ticket, decision, text)
    record.step_id, record.unit_id = step.id, step.unit_id
    await move(
        session, clock, ticket, Action.HOLD_ACCOUNTABLE, facts=facts, actor_id=user.id, step=step,
        to_unit_id=step.unit_id, text=_told(record),
    )  # fmt: skip
    await _keep(session, record)
    return ticket


async def hold_for_order(
    session: AsyncSession, clock: Clock, *, order_id: int, user: User, decision: Decision
) -> Ticket:
    """Decide about an order that was not answered in time (M-134)."""
    if Role.INSPECTOR not in user.roles:
        raise NotAllowed
    order = await session.get(SupervisionOrder, order_id)
    if order is None:
        raise NotFound
    ticket_no = (await session.get_one(Ticket, order.ticket_id)).ticket_no
    ticket = await ticket_for(session, user, ticket_no)
    if not order.is_late(clock.now()):
        raise GuardFailed(guard="is_overdue", sentence="该督办尚未逾期，不列入问责。")
    text = clean("reason", decision.reason)
    check((Guard.HAS_REASON,), Facts(reason=text))
    record = _record(clock, user, ticket, decision, text)
    record.order_id, record.unit_id = order.id, order.unit_id
    await leave_mark(
        session, clock, ticket, Action.HOLD_ACCOUNTABLE, actor_id=user.id, from_state=ticket.state,
        to_unit_id=order.unit_id, text=_told(record),
    )  # fmt: skip
    await _keep(session, record)
    return ticket


async def of_ticket(session: AsyncSession, ticket_id: int) -> Sequence[AccountabilityRecord]:
    query = select(AccountabilityRecord).where(AccountabilityRecord.ticket_id == ticket_id)
    return (await session.scalars(query.order_by(AccountabilityRecord.id))).all()


def _record(
    clock: Clock, user: User, ticket: Ticket, decision: Decision, reason: str
) -> AccountabilityRecord:
    try:
        chosen = AccountabilityOutcome(decision.outcome)
    except ValueError:
        raise InvalidInput(field="问责结果", reason="请从列表中选择") from None
    where, what = clean("recipient", decision.recipient), clean("papers", decision.papers)
    if chosen is AccountabilityOutcome.JUDICIARY:
        check((Guard.RECIPIENT_AND_PAPERS,), Facts(recipient=where, papers=what))
    return AccountabilityRecord(
        ticket_id=ticket.id, outcome=chosen, reason=reason, recipient=where, papers=what, decider_id=user.id,
        decided_at=clock.now(),
    )  # fmt: skip


def _told(record: AccountabilityRecord) -> str:
    to = f"（{record.recipient}）" if record.recipient else ""
    return f"{OUTCOMES[AccountabilityOutcome(record.outcome)]}{to}：{record.reason}"


async def _keep(session: AsyncSession, record: AccountabilityRecord) -> None:
    session.add(record)
    try:
        await session.flush()
    except IntegrityError:
        raise HeldAlready from None
