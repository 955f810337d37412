"""Listening (回放): permission to play, the sound, its picture, notes, and taking it out with a reason (M-59)."""

import asyncio

import structlog
from aiohttp import web
from aiohttp.client_exceptions import ClientConnectionResetError

from agent_desktop.keys import RECORDINGS
from agent_desktop.supervise import access
from agent_desktop.supervise.plays import PLAYS
from agent_desktop.supervise.stream import send
from core.errors import InvalidInput
from core.web.api import answer
from core.web.keys import CLOCK, DB, person
from core.web.requests import json_body
from core.web.routes import Routes
from recordings.listening import notes, playback, waveform
from recordings.listening.notes import Shown
from recordings.listening.sound import Sound, sound_of

log = structlog.get_logger()
routes = Routes()
BUCKETS = 800


@routes.post("/supervise/recordings/{id}/play", roles=access.LISTEN)
async def play(request: web.Request) -> web.StreamResponse:
    """One press of the button: one audit row, and a key for the sound."""
    public_id, settings, clock = request.match_info["id"], request.app[RECORDINGS], request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        who = await access.listener(request, session)
        recording, permission = await access.permit(request, session, who, public_id)
        sound = await asyncio.to_thread(sound_of, recording, settings, permission)
        await playback.log_play(session, clock, who, recording, permission)
    key = request.app[PLAYS].open(who.user_id, public_id, sound)
    return answer({"src": f"/supervise/recordings/{public_id}/audio?play={key}"})


@routes.get("/supervise/recordings/{id}/audio", roles=access.LISTEN)
async def audio(request: web.Request) -> web.StreamResponse:
    """The sound of a play that was allowed."""
    user_id, public_id = person(request).user_id, request.match_info["id"]
    sound = request.app[PLAYS].sound(request.query.get("play", ""), user_id, public_id)
    return await sent(request, sound)


async def sent(request: web.Request, sound: Sound, *, file_name: str = "") -> web.StreamResponse:
    """As `stream.send`; a listener who leaves in the middle is no error."""
    try:
        return await send(request, sound, file_name=file_name)
    except (ConnectionResetError, ClientConnectionResetError):
        log.debug("listener_left", path=request.path)
        return web.Response(status=499)


@routes.get("/supervise/recordings/{id}/peaks", roles=access.LISTEN)
async def peaks(request: web.Request) -> web.StreamResponse:
    """What this person may hear in a picture: `peaks`, one list per channel, 0 to 100; `silences`, from and to in ms."""
    settings = request.app[RECORDINGS]
    async with request.app[DB].reading() as session:
        who = await access.listener(request, session)
        recording, permission = await access.permit(request, session, who, request.match_info["id"])
    found = await asyncio.to_thread(waveform.peaks, recording, settings, BUCKETS, permission.parts)
    length_ms = (
        sum(b - a for a, b in permission.parts) if permission.parts is not None else recording.duration_ms
    )
    return answer({"peaks": found, "silences": waveform.silences(found, length_ms)})


@routes.post("/supervise/recordings/{id}/notes", roles=access.NOTE)
async def add_note(request: web.Request) -> web.StreamResponse:
    """Write a note at `offset_ms`; answers with all notes."""
    body = await json_body(request)
    offset_ms = body.get("offset_ms")
    if not isinstance(offset_ms, int) or isinstance(offset_ms, bool):
        raise InvalidInput(field="时间点", reason="请先在波形上选择位置。")
    async with request.app[DB].unit_of_work() as session:
        who = await access.listener(request, session)
        recording, _ = await access.permit(request, session, who, request.match_info["id"])
        await notes.add(
            session,
            request.app[CLOCK],
            recording=recording,
            offset_ms=offset_ms,
            text=str(body.get("text", "")),
            author_id=who.user_id,
        )
        shown = await notes.of(session, recording.id)
    return answer({"notes": [note_json(item) for item in shown]}, status=201)


def note_json(item: Shown) -> dict[str, str | int]:
    return {"offset_ms": item.note.offset_ms, "text": item.note.text, "author": item.author}


@routes.post("/supervise/recordings/{id}/download", roles=access.DOWNLOAD)
async def download(request: web.Request) -> web.StreamResponse:
    """The wav to keep; the form's `reason` goes to the audit log first."""
    form = await request.post()
    public_id, settings, clock = request.match_info["id"], request.app[RECORDINGS], request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        who = await access.listener(request, session)
        recording, permission = await access.permit(request, session, who, public_id)
        sound = await asyncio.to_thread(sound_of, recording, settings, permission)
        await playback.log_download(session, clock, who, recording, permission, str(form.get("reason", "")))
    return await sent(request, sound, file_name=f"96128-{public_id}.wav")
