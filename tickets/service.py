"""Opening tickets and typing into them (受理、登记): by an operator, by voicemail, by a spoken complaint.

Every function takes the caller's session and never commits. How a ticket leaves the operator is
`tickets.wrapup`'s, what units do with it `tickets.replies`'.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput
from core.units import Unit, UnitDuty
from tickets.bodies import body_of, complaint_handler
from tickets.drafts import save_draft
from tickets.errors import ComplaintTooEarly, TicketLocked, UnitUnknown
from tickets.guards import Facts, check
from tickets.lifecycle import REPLIED_STATES, Action, IllegalTransition, transition
from tickets.models import Channel, ClockKind, Feedback, Outcome, State, Ticket, TicketKind
from tickets.moves import PUBLIC, leave_mark, move, start_step, ticket_by_no
from tickets.oversight.causes import Cause
from tickets.query_codes import codes
from tickets.text import clean
from tickets.wrapup import finish

__all__ = [
    "Issued",
    "add_note",
    "change_hands",
    "finish",
    "open_for_call",
    "open_for_unit",
    "open_ticket",
    "register_complaint",
    "register_voicemail",
    "reissue_code",
    "save_draft",
    "store_ticket",
]


@dataclass(frozen=True)
class Issued:
    """A ticket and its query code: the only time the code is known in full."""

    ticket: Ticket
    query_code: str


async def open_for_call(
    session: AsyncSession,
    clock: Clock,
    *,
    call_id: int,
    line: str,
    region_id: int,
    caller_number: str,
    operator_id: int,
    is_practice: bool = False,
) -> Issued:
    """The ticket of a call that an operator answers (T1, M-23); the code of a practice call opens nothing.

    When the call comes back to another operator the same ticket changes hands and a further code is issued; the
    caller may hold the earlier one, so that stays good as well.
    """
    same_call = (
        (Ticket.call_id == call_id) & (Ticket.kind == TicketKind.QUESTION) & (Ticket.channel == Channel.PHONE)
    )
    ticket = await session.scalar(select(Ticket).where(same_call).order_by(Ticket.id).limit(1))
    if ticket is not None:
        await change_hands(session, clock, ticket, operator_id)
        return Issued(ticket, await codes.issue(session, clock, ticket.id))
    issued = await open_ticket(
        session, clock, Action.OPEN, TicketKind.QUESTION, Channel.PHONE,
        call_id=call_id, line=line, region_id=region_id, caller_number=caller_number, operator_id=operator_id,
        is_practice=is_practice,
    )  # fmt: skip
    if is_practice:
        await codes.retire(session, clock, issued.ticket.id)
    return issued


async def change_hands(session: AsyncSession, clock: Clock, ticket: Ticket, operator_id: int) -> None:
    """The call has come to this operator, who finishes the ticket unless the one before has."""
    if ticket.operator_id == operator_id:
        return
    if ticket.state == State.NEW:
        ticket.operator_id = operator_id
    await leave_mark(session, clock, ticket, "take_over", actor_id=operator_id, from_state=ticket.state)


async def open_for_unit(
    session: AsyncSession,
    clock: Clock,
    *,
    call_id: int,
    line: str,
    region_id: int,
    caller_number: str,
    unit_id: int,
    liaison_id: int | None,
) -> Issued:
    """The ticket of a call that went from the menu straight to a unit and was answered there (T1, T3).

    The liaison fills in question and answer afterwards (T2b, M-33); the unit's clock runs from now.
    """
    issued = await open_ticket(
        session, clock, Action.OPEN, TicketKind.QUESTION, Channel.PHONE,
        call_id=call_id, line=line, region_id=region_id, caller_number=caller_number,
    )  # fmt: skip
    ticket, unit = issued.ticket, await session.get(Unit, unit_id)
    if unit is None:
        raise UnitUnknown(unit_id)
    ticket.region_id, ticket.liaison_id = unit.region_id, liaison_id
    ticket.first_unit_id, ticket.first_person_id = unit_id, liaison_id
    step = await start_step(
        session,
        ticket,
        unit,
        ClockKind.Q5,
        ticket.received_at,
        answered_call_id=call_id,
        person_id=liaison_id,
    )
    ticket.outcome = Outcome.TRANSFERRED
    facts = Facts(target_in_service=unit.is_active, target_in_region=True)
    await move(session, clock, ticket, Action.ASSIGN, facts=facts, step=step, to_unit_id=unit_id)
    return issued


async def register_voicemail(
    session: AsyncSession,
    clock: Clock,
    *,
    call_id: int,
    region_id: int,
    line: str,
    caller_number: str,
    callback_number: str,
    recording_id: int | None,
    unit_id: int | None = None,
    received_at: datetime | None = None,
) -> Issued:
    """A message becomes a ticket at once (M-58), the call centre registers it within its own clock (CC1).

    `unit_id` is the box chosen; `received_at` the end of the message, now when left out.
    """
    issued = await open_ticket(
        session, clock, Action.OPEN, TicketKind.QUESTION, Channel.VOICEMAIL,
        call_id=call_id, line=line, region_id=region_id, caller_number=caller_number, recording_id=recording_id,
        callback_number=_number(callback_number), feedback=Feedback.CALL_BACK, received_at=received_at,
    )  # fmt: skip
    centre = await body_of(session, region_id, UnitDuty.CALL_CENTRE)
    await start_step(session, issued.ticket, centre, ClockKind.CC1, issued.ticket.received_at)
    issued.ticket.unit_id = unit_id
    return issued


async def register_complaint(
    session: AsyncSession,
    clock: Clock,
    *,
    call_id: int | None,
    region_id: int,
    line: str,
    caller_number: str,
    recording_id: int | None,
    about: Ticket | None,
    text: str = "",
    channel: Channel = Channel.PHONE,
    operator_id: int | None = None,
    received_at: datetime | None = None,
    subject: str = "",
    cause: Cause | None = None,
    unit: Unit | None = None,
    asker_name: str = "",
    callback_number: str = "",
    code_seed: str = "",
) -> Issued:
    """A complaint with its own code and clock (C1), for the supervision body of the level (M-48, M-50).

    One about a `unit` as such, not about a reply, goes to the body that supervises that unit (M-116).

    With `about` (a ticket opened by its code) that ticket is IN_COMPLAINT from now on. Where it cannot be, because
    its reply is not finished or another complaint on it is open, a spoken complaint (`recording_id`) is taken as one
    without a code (M-50), for what somebody said is never lost; a written one raises ComplaintTooEarly or
    IllegalTransition, its writer still has the text.
    """
    reply = await _complainable(session, about, is_spoken=recording_id is not None)
    if unit is not None:
        region_id, subject = unit.region_id, subject or f"涉及{unit.name}"
    issued = await open_ticket(
        session, clock, Action.LODGE, TicketKind.COMPLAINT, channel,
        call_id=call_id, line=line, region_id=about.region_id if about else region_id, caller_number=caller_number,
        recording_id=recording_id, question=clean("question", text), about_id=reply.id if reply else None,
        operator_id=operator_id, received_at=received_at, subject=clean("subject", subject), cause=cause,
        asker_name=clean("asker_name", asker_name), callback_number=clean("callback_number", callback_number),
        code_seed=code_seed,
    )  # fmt: skip
    if reply is not None:
        await move(session, clock, reply, Action.COMPLAIN, facts=Facts(), actor=PUBLIC)
    elif about is not None:
        issued.ticket.reason = f"来电人凭查询码反映工单 {about.ticket_no} 的办理过程"
    handler = await complaint_handler(session, issued.ticket.region_id, reply, unit)
    await start_step(session, issued.ticket, handler, ClockKind.C15, issued.ticket.received_at)
    return issued


async def _complainable(session: AsyncSession, about: Ticket | None, *, is_spoken: bool) -> Ticket | None:
    """The ticket complained about as it stands now, held until the commit; none for a complaint without a code."""
    if about is None:
        return None
    now = select(Ticket).where(Ticket.id == about.id).with_for_update()
    ticket = (await session.scalars(now.execution_options(populate_existing=True))).one()
    if ticket.state in {State.REPLIED, State.CLOSED}:
        return ticket
    if is_spoken:
        return None
    if ticket.state not in REPLIED_STATES:
        raise ComplaintTooEarly
    raise IllegalTransition(ticket.state, Action.COMPLAIN)


async def reissue_code(session: AsyncSession, clock: Clock, *, ticket_no: str, operator_id: int) -> str:
    """A new code for a lost one, after the operator checked the number; the old one dies (§5.5)."""
    ticket = await ticket_by_no(session, ticket_no)
    await codes.retire(session, clock, ticket.id)
    await leave_mark(session, clock, ticket, "reissue_code", actor_id=operator_id, from_state=ticket.state)
    return await codes.issue(session, clock, ticket.id)


async def add_note(session: AsyncSession, clock: Clock, *, ticket: Ticket, user_id: int, text: str) -> None:
    """A line in the trail that changes nothing else; `ticket` comes from `tickets.access`."""
    if ticket.state == State.C_JUDICIAL:
        raise TicketLocked
    note = clean("note", text)
    if not note:
        raise InvalidInput(field="备注", reason="请填写内容")
    await leave_mark(session, clock, ticket, "note", actor_id=user_id, from_state=ticket.state, text=note)


async def open_ticket(
    session: AsyncSession,
    clock: Clock,
    action: Action,
    kind: TicketKind,
    channel: Channel,
    *,
    received_at: datetime | None = None,
    code_seed: str = "",
    **columns: object,
) -> Issued:
    """A ticket with its code, in the state that `action` begins with; the doors' own functions stand above this one.

    `code_seed`: see `tickets.intake.once`.
    """
    ticket = await store_ticket(session, clock, action, kind, channel, received_at=received_at, **columns)
    return Issued(ticket, await codes.issue(session, clock, ticket.id, seed=code_seed))


async def store_ticket(
    session: AsyncSession,
    clock: Clock,
    action: Action,
    kind: TicketKind,
    channel: Channel,
    *,
    received_at: datetime | None = None,
    **columns: object,
) -> Ticket:
    """`open_ticket` without a code: of what nobody outside follows by itself."""
    row = transition(None, action)
    has_content = any(columns.get(name) for name in ("call_id", "recording_id", "question"))
    columns["caller_number"] = _number(str(columns["caller_number"]))
    check(row.guards, Facts(line=str(columns["line"]), has_content=has_content))
    ticket = Ticket(
        ticket_no=await codes.next_ticket_no(session, clock),
        kind=kind,
        state=row.target,
        channel=channel,
        received_at=received_at or clock.now(),
        **columns,
    )
    session.add(ticket)
    await session.flush()
    operator_id = ticket.operator_id
    await leave_mark(session, clock, ticket, action, rule=row.rule, actor_id=operator_id, actor=PUBLIC)
    return ticket


def _number(number: str) -> str:
    """A caller's number as telephony gave it: printable, and no longer than its column."""
    return "".join(c for c in number if c.isascii() and c.isprintable())[:32]
