"""The JSON API's calls (通话接口): lists, one call with ledger, legs, recordings and ticket, and the audio itself.

The scope is the person's own, as on the pages. A program that fetches audio in pieces makes one play of it: the piece
that begins at the first byte is written down, and so is any other unless that play was less than half an hour ago.
"""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.keys import RECORDINGS
from agent_desktop.supervise import access
from agent_desktop.supervise.forms import midnight
from agent_desktop.supervise.listen import sent
from core.clock import beijing
from core.errors import InvalidInput
from core.log import mask_number
from core.units import Region
from core.web import schema
from core.web.api import PAGING_PARAMS, PREFIX, answer, paging
from core.web.keys import CLOCK, DB
from core.web.routes import ApiDoc, Param, Routes
from recordings import calls
from recordings.call_story import story
from recordings.call_story.legs import LedgerLine, Leg
from recordings.calls import CallFilter, Summary, WholeCall
from recordings.listening import playback
from recordings.listening.sound import sound_of
from recordings.models import Recording
from tickets.models import Ticket
from tickets.queries import by_call

routes = Routes()
SAME_PLAY_S = 30 * 60
_LIST = ApiDoc(
    "通话列表",
    params=(
        Param(
            "from",
            "起始：日期 2026-06-01 或时刻 2026-06-01T10:00:00+08:00（含）",
            limits={"pattern": schema.WHEN},
        ),
        Param("to", "截止：日期（含当日）或时刻（不含）", limits={"pattern": schema.WHEN}),
        *PAGING_PARAMS,
    ),
    answer={
        "items": schema.listed("通话", {"type": "object"}),
        "total": schema.whole("符合条件的总数"),
    },
)
_ONE = ApiDoc(
    "一次通话",
    params=(Param("call_id", "通话编号（linkedid）", place="path"),),
    answer={
        "call_id": "通话编号",
        "started_at": "来电时间",
        "ended_at": "结束时间",
        "end": "结束方式",
        "ledger": "流水",
        "legs": "通话分支",
        "recordings": "录音",
        "ticket": "本次通话的工单",
        "tickets": "全部工单号",
    },
)
_AUDIO = ApiDoc(
    "录音音频（WAV，支持 Range；每次播放记入审计日志）",
    params=(Param("id", "录音编号", place="path"),),
    media_type="audio/wav",
)


@routes.get(f"{PREFIX}/calls", roles=access.CALLS, doc=_LIST)
async def listing(request: web.Request) -> web.StreamResponse:
    pages = paging(request)
    wanted = CallFilter(since=_moment(request, "from"), until=_moment(request, "to", is_end=True))
    async with request.app[DB].reading() as session:
        scope = access.scope(request, await access.listener(request, session))
        total = await calls.count(session, wanted, scope)
        found = await calls.listing(session, wanted, scope, size=pages.limit, offset=pages.offset)
        codes = await _region_codes(session)
    return answer({"items": [summary_json(item, codes) for item in found], "total": total})


def _moment(request: web.Request, name: str, *, is_end: bool = False) -> datetime | None:
    """A date (whole Beijing days) or an instant with its offset."""
    if name not in request.query:
        return None
    text = request.query[name].replace(" ", "+")
    if not re.fullmatch(schema.WHEN, text):
        raise InvalidInput(field=name, reason="请用 2026-06-01 或 2026-06-01T10:00:00+08:00")
    found = datetime.fromisoformat(text)
    if len(text) == len("2026-06-01"):
        return midnight(found.date() + timedelta(days=1 if is_end else 0))
    return found if found.tzinfo else found.replace(tzinfo=beijing(request.app[CLOCK].now()).tzinfo)


@routes.get(f"{PREFIX}/calls/{{call_id}}", roles=access.CALLS, doc=_ONE)
async def one(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        scope = access.scope(request, await access.listener(request, session))
        found = await calls.one(session, request.match_info["call_id"], scope)
        summary = (await calls.summaries(session, [found.call], scope))[0]
        tickets = await by_call(session, found.call.id)
        codes = await _region_codes(session)
    return answer(summary_json(summary, codes) | whole_json(found, list(tickets)))


@routes.get(f"{PREFIX}/recordings/{{id}}/audio", roles=access.LISTEN, doc=_AUDIO)
async def audio(request: web.Request) -> web.StreamResponse:
    public_id, settings, clock = request.match_info["id"], request.app[RECORDINGS], request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        who = await access.listener(request, session)
        recording, permission = await access.permit(request, session, who, public_id)
        sound = await asyncio.to_thread(sound_of, recording, settings, permission)
        goes_on = _starts_later(request) and await playback.was_played(
            session, clock, who, recording, SAME_PLAY_S
        )
        if request.method != "HEAD" and not goes_on:
            await playback.log_play(session, clock, who, recording, permission)
    return await sent(request, sound)


def _starts_later(request: web.Request) -> bool:
    try:
        return bool(request.http_range.start)
    except ValueError:
        return False


async def _region_codes(session: AsyncSession) -> dict[int, str]:
    return {region.id: region.code for region in await session.scalars(select(Region))}


def summary_json(item: Summary, region_codes: dict[int, str]) -> dict[str, Any]:
    call = item.call
    return {
        "call_id": call.linkedid,
        "direction": call.direction,
        "line": call.line,
        "region": region_codes.get(call.region_id or 0),
        "caller_number": mask_number(call.caller_number) if item.shows_number else None,
        "started_at": _iso(call.started_at),
        "queued_at": _iso(call.queued_at),
        "answered_at": _iso(call.answered_at),
        "ended_at": _iso(call.ended_at),
        "end": call.end,
        "end_node": call.end_node,
        "node_path": [node for node in call.node_path.split(">") if node],
        "operator": item.operator or None,
        "unit": item.unit or None,
        "wait_ms": item.wait_ms,
        "talk_ms": call.talk_ms,
        "offered": item.offered,
        "scores": item.scores,
        "recordings": [recording_json(recording) for recording in item.recordings],
    }


def whole_json(found: WholeCall, tickets: list[Ticket]) -> dict[str, Any]:
    told = story.tell(found.lines, found.names)
    first = tickets[0] if tickets else None
    return {
        "ledger": [
            line_json(line, entry.offset_ms, entry.text)
            for line, entry in zip(found.lines, told, strict=True)
        ],
        "legs": [leg_json(leg, found) for leg in found.legs],
        "bridged_ms": sum(span.ms for span in found.spans),
        "ticket": {"ticket_no": first.ticket_no, "kind": first.kind, "state": first.state} if first else None,
        "tickets": [ticket.ticket_no for ticket in tickets],
    }


def line_json(line: LedgerLine, offset_ms: int, text: str) -> dict[str, Any]:
    """Internal keys and full numbers stay inside."""
    hidden = {"user", "unit", "caller"}
    data = {name: value for name, value in line.data.items() if name not in hidden}
    return {
        "at": _iso(line.at),
        "offset_ms": offset_ms,
        "kind": line.kind,
        "channel": line.channel,
        "data": data,
        "text": text,
    }


def leg_json(leg: Leg, found: WholeCall) -> dict[str, Any]:
    return {
        "extension": leg.extension,
        "channel": leg.channel,
        "role": leg.role,
        "person": found.names.users.get(leg.user_id or 0),
        "unit": found.names.units.get(leg.unit_id or 0),
        "offered_at": _iso(leg.offered_at),
        "answered_at": _iso(leg.answered_at),
        "left_at": _iso(leg.left_at),
        "outcome": leg.outcome,
    }


def recording_json(recording: Recording) -> dict[str, Any]:
    plain = ("kind", "duration_ms", "channels", "size", "sha256", "damaged", "sealed")
    return {
        "id": recording.public_id,
        "started_at": _iso(recording.started_at),
        "audio": f"{PREFIX}/recordings/{recording.public_id}/audio",
    } | {name: getattr(recording, name) for name in plain}


def _iso(instant: datetime | None) -> str | None:
    return beijing(instant).isoformat() if instant else None
