"""What a ticket's page shows (工单页): the question, its dates and why they are so, the whole way, calls and voices.

Who sees the ticket at all is `tickets.access`', who hears what `recordings.listening.permission`'s, what can be done `panels`'.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.keys import ATTACHMENTS
from agent_desktop.supervise import access as listening
from agent_desktop.supervise.one_call import player_of
from agent_desktop.ticket import words
from agent_desktop.ticket.history import Names, timeline
from agent_desktop.ticket.panels import Case, panels_for
from core.calendar.holidays import load_calendar
from core.errors import HotlineError
from core.people import Role, User
from core.units import Region, Unit
from core.web.app import render
from core.web.keys import CLOCK, DB, person
from kb.kinds import is_case
from kb.readings import Consulted, consulted
from recordings import calls
from recordings.call_story import story
from recordings.calls import WholeCall
from recordings.models import Call, Recording, RecordingKind
from tickets import callbacks, queries
from tickets.access import is_shielded, ticket_for
from tickets.clocks import reasons
from tickets.intake import attachments
from tickets.intake.models import DisclosureWish
from tickets.lifecycle import STATE_NAMES
from tickets.models import RequestKind, Step, StepRequest, Ticket, TicketKind
from tickets.numbers import right_to

PAPER_ADDERS = frozenset({Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE, Role.INSPECTOR})
NO_TYPED: Mapping[str, str] = {}


async def who_asks(session: AsyncSession, request: web.Request) -> User:
    """The signed-in person with their roles, as the services of `tickets` want them."""
    query = select(User).where(User.id == person(request).user_id).options(selectinload(User.grants))
    return (await session.scalars(query)).one()


async def show(
    request: web.Request,
    *,
    error: HotlineError | None = None,
    typed: Mapping[str, str] = NO_TYPED,
    typed_form: str = "",
) -> web.Response:
    """The page; after a refusal with its sentence, and the refused form as it was filled in. Raises TicketNotFound."""
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        ticket = await ticket_for(session, user, request.match_info["ticket_no"])
        context = await _context(request, session, user, ticket)
    return render(
        request, "ticket/page.html", status=error.status if error else 200, error=error,
        typed=lambda form, field: typed.get(field, "") if form == typed_form else "", **context,
    )  # fmt: skip


async def _context(request: web.Request, session: AsyncSession, user: User, ticket: Ticket) -> dict[str, Any]:
    now = request.app[CLOCK].now()
    case = Case(request, session, user, ticket, list(await queries.steps_of(session, ticket.id)))
    requests = await _requests(session, ticket)
    trail = await queries.trail_of(session, ticket.id)
    linked = await _calls(session, case)
    names = await _names(session, case, [row.actor_id for row in trail], requests)
    step = case.open_step
    right = await right_to(session, user, ticket, step)
    shielded = await is_shielded(session, user, ticket)
    region = await session.get(Region, ticket.region_id)
    return {
        "case": case,
        "ticket": ticket,
        "step": step,
        "state": STATE_NAMES[ticket.state],
        "is_complaint": ticket.kind == TicketKind.COMPLAINT,
        "flags": words.flags(
            step or (case.steps[-1] if case.steps else None), now,
            is_pending=any(one.decided_at is None for one in requests), was_refused=_was_refused(requests, step),
        ),
        "words": words,
        "names": names,
        "region": region.name if region else "",
        "dates": await _dates(session, case),
        "knowledge": await _knowledge(session, ticket, linked.values()),
        "entries": timeline(trail, requests, linked.values(), case.steps, names),
        "players": [] if shielded else await _players(request, session, ticket, linked.values()),
        "kinds": story.KINDS,
        "seconds": story.seconds_text,
        "right": right,
        "shielded": shielded,
        "reply": ticket.answer or ticket.guidance,
        "parts": [one for one in case.steps if one.reply and one.finished_at],
        "other": await session.get(Ticket, ticket.about_id) if ticket.about_id else None,
        "wish": await session.get(DisclosureWish, ticket.id),
        "papers": [] if shielded else await attachments.attachments_of(session, ticket.id),
        "may_add_papers": bool(user.roles & PAPER_ADDERS),
        "limits": request.app[ATTACHMENTS],
        "seen": await queries.last_mark(session, ticket.id),
        "panels": await panels_for(case),
        "sees_calls": bool(user.roles & listening.CALLS),
    }  # fmt: skip


async def _knowledge(
    session: AsyncSession, ticket: Ticket, linked: Iterable[Call]
) -> dict[str, list[Consulted]]:
    """What was read, heard or written into the answer; case notes (M-135) apart, for nobody is answered with one."""
    found = await consulted(session, ticket.ticket_no, [call.linkedid for call in linked])
    parts = {
        "查阅和采用的信息": [one for one in found if not is_case(one.entry)],
        "参考的典型案例": [one for one in found if is_case(one.entry)],
    }
    return {name: part for name, part in parts.items() if part}


def _was_refused(requests: Sequence[StepRequest], step: Step | None) -> bool:
    """The last wish to forward this step was refused (退回)."""
    theirs = [one for one in requests if step and one.step_id == step.id and one.kind == RequestKind.FORWARD]
    return bool(theirs) and theirs[-1].approved is False


async def _requests(session: AsyncSession, ticket: Ticket) -> Sequence[StepRequest]:
    query = select(StepRequest).where(StepRequest.ticket_id == ticket.id).order_by(StepRequest.id)
    return (await session.scalars(query)).all()


async def _dates(session: AsyncSession, case: Case) -> list[dict[str, Any]]:
    """Each step's due date with the sentences that explain it."""
    calendar = await load_calendar(session)
    codes = {region.id: region.code for region in await session.scalars(select(Region))}
    return [
        {
            "step": step,
            "unit": step.unit.name if step.unit else "",
            "why": reasons.of_step(
                calendar, step, codes[step.unit.region_id if step.unit else case.ticket.region_id]
            ),
        }
        for step in case.steps
    ]


async def _calls(session: AsyncSession, case: Case) -> dict[int, Call]:
    """The calls that belong to the ticket: the one it came by, those a unit answered."""
    ids = {case.ticket.call_id, *(step.answered_call_id for step in case.steps)} - {None}
    if case.ticket.recording_id:
        ids.add(
            await session.scalar(select(Recording.call_id).where(Recording.id == case.ticket.recording_id))
        )
    backs = {one.linkedid for one in await callbacks.tries(session, case.ticket.id)}
    query = select(Call).where(Call.id.in_(ids - {None}) | Call.linkedid.in_(backs))
    loaded = query.options(selectinload(Call.events), selectinload(Call.recordings))
    return {call.id: call for call in await session.scalars(loaded.order_by(Call.started_at))}


async def _players(
    request: web.Request, session: AsyncSession, ticket: Ticket, linked: Iterable[Call]
) -> list[dict[str, Any]]:
    """The recordings of those calls this person may hear (§5.9); a complaint in the same call stays unknown (M-88)."""
    who = await listening.listener(request, session)
    scope = listening.scope(request, who)
    shown: list[dict[str, Any]] = []
    for call in linked:
        found = await calls.whole(session, call, scope)
        theirs = [recording for recording in found.recordings if _belongs(recording, ticket)]
        shown += [await _player(request, session, who, found, recording) for recording in theirs]
    return [item for item in shown if item["permission"] or item["recording"].kind == RecordingKind.TALK]


async def _player(
    request: web.Request, session: AsyncSession, who: Any, found: WholeCall, recording: Recording
) -> dict[str, Any]:
    return {"call": found.call, **await player_of(request, session, who, found, recording)}


def _belongs(recording: Recording, ticket: Ticket) -> bool:
    """A message belongs to the ticket it became, a talk to every ticket of its call."""
    is_message = recording.kind in {RecordingKind.VOICEMAIL, RecordingKind.COMPLAINT}
    return recording.id == ticket.recording_id if is_message else True


async def _names(
    session: AsyncSession, case: Case, actors: Iterable[int | None], requests: Sequence[StepRequest]
) -> Names:
    ticket = case.ticket
    people = {*actors, ticket.operator_id, ticket.liaison_id, ticket.first_person_id}
    people |= {step.person_id for step in case.steps}
    people |= {one.user_id for one in await callbacks.tries(session, ticket.id)}
    people |= {key for one in requests for key in (one.requester_id, one.decider_id)}
    users = await session.scalars(select(User).where(User.id.in_(people - {None})))
    units = await session.scalars(select(Unit))
    return Names({user.id: user.display_name for user in users}, {unit.id: unit.name for unit in units})
