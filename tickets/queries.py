"""Reading tickets: by query code, by call, by number. What a person may see is `tickets.access`' matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from core.clock import Clock, beijing
from tickets.bodies import REPLIES
from tickets.errors import SeenStale
from tickets.lifecycle import REPLIED_STATES, STATE_NAMES
from tickets.models import Stage, State, Step, StepResult, Ticket, TicketKind, TrailRow
from tickets.parallel.shares import Share, shares_query
from tickets.query_codes import codes
from tickets.query_codes.code_models import QueryCode

_TOLD = REPLIED_STATES | {State.C_REPLIED, State.C_CLOSED, State.C_REJECTED}
"""States in which whoever holds the code reads a reply, or why there is none."""

_OPENED = (
    select(Ticket, Step)
    .join(QueryCode, QueryCode.ticket_id == Ticket.id)
    .outerjoin(Step, Step.ticket_id == Ticket.id)
    .outerjoin(Step.unit)
    .where(QueryCode.code_hash == bindparam("code_hash"), QueryCode.died_at.is_(None))
    .options(contains_eager(Step.unit))
    .order_by(Step.position)
)
"""Made once: putting it together takes longer than its answer."""


@dataclass(frozen=True)
class Part:
    """What one unit answered (M-39): a joint reply has several, in order."""

    unit_name: str
    text: str
    on: date


@dataclass(frozen=True)
class CodeStatus:
    """What whoever holds the code may know (M-20): never a name, a number or a recording."""

    ticket: Ticket
    unit_name: str
    """The unit that holds it, or that replied; empty while nobody does."""
    unit_code: str
    """Its three digits: the prompt of its name."""
    state: State
    state_name: str
    due_on: date | None
    """The current unit's, while its clock runs; an overdue one is told as it is."""
    provisional: bool
    """暂定: say so beside `due_on`."""
    reply: str | None
    parts: tuple[Part, ...]
    """Also those given so far, while another unit still works."""
    explanation: str
    """Published with an overdue step (M-51)."""
    may_rate: bool
    may_complain: bool
    shares: tuple[Share, ...] = ()
    """Of a parallel case each unit's part, withdrawn ones left out (M-129): how far it is, not what it says."""


async def status_by_code(session: AsyncSession, clock: Clock, code: str) -> CodeStatus:  # noqa: ARG001 - kept stable
    """Raises QueryCodeInvalid (check digit) or QueryCodeUnknown; their texts are the same on purpose.

    Strangers go through `tickets.query_codes.attempts.status_for_stranger`, which counts wrong codes.
    """
    return await session.run_sync(status_of, code)


def status_of(session: Session, code: str) -> CodeStatus:
    """`status_by_code` with a plain session, for `Database.look`."""
    ticket, steps = _opened_by(session, code)
    running = next((step for step in steps if step.finished_at is None), None)
    ended = [step for step in steps if step.result in REPLIES] or steps
    step = running or (ended[-1] if ended else None)
    unit = step.unit if step else None
    replied = ticket.state in REPLIED_STATES
    parts = _parts(steps, is_told=ticket.state in _TOLD)
    return CodeStatus(
        ticket=ticket,
        unit_name=unit.name if unit else "",
        unit_code=unit.code if unit else "",
        state=ticket.state,
        state_name=STATE_NAMES[ticket.state],
        due_on=running.due_on if running else None,
        provisional=bool(running and running.provisional),
        reply=_reply(ticket, parts) if ticket.state in _TOLD else None,
        parts=parts,
        explanation=step.explanation if step else "",
        may_rate=replied,
        may_complain=replied and ticket.state != State.IN_COMPLAINT,
        shares=_shares(session, ticket),
    )


def _shares(session: Session, ticket: Ticket) -> tuple[Share, ...]:
    if ticket.kind != TicketKind.PARALLEL:
        return ()
    found = [Share(*row) for row in session.execute(shares_query(ticket.id))]
    return tuple(share for share in found if not share.is_withdrawn)


async def by_call(session: AsyncSession, call_id: int) -> Sequence[Ticket]:
    """The tickets of one call, first opened first: mostly one; a complaint made in it is one more."""
    return (await session.scalars(select(Ticket).where(Ticket.call_id == call_id).order_by(Ticket.id))).all()


async def earlier_by_number(session: AsyncSession, number: str, limit: int) -> Sequence[Ticket]:
    """What the same number asked before, newest first; complaints stay with the inspectors (M-88)."""
    if not any(c.isdigit() for c in number):
        return []
    theirs = select(Ticket).where(Ticket.caller_number == number, Ticket.kind != TicketKind.COMPLAINT)
    newest = theirs.options(joinedload(Ticket.unit)).order_by(Ticket.received_at.desc()).limit(limit)
    return (await session.scalars(newest)).all()


async def steps_of(session: AsyncSession, ticket_id: int) -> Sequence[Step]:
    """The ticket's steps in order, each with its unit."""
    steps = (
        select(Step)
        .where(Step.ticket_id == ticket_id)
        .options(selectinload(Step.unit))
        .order_by(Step.position)
    )
    return (await session.scalars(steps)).all()


async def trail_of(session: AsyncSession, ticket_id: int) -> Sequence[TrailRow]:
    """All that happened to the ticket, oldest first (M-54)."""
    return (
        await session.scalars(select(TrailRow).where(TrailRow.ticket_id == ticket_id).order_by(TrailRow.id))
    ).all()


async def last_mark(session: AsyncSession, ticket_id: int) -> int:
    """The newest line of the trail that somebody wrote: what a page has seen of its ticket.

    A clock running down is no act: it must not turn away the person who answers just then.
    """
    acts = select(func.max(TrailRow.id)).where(
        TrailRow.ticket_id == ticket_id, TrailRow.action.not_in(list(Stage))
    )
    return await session.scalar(acts) or 0


async def hold_as_seen(session: AsyncSession, ticket_no: str, seen: str) -> None:
    """Hold the ticket until the commit, if nobody has acted since the page with `seen` was made; else SeenStale.

    So two people cannot act on one state, and a form sent twice acts once. Without `seen` nothing is compared.
    """
    await session.scalar(select(Ticket.id).where(Ticket.ticket_no == ticket_no).with_for_update())
    await refuse_unseen(session, ticket_no, seen)


async def refuse_unseen(session: AsyncSession, ticket_no: str, seen: str) -> None:
    """Raise SeenStale when somebody has acted since the page with `seen` was made."""
    ticket_id = await session.scalar(select(Ticket.id).where(Ticket.ticket_no == ticket_no))
    if ticket_id is not None and seen and seen != str(await last_mark(session, ticket_id)):
        raise SeenStale


def _opened_by(session: Session, code: str) -> tuple[Ticket, list[Step]]:
    """The code's ticket and its steps in order, each with its unit: one question to the database."""
    rows = session.execute(_OPENED, {"code_hash": codes.hash_of(session, code)}).all()
    if not rows:
        raise codes.QueryCodeUnknown
    return rows[0][0], [step for _, step in rows if step is not None]


def _parts(steps: Sequence[Step], *, is_told: bool) -> tuple[Part, ...]:
    """The parts of the reply that stands; of one still being given (`is_told` false), those after the last whole one."""
    parts: list[Step] = []
    for step in steps:
        if parts and parts[-1].result in REPLIES:
            parts = []  # an earlier reply, given anew since (T17)
        if step.reply and step.result in (StepResult.PART_REPLIED, *REPLIES):
            parts.append(step)
    if not is_told and parts and parts[-1].result in REPLIES:
        return ()
    return tuple(_part(step) for step in parts)


def _part(step: Step) -> Part:
    assert step.finished_at is not None
    return Part(step.unit.name if step.unit else "", step.reply, beijing(step.finished_at).date())


def _reply(ticket: Ticket, parts: tuple[Part, ...]) -> str:
    """Joint replies part by part with each unit's name (M-39); otherwise the answer, or the other ways told."""
    if len(parts) > 1:
        return "\n\n".join(f"{part.unit_name}：{part.text}" for part in parts)
    return parts[0].text if parts else ticket.answer or ticket.guidance
