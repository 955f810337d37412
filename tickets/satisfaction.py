"""Ratings (满意度, M-61…M-63): one per operator's service or unit's reply; no key is "not rated", never good."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import publish
from core.clock import Clock
from core.db import provided
from core.errors import InvalidInput, NotFound
from core.people import Role
from core.units import Unit
from recordings.models import Call
from tickets.bodies import replying_step
from tickets.errors import RatingClosed, RatingTooEarly
from tickets.events import TicketChanged
from tickets.lifecycle import REPLIED_STATES
from tickets.models import Channel, RatingAbout, SatisfactionRating, State, Step, Ticket, TicketKind
from tickets.notices import post_about
from tickets.oversight.oversight_models import NoticeKind
from tickets.recipients import Audience, Directory
from tickets.settings import TicketSettings

NOT_SATISFIED = 3
SCORES = frozenset({1, 2, NOT_SATISFIED, None})


@dataclass(frozen=True)
class _Subject:
    key: str
    ticket: Ticket | None
    call_id: int | None = None
    step: Step | None = None
    user_id: int | None = None
    unit_id: int | None = None


async def rate(
    session: AsyncSession,
    clock: Clock,
    *,
    call_id: int | None = None,
    ticket_id: int | None = None,
    about: RatingAbout | str,
    score: int | None,
    channel: Channel | str,
) -> SatisfactionRating:
    """Store one survey answer: 1 satisfied, 2 fairly, 3 not, None when no key came.

    By `call_id` right after a talk, by `ticket_id` for a reply read later. Asked again within seven days the last
    score wins; no key never wipes a score out. A 3 marks the reply for its head's review (M-63).
    Raises InvalidInput, NotFound, RatingTooEarly (no reply yet), RatingClosed (more than seven days).
    """
    subject = await _subject(session, RatingAbout(about), call_id, ticket_id)
    if score not in SCORES:
        raise InvalidInput(field="评价", reason="请选择 1 满意、2 基本满意或 3 不满意")
    known = await session.scalar(select(SatisfactionRating).where(SatisfactionRating.subject == subject.key))
    window = timedelta(days=provided(session, TicketSettings).rating_changes_days)
    if known is not None and clock.now() > known.first_at + window:
        raise RatingClosed(days=window.days)
    if known is None or score is not None:
        unit = await session.get(Unit, subject.unit_id) if subject.unit_id else None
        row = _row(clock, subject, RatingAbout(about), score, Channel(channel))
        await session.execute(_store(session, row | {"region_id": unit.region_id if unit else None}))
    if score == NOT_SATISFIED and subject.step is not None:
        await _want_review(session, clock, subject.step)
    if score is not None and subject.step is not None and subject.ticket is not None:
        _archive_now(subject.ticket, clock)
    if subject.ticket is not None:
        publish(session, TicketChanged(subject.ticket.ticket_no))
    found = select(SatisfactionRating).where(SatisfactionRating.subject == subject.key)
    return (await session.scalars(found.execution_options(populate_existing=True))).one()


def _archive_now(ticket: Ticket, clock: Clock) -> None:
    """A rated reply need not wait (T14)."""
    if ticket.state == State.REPLIED:
        ticket.timer_at = clock.now()


async def _want_review(session: AsyncSession, clock: Clock, step: Step) -> None:
    """The head of the unit that replied is told, once (M-63); of a reply done anew its office and inspectors are too."""
    if step.review_wanted_at is not None:
        return
    step.review_wanted_at = clock.now()
    if step.unit_id is None:
        return
    await post_about(session, clock, NoticeKind.UNHAPPY, step, {Audience(Role.HEAD, step.unit_id)})
    earlier = select(Step.id).where(Step.ticket_id == step.ticket_id, Step.position < step.position)
    if await session.scalar(earlier.where(Step.review_wanted_at.is_not(None)).limit(1)):
        directory = await Directory.read(session)
        above = directory.office(step.unit_id) | directory.inspectors(step.unit_id)
        await post_about(session, clock, NoticeKind.UNHAPPY_AGAIN, step, above)


async def _subject(
    session: AsyncSession, about: RatingAbout, call_id: int | None, ticket_id: int | None
) -> _Subject:
    if call_id is not None:
        return await _of_call(session, about, call_id)
    ticket = await session.get(Ticket, ticket_id) if ticket_id is not None else None
    if ticket is None:
        raise NotFound
    if ticket.state not in REPLIED_STATES:
        raise RatingTooEarly
    step = await replying_step(session, ticket.id)
    if about == RatingAbout.OPERATOR or step is None:
        key = f"call:{ticket.call_id}:operator" if ticket.call_id else f"ticket:{ticket.id}:operator"
        return _Subject(key, ticket, call_id=ticket.call_id, user_id=ticket.operator_id)
    return _Subject(f"step:{step.id}:unit", ticket, step=step, user_id=step.person_id, unit_id=step.unit_id)


async def _of_call(session: AsyncSession, about: RatingAbout, call_id: int) -> _Subject:
    call = await session.get(Call, call_id)
    if call is None:
        raise NotFound
    of_call = select(Ticket).where(Ticket.call_id == call_id, Ticket.kind == TicketKind.QUESTION)
    ticket = await session.scalar(of_call.order_by(Ticket.id).limit(1))
    key = f"call:{call_id}:{about}"
    if about == RatingAbout.OPERATOR:
        return _Subject(key, ticket, call_id=call_id, user_id=call.operator_id)
    return _Subject(key, ticket, call_id=call_id, user_id=call.liaison_id, unit_id=call.liaison_unit_id)


def _row(
    clock: Clock, subject: _Subject, about: RatingAbout, score: int | None, channel: Channel
) -> dict[str, Any]:
    return {
        "subject": subject.key,
        "about": about,
        "ticket_id": subject.ticket.id if subject.ticket else None,
        "call_id": subject.call_id,
        "step_id": subject.step.id if subject.step else None,
        "user_id": subject.user_id,
        "unit_id": subject.unit_id,
        "score": score,
        "channel": channel,
        "first_at": clock.now(),
        "changed_at": clock.now(),
    }


def _store(session: AsyncSession, values: dict[str, Any]) -> Insert:
    """A further score takes the place of the first; what is rated, and where, stays."""
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = kind.insert(SatisfactionRating).values(values)
    last_wins = {name: values[name] for name in ("score", "channel", "changed_at")}
    return row.on_conflict_do_update(index_elements=["subject"], set_=last_wins)  # type: ignore[no-any-return]
