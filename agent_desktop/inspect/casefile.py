"""The file that goes to the judiciary (移交案卷, M-53): the case to read, the case as data, its recordings, their checksums."""

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.api import ticket_json
from agent_desktop.keys import RECORDINGS
from agent_desktop.ticket import words
from agent_desktop.ticket.history import Names, timeline
from core import audit
from core.errors import Conflict, HotlineError
from core.people import Role, User
from core.units import Unit
from core.web.keys import CLOCK
from core.web.pages import TEMPLATES
from recordings import playback
from recordings.models import Recording
from recordings.playback import Leave
from recordings.settings import RecordingSettings
from tickets import queries
from tickets.access import ticket_for
from tickets.lifecycle import STATE_NAMES
from tickets.models import RequestKind, State, StepRequest, Ticket


class NotHandedOver(Conflict):
    """There is a case file only of what was handed to the judiciary."""

    code = "not_handed_over"
    text = "该工单没有移交司法机关，没有移交案卷。"


async def zipped(
    session: AsyncSession, app: web.Application, user: User, ticket_no: str, *, source: str
) -> bytes:
    """The case as a ZIP; the audit row is written first. Raises TicketNotFound, NotHandedOver."""
    ticket = await ticket_for(session, user, ticket_no)
    if ticket.state != State.C_JUDICIAL:
        raise NotHandedOver
    await audit.record(
        session, app[CLOCK], actor=user.username, role=Role.INSPECTOR, action="case.export",
        target=f"ticket:{ticket_no}", source=source,
    )  # fmt: skip
    texts = await _texts(session, app, ticket)
    sounds = [sound for one in await _cases(session, ticket) for sound in await _sounds(session, one)]
    return await asyncio.to_thread(_packed, texts, sounds, app[RECORDINGS])


async def _texts(session: AsyncSession, app: web.Application, ticket: Ticket) -> dict[str, bytes]:
    cases = [await _case(session, one) for one in await _cases(session, ticket)]
    handed = select(StepRequest).where(
        StepRequest.ticket_id == ticket.id, StepRequest.kind == RequestKind.JUDICIARY, StepRequest.approved.is_(True)
    )  # fmt: skip
    request = (await session.scalars(handed)).one()
    page = app[TEMPLATES].get_template("inspect/casefile.html")
    html = page.render(cases=cases, request=request, words=words, states=STATE_NAMES)
    data = [one["json"] | {"caller_number": one["ticket"].caller_number} for one in cases]
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    return {"案卷.html": html.encode(), "case.json": text.encode()}


async def _cases(session: AsyncSession, ticket: Ticket) -> list[Ticket]:
    """The complaint, and the question it is about."""
    about = await session.get(Ticket, ticket.about_id) if ticket.about_id else None
    return [one for one in (ticket, about) if one is not None]


async def _case(session: AsyncSession, ticket: Ticket) -> dict[str, Any]:
    steps, trail = await queries.steps_of(session, ticket.id), await queries.trail_of(session, ticket.id)
    asked = await session.scalars(select(StepRequest).where(StepRequest.ticket_id == ticket.id))
    users = {user.id: user.display_name for user in await session.scalars(select(User))}
    units = {unit.id: unit.name for unit in await session.scalars(select(Unit))}
    entries = timeline(trail, asked.all(), [], steps, Names(users, units))
    return {"ticket": ticket, "entries": entries, "json": ticket_json(ticket, steps, trail)}


async def _sounds(session: AsyncSession, ticket: Ticket) -> list[Recording]:
    theirs = Recording.id == ticket.recording_id
    if ticket.call_id is not None:
        theirs |= Recording.call_id == ticket.call_id
    kept = select(Recording).where(theirs, Recording.deleted_at.is_(None))
    return list((await session.scalars(kept)).all())


def _packed(texts: Mapping[str, bytes], sounds: Iterable[Recording], settings: RecordingSettings) -> bytes:
    """A recording that cannot be read is named in the list of checksums rather than left out in silence."""
    out = io.BytesIO()
    lines = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in [
            *texts.items(),
            *((f"录音/{one.public_id}.wav", _wav(one, settings)) for one in sounds),
        ]:
            if content is None:
                lines.append(f"无法读取  {name}")
                continue
            file.writestr(name, content)
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}")
        file.writestr("SHA256SUMS.txt", "\n".join(lines) + "\n")
    return out.getvalue()


def _wav(recording: Recording, settings: RecordingSettings) -> bytes | None:
    try:
        sound = playback.sound(recording, settings, Leave(Role.INSPECTOR))
        return b"".join(sound.pieces(0, sound.size))
    except HotlineError:
        return None
