"""Asking and deciding (申请与审核): one person asks with a reason, another of the same unit decides (M-38).

What a decision brings about is the calling service's; this module finds the people's rights and keeps the rows.
"""

from sqlalchemy import ColumnElement, false, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import hit_one
from core.errors import NotAllowed
from core.people import Role, RoleGrant, User
from core.units import Liaison, Unit, UnitDuty
from tickets.access import ticket_for
from tickets.bodies import body_of
from tickets.errors import NothingToDecide, RequestPending, StepTaken
from tickets.guards import Facts, NotHolder, OwnRequest
from tickets.lifecycle import Action, Actor, transition
from tickets.models import QuestionClass, RequestKind, Step, StepRequest, Ticket
from tickets.moves import open_step
from tickets.notices import post_about
from tickets.oversight.oversight_models import NoticeKind
from tickets.recipients import Audience

ROLES = {
    Actor.OP: Role.OPERATOR,
    Actor.LSN: Role.LIAISON,
    Actor.HEAD: Role.HEAD,
    Actor.GOV: Role.OFFICE,
    Actor.MON: Role.INSPECTOR,
}

_OF_OWN_BODY = {RequestKind.LEVEL: Role.OFFICE, RequestKind.JUDICIARY: Role.HEAD}
"""Requests that only the body itself decides, by this role; for all others somebody may stand in (§5.3-4)."""
ASKERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE, Role.INSPECTOR})


async def running(session: AsyncSession, user: User, ticket_no: str, action: Action) -> tuple[Ticket, Step]:
    """The ticket and its open step, for somebody with a role that may take this action from its state.

    Raises TicketNotFound, IllegalTransition, NotAllowed, StepTaken.
    """
    ticket, step = await held(session, user, ticket_no, action)
    allowed = {ROLES[actor] for actor in transition(ticket.state, action).who if actor in ROLES}
    if Role.LIAISON in allowed:
        allowed |= {
            Role.HEAD,
            Role.OFFICE,
        }  # what its liaison may do the head of a unit may, an office for itself
    if Role.HEAD in allowed:
        allowed.add(Role.OFFICE)  # may stand in for a unit without a head, see `reviewer_facts`
    if not user.roles & allowed:
        raise NotAllowed
    return ticket, step


async def held(session: AsyncSession, user: User, ticket_no: str, action: Action) -> tuple[Ticket, Step]:
    """The ticket and its open step when its state allows the action; whose right it is stays open."""
    ticket = await ticket_for(session, user, ticket_no)
    transition(ticket.state, action)
    step = await open_step(session, ticket)
    if step is None:
        raise StepTaken
    return ticket, step


async def acts_for(session: AsyncSession, user: User, unit_id: int | None) -> bool:
    """Whether the person belongs to the unit or is a liaison of it."""
    if unit_id is None:
        return False
    duty = (Liaison.user_id == user.id) & (Liaison.unit_id == unit_id)
    return user.unit_id == unit_id or await session.scalar(select(Liaison.id).where(duty)) is not None


async def ask(
    session: AsyncSession,
    clock: Clock,
    step: Step,
    kind: RequestKind,
    user: User,
    reason: str,
    *,
    target_unit_id: int | None = None,
    is_joint: bool = False,
    part: str = "",
    question_class: QuestionClass | None = None,
    recipient: str = "",
) -> StepRequest:
    """Keep the request; raises NotHolder for other units' people and RequestPending for a second one."""
    if not user.roles & ASKERS or not await acts_for(session, user, step.unit_id):
        raise NotHolder
    request = StepRequest(
        ticket_id=step.ticket_id, step_id=step.id, kind=kind, requester_id=user.id, requested_at=clock.now(),
        reason=reason, target_unit_id=target_unit_id, is_joint=is_joint, part=part, question_class=question_class,
        recipient=recipient,
    )  # fmt: skip
    session.add(request)
    try:
        await session.flush()
    except IntegrityError:
        raise RequestPending from None
    await post_about(session, clock, NoticeKind.APPROVAL, step, await _reviewers(session, step, request))
    return request


async def _reviewers(session: AsyncSession, step: Step, request: StepRequest) -> set[Audience]:
    """Who is told that a request waits: the unit's heads, or whoever stands in for them (§5.3-4)."""
    if step.unit_id is None:
        return set()
    role = _OF_OWN_BODY.get(RequestKind(request.kind), Role.HEAD)
    told = {Audience(role, step.unit_id)}
    if request.kind in _OF_OWN_BODY or not await _lacks_head(session, step.unit_id, request.requester_id):
        return told
    unit = await session.get_one(Unit, step.unit_id)
    if unit.supervising_unit_id is not None:
        told.add(Audience(Role.HEAD, unit.supervising_unit_id))
    if office := await body_of(session, unit.region_id, UnitDuty.OFFICE):
        told.add(Audience(Role.OFFICE, office.id))
    return told


async def pending(session: AsyncSession, step: Step, kind: RequestKind) -> StepRequest:
    """The undecided request of a step; raises NothingToDecide."""
    of_step = (StepRequest.step_id == step.id) & (StepRequest.kind == kind) & StepRequest.decided_at.is_(None)
    request = await session.scalar(select(StepRequest).where(of_step))
    if request is None:
        raise NothingToDecide
    return request


async def decide(
    session: AsyncSession, clock: Clock, request: StepRequest, user: User, *, approve: bool, refusal: str = ""
) -> None:
    """Decide once; raises OwnRequest, and NothingToDecide when somebody else was quicker."""
    if user.id == request.requester_id:
        raise OwnRequest
    undecided = (StepRequest.id == request.id) & StepRequest.decided_at.is_(None)
    values = {"decided_at": clock.now(), "decider_id": user.id, "approved": approve, "refusal": refusal}
    done = await session.execute(update(StepRequest).where(undecided).values(**values))
    if not hit_one(done):
        raise NothingToDecide
    if not approve:
        await _tell_refused(session, clock, request)


async def _tell_refused(session: AsyncSession, clock: Clock, request: StepRequest) -> None:
    step = await session.get_one(Step, request.step_id)
    held = select(RoleGrant.role).where(RoleGrant.user_id == request.requester_id)
    roles = {Role(role) for role in await session.scalars(held)} & ASKERS
    told = {Audience(role, step.unit_id) for role in roles if step.unit_id is not None}
    await post_about(session, clock, NoticeKind.REFUSED, step, told)


async def reviewer_facts(session: AsyncSession, user: User, step: Step, request: StepRequest) -> Facts:
    """The guards' view of a reviewer: of the holder's unit, or standing in for it (§5.3-4)."""
    is_head = user.unit_id == step.unit_id and Role.HEAD in user.roles
    reviews = is_head or await _stands_in(session, user, step, request.requester_id)
    return Facts(
        actor_id=user.id,
        requester_id=request.requester_id,
        actor_unit_id=step.unit_id if reviews else None,
        holder_unit_id=step.unit_id,
        reason=request.reason,
    )


async def may_decide(session: AsyncSession, user: User, step: Step, request: StepRequest) -> bool:
    """Whether this person is one who may decide the request: never who asked (M-38)."""
    if user.id == request.requester_id or request.decided_at is not None:
        return False
    if request.kind in _OF_OWN_BODY:
        return user.unit_id == step.unit_id and _OF_OWN_BODY[request.kind] in user.roles
    facts = await reviewer_facts(session, user, step, request)
    return facts.actor_unit_id is not None and bool(user.roles & {Role.HEAD, Role.OFFICE})


def undecided_for(user: User) -> ColumnElement[bool]:
    """The condition on `StepRequest` joined with `Step` and its `Unit` for what waits for this person's decision."""
    own = Step.unit_id == user.unit_id
    kinds = [StepRequest.kind == kind for kind, role in _OF_OWN_BODY.items() if role in user.roles]
    by_head = StepRequest.kind.not_in(list(_OF_OWN_BODY))
    mine = [own & kind for kind in kinds]
    if Role.HEAD in user.roles:
        mine.append(own & by_head)
    if user.roles & {Role.HEAD, Role.OFFICE}:
        mine.append(by_head & ~own & _without_head() & _cares_for(user))
    waiting = StepRequest.decided_at.is_(None) & (StepRequest.requester_id != user.id)
    return waiting & or_(false(), *mine)


def _without_head() -> ColumnElement[bool]:
    """The step's unit has no head, or only the one who asks."""
    heads = select(User.id).join(RoleGrant, RoleGrant.user_id == User.id)
    others = heads.where(User.unit_id == Step.unit_id, RoleGrant.role == Role.HEAD, User.is_active.is_(True))
    return ~others.where(User.id != StepRequest.requester_id).exists()


def _cares_for(user: User) -> ColumnElement[bool]:
    """Units that the person's own unit supervises, or whose region's office it is."""
    office = select(Unit.region_id).where(Unit.id == user.unit_id, Unit.duty == UnitDuty.OFFICE)
    return (Unit.supervising_unit_id == user.unit_id) | Unit.region_id.in_(office)


async def _lacks_head(session: AsyncSession, unit_id: int, requester_id: int) -> bool:
    """Whether the unit has no head but perhaps the one who asks."""
    heads = select(func.count()).select_from(User).join(RoleGrant, RoleGrant.user_id == User.id)
    others = heads.where(User.unit_id == unit_id, RoleGrant.role == Role.HEAD, User.id != requester_id)
    return not await session.scalar(others.where(User.is_active.is_(True)))


async def _stands_in(session: AsyncSession, user: User, step: Step, requester_id: int) -> bool:
    """Where the unit has no head but the requester, its supervising unit's head or its region's office reviews."""
    unit = await session.get(Unit, step.unit_id) if step.unit_id else None
    if unit is None or user.unit_id == unit.id:
        return False
    if not await _lacks_head(session, unit.id, requester_id):
        return False
    if unit.supervising_unit_id is not None and user.unit_id == unit.supervising_unit_id:
        return True
    office = await body_of(session, unit.region_id, UnitDuty.OFFICE)
    return office is not None and user.unit_id == office.id
