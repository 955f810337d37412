"""The file that goes to the judiciary (移交案卷, M-53): the case to read, the case as data, its papers and recordings."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.api import ticket_json
from agent_desktop.keys import ATTACHMENTS, RECORDINGS
from agent_desktop.packing import Paper, pieces_of
from agent_desktop.ticket import words
from agent_desktop.ticket.history import Names, timeline
from core import audit
from core.errors import Conflict
from core.people import Role, User
from core.units import Unit
from core.web.keys import CLOCK
from core.web.pages import TEMPLATES
from recordings.listening.permission import Permission
from recordings.listening.sound import sound_of
from recordings.models import Recording
from recordings.settings import RecordingSettings
from tickets import queries
from tickets.access import ticket_for
from tickets.intake.attachments import attachments_of, path_of
from tickets.lifecycle import STATE_NAMES
from tickets.models import RequestKind, State, StepRequest, Ticket
from tickets.oversight import accountability
from tickets.oversight.oversight_models import AccountabilityOutcome
from tickets.parallel.shares import others_of


class NotHandedOver(Conflict):
    """There is a case file only of what was handed to the judiciary."""

    code = "not_handed_over"
    text = "该工单没有移交司法机关，没有移交案卷。"


@dataclass(frozen=True)
class HandOver:
    """Who received what, when and why."""

    recipient: str
    at: datetime
    reason: str
    papers: str


async def case_papers(
    session: AsyncSession, app: web.Application, user: User, ticket_no: str, *, source: str
) -> list[Paper]:
    """Everything the package holds; the audit row is written first. Raises TicketNotFound, NotHandedOver.

    The papers are read later and need no session any more.
    """
    ticket = await ticket_for(session, user, ticket_no)
    handed = await _handed_over(session, ticket)
    await audit.record(
        session, app[CLOCK], actor=user.username, role=Role.INSPECTOR, action="case.export",
        target=f"ticket:{ticket_no}", source=source,
    )  # fmt: skip
    cases = await _cases(session, ticket)
    papers = await _texts(session, app, handed, cases)
    for one in cases:
        papers += await _attached(session, app, one) + await _voices(session, app, one)
    return papers


async def _handed_over(session: AsyncSession, ticket: Ticket) -> HandOver:
    """The hand-over of a complaint (C4), or of a question by a decision about those responsible (M-52)."""
    if ticket.state == State.C_JUDICIAL:
        judicial = (StepRequest.kind == RequestKind.JUDICIARY) & StepRequest.approved.is_(True)
        request = (
            await session.scalars(select(StepRequest).where(StepRequest.ticket_id == ticket.id, judicial))
        ).one()
        assert request.decided_at is not None
        return HandOver(request.recipient, request.decided_at, request.reason, request.part)
    for record in await accountability.of_ticket(session, ticket.id):
        if record.outcome == AccountabilityOutcome.JUDICIARY:
            return HandOver(record.recipient, record.decided_at, record.reason, record.papers)
    raise NotHandedOver


async def _texts(
    session: AsyncSession, app: web.Application, handed: HandOver, tickets: list[Ticket]
) -> list[Paper]:
    cases = [await _case(session, one) for one in tickets]
    page = app[TEMPLATES].get_template("inspect/casefile.html")
    html = page.render(cases=cases, handed=handed, words=words, states=STATE_NAMES)
    data = [one["json"] | {"caller_number": one["ticket"].caller_number} for one in cases]
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    return [Paper("案卷.html", (html.encode(),)), Paper("case.json", (text.encode(),))]


async def _cases(session: AsyncSession, ticket: Ticket) -> list[Ticket]:
    """What was handed over, of a complaint the question it is about, and the rest of a parallel case."""
    about = await session.get(Ticket, ticket.about_id) if ticket.about_id else None
    return [ticket, *([about] if about else []), *await others_of(session, about or ticket)]


async def _case(session: AsyncSession, ticket: Ticket) -> dict[str, Any]:
    steps, trail = await queries.steps_of(session, ticket.id), await queries.trail_of(session, ticket.id)
    asked = await session.scalars(select(StepRequest).where(StepRequest.ticket_id == ticket.id))
    users = {user.id: user.display_name for user in await session.scalars(select(User))}
    units = {unit.id: unit.name for unit in await session.scalars(select(Unit))}
    entries = timeline(trail, asked.all(), [], steps, Names(users, units))
    return {"ticket": ticket, "entries": entries, "json": ticket_json(ticket, steps, trail)}


async def _attached(session: AsyncSession, app: web.Application, ticket: Ticket) -> list[Paper]:
    return [
        Paper(
            f"附件/{ticket.ticket_no}-{number:02} {one.name}",
            pieces_of(path_of(app[ATTACHMENTS], one.public_id)),
        )
        for number, one in enumerate(await attachments_of(session, ticket.id), start=1)
    ]


async def _voices(session: AsyncSession, app: web.Application, ticket: Ticket) -> list[Paper]:
    theirs = Recording.id == ticket.recording_id
    if ticket.call_id is not None:
        theirs |= Recording.call_id == ticket.call_id
    kept = select(Recording).where(theirs, Recording.deleted_at.is_(None)).order_by(Recording.id)
    return [
        Paper(f"录音/{one.public_id}.wav", _heard(one, app[RECORDINGS]))
        for one in await session.scalars(kept)
    ]


def _heard(recording: Recording, settings: RecordingSettings) -> Iterator[bytes]:
    sound = sound_of(recording, settings, Permission(Role.INSPECTOR))
    yield from sound.pieces(0, sound.size)
