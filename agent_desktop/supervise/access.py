"""The person behind a request as a listener (录音权限), and which unit holds a message."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from agent_desktop.keys import RECORDINGS
from core.people import Role
from core.units import Unit, UnitDuty
from core.web.keys import CLOCK, person
from core.web.requests import source_of
from recordings.calls import Scope, in_scope
from recordings.errors import RecordingClosed, RecordingUnknown
from recordings.listening import permission, playback
from recordings.listening.permission import Listener, Permission
from recordings.models import Call, Recording, RecordingKind
from tickets.bodies import body_of
from tickets.models import State, Ticket

CALLS = permission.SEES_CALLS
LISTEN = permission.MAY_LISTEN
SCORES = frozenset({Role.SUPERVISOR, Role.INSPECTOR, Role.OFFICE, Role.HEAD})
NOTE = frozenset({Role.SUPERVISOR, Role.INSPECTOR, Role.OFFICE})
MARK = frozenset({Role.SUPERVISOR, Role.INSPECTOR})
DOWNLOAD = frozenset({Role.SUPERVISOR, Role.INSPECTOR})


async def listener(request: web.Request, session: AsyncSession) -> Listener:
    """Who asks, with the regions below; a person without a region of their own belongs to their unit's.

    An operator without a unit works for the region's call centre.
    """
    user = person(request)
    region_id = user.region_id
    if region_id is None and user.unit_id is not None:
        region_id = await session.scalar(select(Unit.region_id).where(Unit.id == user.unit_id))
    unit_id = user.unit_id
    if unit_id is None and Role.OPERATOR in user.roles:
        unit_id = await _centre_of(session, region_id)
    who = Listener(
        user_id=user.user_id,
        username=user.username,
        roles=user.roles,
        unit_id=unit_id,
        region_id=region_id,
        source=source_of(request),
    )
    return await permission.listener(session, who)


def scope(request: web.Request, who: Listener) -> Scope:
    return permission.scope_of(who, request.app[CLOCK].now(), request.app[RECORDINGS])


async def permit(
    request: web.Request, session: AsyncSession, who: Listener, public_id: str
) -> tuple[Recording, Permission]:
    """The recording and what of it may be heard; raises as `recordings.listening.playback.permit`.

    Of a call beyond the person's scope there is no recording for them either (RecordingUnknown).
    """
    recording, _ = await playback.find(session, public_id)
    try:
        return await _leave(request, session, who, recording)
    except RecordingClosed:
        seen = select(Call.id).where(Call.id == recording.call_id, in_scope(scope(request, who)))
        if await session.scalar(seen) is None:
            raise RecordingUnknown(recording=public_id) from None
        raise


async def _leave(
    request: web.Request, session: AsyncSession, who: Listener, recording: Recording
) -> tuple[Recording, Permission]:
    if await is_shielded_voice(session, who.roles, recording):
        raise RecordingClosed(recording=recording.public_id)
    held_by = await holder_of(session, recording)
    return await playback.permit(
        session,
        request.app[CLOCK],
        request.app[RECORDINGS],
        who,
        recording.public_id,
        held_by_unit_id=held_by,
    )


async def is_shielded_voice(session: AsyncSession, roles: frozenset[Role], recording: Recording) -> bool:
    """Whether somebody complained about a ticket of this call: its voice is the inspectors' and supervisors' now (M-88)."""
    if roles & {Role.INSPECTOR, Role.SUPERVISOR, Role.SECRECY}:
        return False
    complaint = aliased(Ticket)
    about = select(complaint.id).join(Ticket, Ticket.id == complaint.about_id)
    return await session.scalar(about.where(Ticket.call_id == recording.call_id).limit(1)) is not None


async def holder_of(session: AsyncSession, recording: Recording) -> int | None:
    """The unit that handles a voicemail: the call centre until it is registered, then the ticket's (mission §5.7)."""
    if recording.kind != RecordingKind.VOICEMAIL:
        return None
    ticket = await session.scalar(select(Ticket).where(Ticket.recording_id == recording.id).limit(1))
    if ticket is None:
        return None
    return await _centre_of(session, ticket.region_id) if ticket.state == State.NEW else ticket.unit_id


async def _centre_of(session: AsyncSession, region_id: int | None) -> int | None:
    centre = await body_of(session, region_id, UnitDuty.CALL_CENTRE)
    return centre.id if centre else None
