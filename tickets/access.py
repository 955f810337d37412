"""The only way to get a ticket for a person (访问范围, §5.9): what somebody may not see does not exist for them.

`visible_to` is the condition for lists, `ticket_for` the single ticket; another unit's ticket is TicketNotFound,
never "forbidden". Pages that show numbers, names or voices ask further rules; this one is about the ticket's text.
"""

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    exists,
    false,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.people import Role, User
from core.units import Liaison, Region, Unit, UnitDuty, regions_below
from recordings.models import Call
from tickets.bodies import OVERSEERS
from tickets.errors import TicketNotFound
from tickets.models import Channel, Stage, State, Step, Ticket, TicketKind

Units = Select[int] | CompoundSelect[int]
_ASKED = Ticket.kind != TicketKind.COMPLAINT
"""Questions and applications for disclosure; practice tickets too, for the trainee and the trainers."""
_IS_QUESTION = _ASKED & Ticket.is_practice.is_(False)
_IS_COMPLAINT = Ticket.kind == TicketKind.COMPLAINT


async def ticket_for(session: AsyncSession, user: User, ticket_no: str) -> Ticket:
    """The ticket, when this person may see it; `user.grants` must be loaded. Raises TicketNotFound."""
    found = select(Ticket).where(Ticket.ticket_no == ticket_no, visible_to(user))
    ticket = await session.scalar(found)
    if ticket is None:
        raise TicketNotFound
    return ticket


def visible_to(user: User) -> ColumnElement[bool]:
    """The condition on `Ticket` that holds for what this person may see; the widest of their roles counts."""
    scopes = [scope for role in user.roles for scope in _scopes(role, user)]
    may = or_(false(), *scopes)
    unsealed = Ticket.sealed.is_(False)
    return may if user.roles & {Role.INSPECTOR, Role.SECRECY} else may & unsealed


def _scopes(role: Role, user: User) -> list[ColumnElement[bool]]:  # noqa: PLR0911 - one answer a role
    match role:
        case Role.WINDOW:
            return [_IS_QUESTION & (Ticket.operator_id == user.id)]
        case Role.OPERATOR:
            return [_ASKED & (Ticket.operator_id == user.id), _on_an_open_call(), messages_for(user)]
        case Role.LIAISON:
            return [_of_units(own_units(user))]
        case Role.HEAD:
            own = own_units(user)
            return [_of_units(own), _of_units(subordinates(user)), _complaints_with(own)]
        case Role.OFFICE:
            below = _IS_QUESTION & Ticket.region_id.in_(regions_below(user.region_id))
            return [below, _of_units(own_units(user))]
        case Role.SUPERVISOR:
            return [_ASKED & Ticket.region_id.in_(regions_below(user.region_id))]
        case Role.INSPECTOR:
            level = _IS_QUESTION & (Ticket.region_id == user.region_id)
            named = _of_units(_named_for(user))
            return [level, _complaints_of_level(user), _late_below(user), named, _behind_complaints(user)]
        case Role.SECRECY:
            return [_IS_QUESTION & Ticket.sealed.is_(True) & (Ticket.region_id == user.region_id)]
        case Role.ADMIN:  # runs the machine, has no right to content
            return []


def _on_an_open_call() -> ColumnElement[bool]:
    return _IS_QUESTION & Ticket.call_id.in_(select(Call.id).where(Call.ended_at.is_(None)))


def messages_for(user: User) -> ColumnElement[bool]:
    """The call centre's box (§5.7): messages of the operator's region that nobody has taken yet."""
    is_new = (Ticket.state == State.NEW) & Ticket.operator_id.is_(None)
    is_message = is_new & (Ticket.channel == Channel.VOICEMAIL)
    return _IS_QUESTION & is_message & Ticket.region_id.in_(regions_below(user.region_id))


def _of_units(units: Units) -> ColumnElement[bool]:
    """Questions that were or are with the units, or whose first responsible unit they are (M-31).

    Asked ticket by ticket: a list has few rows left by then, and the units' own history is long.
    """
    theirs = Ticket.first_unit_id.in_(units) | _has_step(Step.unit_id.in_(units)) | _of_their_case(units)
    return _IS_QUESTION & theirs


def _of_their_case(units: Units) -> ColumnElement[bool]:
    """The whole of a parallel case in which the units take part: they work on it together (M-129 「信息通报、协调办理」)."""
    member = aliased(Ticket)
    same = or_(
        member.id == Ticket.case_id, member.case_id == Ticket.case_id, member.case_id == Ticket.id
    ) & exists().where(Step.ticket_id == member.id, Step.unit_id.in_(units)).correlate(member)
    is_member = Ticket.kind.in_([TicketKind.PARALLEL, TicketKind.PART])
    return is_member & exists().where(same).correlate(Ticket)


def _has_step(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Step.ticket_id == Ticket.id, *conditions).correlate(Ticket)


def own_units(user: User) -> Units:
    """A person's unit, and the units they are a liaison of."""
    own = select(literal(user.unit_id, BigInteger))
    return union(own, select(Liaison.unit_id).where(Liaison.user_id == user.id))


def subordinates(user: User) -> Select[int]:
    """M-09 「由其行政主管部门指导、管理和监督」"""
    return select(Unit.id).where(
        Unit.supervising_unit_id == user.unit_id, Unit.supervising_unit_id.is_not(None)
    )


def _complaints_with(units: Units) -> ColumnElement[bool]:
    """Complaints those units handle: none, unless they are supervision bodies."""
    return _IS_COMPLAINT & _has_step(Step.unit_id.in_(units))


def _complaints_of_level(user: User) -> ColumnElement[bool]:
    """Complaints that a supervision body of the own level handles; one about itself went a level up (§5.3-6)."""
    return _complaints_with(_bodies_of_level(user))


def _bodies_of_level(user: User) -> Select[int]:
    return select(Unit.id).where(Unit.region_id == user.region_id, Unit.duty == UnitDuty.INSPECTION)


def _behind_complaints(user: User) -> ColumnElement[bool]:
    """The questions that those complaints are about, wherever they were asked: nobody judges a reply unread."""
    complaint = aliased(Ticket)
    handled = exists().where(
        complaint.about_id == Ticket.id,
        Step.ticket_id == complaint.id,
        Step.unit_id.in_(_bodies_of_level(user)),
    )
    return _IS_QUESTION & handled.correlate(Ticket)


def _named_for(user: User) -> Select[int]:
    """The units for which the person's supervision body is named instead of their level's (M-123)."""
    return select(Unit.id).where(
        Unit.inspection_unit_id == user.unit_id, Unit.inspection_unit_id.is_not(None)
    )


def _late_below(user: User) -> ColumnElement[bool]:
    """What an office or supervision body one level down is late with: it is supervised from here (§5.3-6)."""
    is_late = Step.stage.in_([Stage.OVERDUE, Stage.UNEXPLAINED])
    return _has_step(Step.finished_at.is_(None), is_late, Step.unit_id.in_(_overseers_below(user)))


def supervised_units(user: User) -> Units:
    """The units whose clocks an inspector watches: of the own level, the overseers one level down, and those named."""
    level = select(Unit.id).where(Unit.region_id == user.region_id)
    return union(level, _overseers_below(user), _named_for(user))


def _overseers_below(user: User) -> Select[int]:
    below = select(Unit.id).join(Region, Region.id == Unit.region_id)
    return below.where(Region.parent_id == user.region_id, Unit.duty.in_(OVERSEERS))


async def is_shielded(session: AsyncSession, user: User, ticket: Ticket) -> bool:
    """Whether name, number and voice stay hidden from this person: somebody complained about the reply (M-88)."""
    if Role.INSPECTOR in user.roles:
        return False
    complaint = select(Ticket.id).where(Ticket.about_id == ticket.id, Ticket.kind == TicketKind.COMPLAINT)
    return await session.scalar(complaint.limit(1)) is not None
