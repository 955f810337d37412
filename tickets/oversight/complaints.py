"""Handling complaints (投诉办理): by the supervision body alone, with a reply in three parts (M-48…M-53)."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput, NotAllowed
from core.people import Role, User
from core.units import Unit, UnitDuty
from tickets.access import ticket_for
from tickets.bodies import body_of, replying_step
from tickets.clocks.deadlines import clock_for
from tickets.errors import TicketLocked, UnitUnknown
from tickets.guards import Facts, NotHolder, check
from tickets.lifecycle import Action, transition
from tickets.models import RequestKind, State, Step, StepResult, Ticket, TicketKind
from tickets.moves import SYSTEM, finish_step, leave_mark, move, start_step
from tickets.oversight.causes import CAUSES, Cause
from tickets.oversight.oversight_models import ComplaintReply, Grade
from tickets.requests import acts_for, ask, decide, pending, running
from tickets.text import clean

CONSEQUENCES = {
    Grade.MINOR: ("一般性投诉", "通报批评"),
    Grade.FAULT: ("错批、乱批、延误", "过错责任追究"),
    Grade.ABUSE: ("乱收费、设置障碍", "移交监察部门"),
}
"""M-121: the grade in words and its one consequence."""
UNDECIDED = frozenset({State.C_NEW, State.C_WORKING, State.C_REJECTED})
"""Complaints of which no reply says what they turned out to be about."""


@dataclass(frozen=True)
class Verdict:
    """调查情况、处理意见、办理结果, and what follows for the reply complained about."""

    findings: str
    opinion: str
    result: str
    upheld: bool
    redo: bool = False
    """责成重办: the unit answers anew (T17)."""
    grade: Grade = Grade.MINOR
    """Of an upheld one: what follows for those responsible (M-121)."""
    attitude: bool = False
    """It was about 服务态度; the reports count these apart (M-78)."""
    cause: Cause | None = None
    """What it turned out to be about; None leaves what the complainant named, and 其他 where nothing was named (M-136)."""


async def name_cause(session: AsyncSession, complaint_id: int, cause: Cause) -> None:
    """What its maker says it is about, while nobody has settled that (M-136)."""
    complaint = await session.get_one(Ticket, complaint_id)
    if complaint.state == State.C_NEW:
        complaint.cause = cause


async def classify(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, cause: Cause | None
) -> Ticket:
    """What it is about, by the body that handles it: as soon as somebody has read it, and also of one that was not taken up.

    Once decided it is what the reply found. Raises TicketNotFound, NotAllowed, NotHolder, TicketLocked, InvalidInput.
    """
    ticket = await ticket_for(session, user, ticket_no)
    if ticket.kind != TicketKind.COMPLAINT or Role.INSPECTOR not in user.roles:
        raise NotAllowed
    if ticket.state not in UNDECIDED:
        raise TicketLocked
    step = await session.get(Step, ticket.last_step_id) if ticket.last_step_id else None
    if step is None or not await acts_for(session, user, step.unit_id):
        raise NotHolder
    if cause is None:
        raise InvalidInput(field="投诉事由", reason="请从列表中选择")
    said = f"{CAUSES[Cause(ticket.cause)] if ticket.cause else '未归类'} → {CAUSES[cause]}"
    ticket.cause = cause
    await leave_mark(session, clock, ticket, "classify", actor_id=user.id, from_state=ticket.state, text=said)
    return ticket


async def accept(session: AsyncSession, clock: Clock, *, ticket_no: str, user: User) -> Ticket:
    """C1: the supervision body takes it up; its clock runs since the complaint was made."""
    ticket, step = await running(session, user, ticket_no, Action.ACCEPT)
    facts = await _facts(session, user, ticket, step)
    step.person_id = user.id
    await move(session, clock, ticket, Action.ACCEPT, facts=facts, actor_id=user.id, step=step)
    return ticket


async def reject(session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, reason: str) -> Ticket:
    """C2: not taken up, the reason is told to whoever complained."""
    ticket, step = await running(session, user, ticket_no, Action.REJECT)
    text = clean("reason", reason)
    facts = replace(await _facts(session, user, ticket, step), reason=text)
    await move(session, clock, ticket, Action.REJECT, facts=facts, actor_id=user.id, step=step, text=text)
    await _end(session, clock, ticket, step, StepResult.REJECTED, user, text)
    await _settle(session, clock, ticket, redo=False)
    return ticket


async def reply(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, verdict: Verdict
) -> Ticket:
    """C3: with all three parts; the reply complained about stands (T16) or is to be given anew (T17)."""
    ticket, step = await running(session, user, ticket_no, Action.REPLY_TO_COMPLAINT)
    parts = {name: clean(name, getattr(verdict, name)) for name in ("findings", "opinion", "result")}
    facts = await _facts(session, user, ticket, step)
    facts = replace(facts, findings=parts["findings"], opinion=parts["opinion"], result=parts["result"])
    await move(session, clock, ticket, Action.REPLY_TO_COMPLAINT, facts=facts, actor_id=user.id, step=step)
    redo = verdict.redo and verdict.upheld
    grade = verdict.grade if verdict.upheld else None
    judged = {"upheld": verdict.upheld, "grade": grade, "redo": redo, "attitude": verdict.attitude}
    session.add(ComplaintReply(ticket_id=ticket.id, **judged, **parts))
    ticket.cause = verdict.cause or ticket.cause or Cause.OTHER
    text = "调查情况：{findings}\n处理意见：{opinion}\n办理结果：{result}".format(**parts)
    await _end(session, clock, ticket, step, StepResult.REPLIED, user, text)
    await _settle(session, clock, ticket, redo=redo)
    return ticket


async def ask_judiciary(
    session: AsyncSession,
    clock: Clock,
    *,
    ticket_no: str,
    user: User,
    reason: str,
    recipient: str,
    papers: str,
) -> Ticket:
    """C4, first half: the inspector asks to hand the case to the judiciary."""
    ticket, step = await running(session, user, ticket_no, Action.TO_JUDICIARY)
    where, list_of_papers = clean("recipient", recipient), clean("papers", papers)
    facts = await _facts(session, user, ticket, step)
    facts = replace(facts, requester_id=None, recipient=where, papers=list_of_papers)
    check(transition(ticket.state, Action.TO_JUDICIARY).guards, facts)
    await ask(
        session,
        clock,
        step,
        RequestKind.JUDICIARY,
        user,
        clean("reason", reason),
        part=list_of_papers,
        recipient=where,
    )
    return ticket


async def decide_judiciary(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, approve: bool, refusal: str = ""
) -> Ticket:
    """C4, second half: the body's head approves; the ticket is locked for good (M-53)."""
    ticket, step = await running(session, user, ticket_no, Action.TO_JUDICIARY)
    if Role.HEAD not in user.roles or user.unit_id != step.unit_id:
        raise NotAllowed
    request = await pending(session, step, RequestKind.JUDICIARY)
    await decide(session, clock, request, user, approve=approve, refusal=clean("reason", refusal))
    if not approve:
        return ticket
    facts = await _facts(session, user, ticket, step)
    facts = replace(
        facts, requester_id=request.requester_id, recipient=request.recipient, papers=request.part
    )
    await move(
        session, clock, ticket, Action.TO_JUDICIARY, facts=facts, actor_id=user.id, step=step, text=request.reason
    )  # fmt: skip
    await _end(session, clock, ticket, step, StepResult.JUDICIAL, user, f"移交{request.recipient}")
    await _settle(session, clock, ticket, redo=False)
    return ticket


async def _facts(session: AsyncSession, user: User, ticket: Ticket, step: Step) -> Facts:
    about = await session.get(Ticket, ticket.about_id) if ticket.about_id else None
    judged = await replying_step(session, about.id) if about else None
    units = {judged.unit_id} if judged and judged.unit_id else set()
    users = {person for person in (judged and judged.person_id, about and about.operator_id) if person}
    return Facts(
        actor_id=user.id,
        actor_unit_id=step.unit_id if await acts_for(session, user, step.unit_id) else None,
        holder_unit_id=step.unit_id,
        party_unit_ids=frozenset(units),
        party_user_ids=frozenset(users),
    )


async def _end(
    session: AsyncSession, clock: Clock, ticket: Ticket, step: Step, result: StepResult, user: User, text: str
) -> None:
    await finish_step(session, step, result, clock.now(), reply=text, person_id=user.id)
    ticket.answer = text
    if ticket.state != State.C_REPLIED:
        ticket.closed_at = clock.now()


async def _settle(session: AsyncSession, clock: Clock, complaint: Ticket, *, redo: bool) -> None:
    """What becomes of the ticket complained about: T16 back to replied, or T17 a new turn for the unit."""
    if complaint.about_id is None:
        return
    about = await session.get_one(Ticket, complaint.about_id)
    facts = Facts(complaint_is_finished=True, target_in_service=True)
    if not redo:
        await move(session, clock, about, Action.SETTLE_COMPLAINT, facts=facts, actor=SYSTEM)
        return
    judged = await replying_step(session, about.id)
    unit = await session.get(Unit, judged.unit_id) if judged and judged.unit_id else None
    unit = unit or await body_of(session, about.region_id, UnitDuty.CALL_CENTRE)
    if unit is None:
        raise UnitUnknown(None)
    step = await start_step(session, about, unit, clock_for(about), clock.now())
    about.closed_at = None
    await move(session, clock, about, Action.REDO, facts=facts, actor=SYSTEM, step=step, to_unit_id=unit.id)
