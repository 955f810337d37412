"""What the page of one call shows (通话详情): story, lanes, recordings as far as they may be heard, the ticket."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.keys import RECORDINGS
from agent_desktop.supervise import access
from agent_desktop.supervise.forms import ENDS
from agent_desktop.supervise.listen import note_json
from core.errors import NotFound
from core.people import User
from core.units import Region
from core.web.keys import CLOCK
from recordings import calls
from recordings.call_story import story
from recordings.call_story.lanes import Lane, Segment, segments
from recordings.call_story.timeline import Span
from recordings.calls import WholeCall
from recordings.listening import notes
from recordings.listening.permission import Listener, Permission, facts_of, may_listen
from recordings.models import Call, CallEnd, CallMark, Recording, RecordingKind
from tickets.access import ticket_for
from tickets.lifecycle import STATE_NAMES
from tickets.models import Ticket
from tickets.queries import by_call
from tickets.query_codes.code_models import QueryCode

LANE_HEIGHT = 26
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200)


GIVEN = {CallMark.NONE: "不标记", CallMark.TEST: "试拨", CallMark.MYSTERY: "暗访"}
"""The marks that a supervisor gives."""
MARKS = {**GIVEN, CallMark.PRACTICE: "练习"}


async def call_page(
    request: web.Request, session: AsyncSession, who: Listener, linkedid: str
) -> dict[str, Any]:
    """The template's context; raises CallUnknown outside the person's scope."""
    found = await calls.one(session, linkedid, access.scope(request, who))
    players = [await player_of(request, session, who, found, recording) for recording in found.recordings]
    region = await session.get(Region, found.call.region_id) if found.call.region_id else None
    return {
        "call": found.call,
        "shows_number": found.shows_number,
        "region": region.name if region else "",
        "operator": found.names.users.get(found.call.operator_id or 0, ""),
        "unit": found.names.units.get(found.call.liaison_unit_id or 0, ""),
        "end": ENDS.get(CallEnd(found.call.end)) if found.call.end else "通话中",
        "menu_path": story.path_text(found.call.node_path),
        "entries": story.tell(found.lines, found.names),
        "legs": found.legs,
        "names": found.names,
        "drawing": drawing(found),
        "players": players,
        "tickets": [await _ticket(session, who, ticket) for ticket in await by_call(session, found.call.id)],
        "kinds": story.KINDS,
        "why": story.why_text,
        "seconds": story.seconds_text,
        "may_note": bool(who.roles & access.NOTE),
        "may_mark": bool(who.roles & access.MARK) and found.call.mark != CallMark.PRACTICE,
        "marks": MARKS,
        "given": GIVEN,
        "may_download": bool(who.roles & access.DOWNLOAD),
    }


def drawing(found: WholeCall) -> dict[str, Any]:
    """Lanes and ticks as percentages of the call's length, for an SVG without any style."""
    lines = found.lines
    if not lines:
        return {"rows": [], "ticks": [], "height": 0, "start": "", "total_ms": 0}
    start, end = lines[0].at, max(line.at for line in lines)
    total = max(end - start, timedelta(seconds=1))
    stretches = segments(lines)
    lanes = [lane for lane in Lane if any(s.lane is lane for s in stretches)]
    rows = [
        {
            "lane": lane.value,
            "label": story.LANES[lane],
            "y": index * LANE_HEIGHT,
            "bars": [_bar(s, start, total, found) for s in stretches if s.lane is lane],
        }
        for index, lane in enumerate(lanes)
    ]
    return {
        "rows": rows,
        "ticks": _ticks(total),
        "height": len(lanes) * LANE_HEIGHT,
        "start": start.isoformat(),
        "total_ms": round(total / timedelta(milliseconds=1)),
    }


def _bar(segment: Segment, start: datetime, total: timedelta, found: WholeCall) -> dict[str, Any]:
    length = segment.until_at - segment.from_at
    what = segment.what
    if segment.lane in {Lane.MENU, Lane.SURVEY}:
        what = story.path_text(what)
    elif segment.lane is not Lane.QUEUE:
        person = found.names.extensions.get(what) or (f"分机{what}" if what else "")
        what = " ".join(filter(None, (found.names.units.get(segment.unit_id or 0), person)))
    else:
        what = ""
    begins = story.seconds_text(round((segment.from_at - start).total_seconds() * 1000))
    lasts = story.seconds_text(round(length.total_seconds() * 1000))
    return {
        "x": round((segment.from_at - start) / total * 100, 3),
        "width": max(round(length / total * 100, 3), 0.25),
        "text": f"{story.LANES[segment.lane]}{'：' + what if what else ''}（{begins}起，{lasts}）",
        "name": what,
    }


def _ticks(total: timedelta) -> list[dict[str, Any]]:
    seconds = total.total_seconds()
    step = next((s for s in TICKS_S if seconds / s <= 10), 3600)
    marks = range(0, int(seconds) + 1, step)
    return [{"x": round(s / seconds * 100, 3), "text": story.seconds_text(s * 1000)} for s in marks]


async def player_of(
    request: web.Request, session: AsyncSession, who: Listener, found: WholeCall, recording: Recording
) -> dict[str, Any]:
    """One recording on the page: what is known of it, and its player's data when it may be heard."""
    held_by = await access.holder_of(session, recording)
    facts = await facts_of(session, recording, found.call, held_by)
    permission = may_listen(who, facts, request.app[CLOCK].now(), request.app[RECORDINGS])
    shown = await notes.of(session, recording.id) if permission and permission.parts is None else []
    return {
        "recording": recording,
        "permission": permission,
        "data": player_data(found, recording, permission, [note_json(item) for item in shown])
        if permission
        else None,
    }


def player_data(
    found: WholeCall, recording: Recording, permission: Permission, shown: Sequence[dict[str, str | int]] = ()
) -> dict[str, Any]:
    """What player.js needs. `spans`: [place in the sound, ms after the call's beginning, length], all in ms."""
    start = found.lines[0].at if found.lines else found.call.started_at
    spans = heard_spans(found, recording, permission)
    places, passed = [], 0
    for span in spans:
        places.append([passed, round((span.from_at - start).total_seconds() * 1000), span.ms])
        passed += span.ms
    is_whole = permission.parts is None
    return {
        "id": recording.public_id,
        "kind": str(recording.kind),
        "channels": recording.channels,
        "duration_ms": recording.duration_ms if is_whole else passed,
        "sides": list(sides(found.call, recording)),
        "spans": places,
        "notes": list(shown),
        "is_whole": is_whole,
    }


def heard_spans(found: WholeCall, recording: Recording, permission: Permission) -> list[Span]:
    """The stretches of the call that this sound runs through."""
    if recording.kind != RecordingKind.TALK:
        length = timedelta(milliseconds=recording.duration_ms)
        return [Span(recording.started_at, recording.started_at + length, None)]
    if permission.parts is None:
        return found.spans
    heard = {part[0] for part in permission.parts}
    places, passed = [], 0
    for span in found.spans:
        if passed in heard:
            places.append(span)
        passed += span.ms
    return places


def sides(call: Call, recording: Recording) -> tuple[str, ...]:
    """Who is on which channel; a call made from here begins with the operator's own telephone."""
    if recording.channels == 1:
        return ("来电人",)
    if recording.kind == RecordingKind.CONSULT:
        return ("话务员", "部门")
    return ("话务员", "被叫人") if call.direction == "out" else ("来电人", "话务员/部门")


async def _ticket(session: AsyncSession, who: Listener, ticket: Ticket) -> dict[str, Any]:
    """The ticket's number; its text and the last digits of its code only for those who may see it."""
    asker = await session.scalar(
        select(User).where(User.id == who.user_id).options(selectinload(User.grants))
    )
    try:
        seen = await ticket_for(session, asker, ticket.ticket_no) if asker else None
    except NotFound:
        seen = None
    code = select(QueryCode.last4).where(QueryCode.ticket_id == ticket.id, QueryCode.died_at.is_(None))
    last4 = await session.scalar(code.order_by(QueryCode.id.desc()).limit(1))
    return {
        "ticket": ticket,
        "seen": seen,
        "state": STATE_NAMES[ticket.state],
        "last4": last4 if seen else None,
    }
