"""Save-as-you-type (边填边存): what the operator has typed so far is on the ticket, versioned, never overwritten."""

from collections.abc import Mapping

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import publish
from core.clock import Clock
from core.errors import InvalidInput
from core.people import User
from core.units import Unit
from tickets.errors import DraftStale, TicketNotFound, UnitUnknown
from tickets.events import TicketChanged
from tickets.lifecycle import Action, IllegalTransition
from tickets.models import Feedback, QuestionClass, State, Ticket, TicketKind
from tickets.moves import ticket_by_no
from tickets.text import clean

MOST = 2**31
_CHOICES = {"question_class": QuestionClass, "feedback": Feedback}
_DRAFT_TEXTS = frozenset(
    {"subject", "question", "answer", "guidance", "reason", "asker_name", "callback_number"}
)
DRAFT_FIELDS = _DRAFT_TEXTS | set(_CHOICES) | {"unit_id", "liaison_id"}
"""What `save_draft` takes; `unit_id` and `liaison_id` are keys or None."""


async def save_draft(
    session: AsyncSession,
    clock: Clock,  # noqa: ARG001 - every service takes one
    *,
    ticket_no: str,
    operator_id: int,
    fields: Mapping[str, object],
    version: int,
) -> Ticket:
    """Keep what was typed so far (keys of DRAFT_FIELDS) and return the ticket with its new `draft_version`.

    Raises DraftStale when `version` is not the stored one, IllegalTransition when the ticket has left NEW,
    TicketNotFound when it is another operator's. A message nobody took yet becomes this operator's.
    """
    values = await _checked(session, fields)
    ticket = await ticket_by_no(session, ticket_no)
    theirs = Ticket.operator_id.is_(None) | (Ticket.operator_id == operator_id)
    mine = (Ticket.id == ticket.id) & (Ticket.kind == TicketKind.QUESTION) & theirs
    fresh = (Ticket.draft_version == version) & (Ticket.state == State.NEW)
    change = (
        update(Ticket).where(mine, fresh).values(**values, draft_version=version + 1, operator_id=operator_id)
    )
    stored = await session.scalar(change.returning(Ticket.id))
    await session.refresh(ticket)
    if stored is None:
        _explain_refusal(ticket, operator_id)
    publish(session, TicketChanged(ticket_no))
    return ticket


async def _checked(session: AsyncSession, fields: Mapping[str, object]) -> dict[str, object]:
    """The typed fields as columns; a field that does not exist is refused by its name."""
    values: dict[str, object] = {}
    for name, value in fields.items():
        if name in _DRAFT_TEXTS:
            values[name] = clean(name, value)
        elif name in _CHOICES:
            values[name] = _choice(name, value)
        elif name == "unit_id":
            values[name] = await _unit_key(session, value)
        elif name == "liaison_id":
            values[name] = await _person_key(session, value)
        else:
            raise InvalidInput(field=name[:40], reason="没有这个栏目")
    return values


def _choice(name: str, value: object) -> object:
    try:
        return _CHOICES[name](str(value))
    except ValueError:
        raise InvalidInput(field=name, reason="请从列表中选择") from None


async def _unit_key(session: AsyncSession, value: object) -> int | None:
    key = _key(value)
    if key is not None and await session.get(Unit, key) is None:
        raise UnitUnknown(value)
    return key


async def _person_key(session: AsyncSession, value: object) -> int | None:
    key = _key(value)
    if key is not None and await session.get(User, key) is None:
        raise InvalidInput(field="联络员", reason="没有这个人，请重新选择")
    return key


def _key(value: object) -> int | None:
    """A row's key as a form sends it; nothing chosen is None, nonsense a key nobody has."""
    if value is None or value == "":
        return None
    is_number = isinstance(value, int) or (isinstance(value, str) and value.isdecimal() and len(value) < 10)
    number = int(value) if is_number else 0  # type: ignore[call-overload]
    return number if 0 < number < MOST else 0


def _explain_refusal(ticket: Ticket, operator_id: int) -> None:
    if ticket.kind != TicketKind.QUESTION or ticket.operator_id not in (None, operator_id):
        raise TicketNotFound
    if ticket.state != State.NEW:
        raise IllegalTransition(ticket.state, Action.OPEN)
    raise DraftStale(version=ticket.draft_version)
