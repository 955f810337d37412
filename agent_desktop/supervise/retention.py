"""`/supervise/retention` (录音保存): what is past its time, asking for its removal, another's decision, the certificate."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from agent_desktop.keys import RECORDINGS
from agent_desktop.supervise import access
from core import audit
from core.clock import beijing
from core.errors import NotFound
from core.people import Role, User
from core.web.keys import CLOCK, DB, TASKS, person
from core.web.lists import Column, Table, serve_list
from core.web.pages import render, see_other
from core.web.requests import source_of
from core.web.routes import Routes
from recordings.call_story import story
from recordings.keeping import purge
from recordings.keeping.space import space
from recordings.listening import playback
from recordings.listening.permission import Listener
from recordings.models import Purge, PurgeState, Recording
from tickets.retention import past_their_time

routes = Routes()
ASKS = frozenset({Role.SUPERVISOR})
DECIDES = frozenset({Role.SUPERVISOR, Role.INSPECTOR})
PAGE = "/supervise/retention"
STATES = {PurgeState.ASKED: "待批准", PurgeState.DONE: "已清除", PurgeState.REFUSED: "未批准"}
_TONES = {PurgeState.ASKED: "warn", PurgeState.DONE: "ok", PurgeState.REFUSED: ""}
_ASKER, _DECIDER = aliased(User), aliased(User)


def megabytes(size: int | None) -> str:
    return f"{(size or 0) / 2**20:.1f} MB"


PURGES = Table(
    "purges", "清除申请",
    columns=(
        Column("asked", "申请时间", lambda row: f"{beijing(row.Purge.asked_at):%Y-%m-%d %H:%M}", sort=Purge.asked_at,
               href=lambda row: f"{PAGE}/{row.Purge.id}"),
        Column("count", "录音", lambda row: f"{row.Purge.count} 个，{megabytes(row.Purge.size)}", sort=Purge.count),
        Column("asker", "申请人", lambda row: row.asker),
        Column("reason", "理由", lambda row: row.Purge.reason),
        Column("state", "状态", lambda row: STATES[row.Purge.state], tone=lambda row: _TONES[row.Purge.state]),
        Column("decider", "批准人", lambda row: row.decider or "—"),
    ),
    sort="-asked", tie=Purge.id,
)  # fmt: skip


@routes.get(PAGE, roles=DECIDES, nav="录音保存")
async def listing(request: web.Request) -> web.StreamResponse:
    settings = request.app[RECORDINGS]
    async with request.app[DB].reading() as session:
        who = await access.listener(request, session)
        due = _due(request, who) & purge.free_to_go()
        count, size = (await session.execute(select(func.count(), func.sum(Recording.size)).where(due))).one()
    room = await asyncio.to_thread(space, settings.least_free_mb, settings.archive_dir)
    return await serve_list(
        request, PURGES, _visible(who), "supervise/retention.html",
        count=count, size=megabytes(size), settings=settings, may_ask=bool(who.roles & ASKS), room=room,
    )  # fmt: skip


@routes.post(f"{PAGE}/ask", roles=ASKS)
async def ask(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    async with request.app[DB].unit_of_work() as session:
        who = await access.listener(request, session)
        asked = await purge.ask(
            session, request.app[CLOCK], who, _due(request, who), str(form.get("reason", ""))
        )
    return see_other(PAGE, flash=f"已申请清除 {asked.count} 个录音，请另一位主管或监察人员批准。")


@routes.get(f"{PAGE}/{{id:\\d{{1,9}}}}", roles=DECIDES)
async def one(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        who = await access.listener(request, session)
        row = await _find(request, session, who)
    may_decide = row.Purge.state == PurgeState.ASKED and row.Purge.asked_by_id != who.user_id
    return render(request, "supervise/purge.html", row=row, purge=row.Purge, state=STATES[row.Purge.state],
                  size=megabytes(row.Purge.size), may_decide=may_decide, removed=_removed(row.Purge))  # fmt: skip


def _removed(purged: Purge) -> list[dict[str, Any]]:
    """The certificate's lines as people read them; its own text is what the checksum is of."""
    lines = map(json.loads, (purged.certificate or "").splitlines())
    return [
        {**line, "kind": story.KINDS[line["kind"]], "started_at": datetime.fromisoformat(line["started_at"]),
         "length": story.seconds_text(line["duration_ms"])}
        for line in lines
    ]  # fmt: skip


@routes.get(f"{PAGE}/{{id:\\d{{1,9}}}}/certificate.txt", roles=DECIDES)
async def certificate(request: web.Request) -> web.StreamResponse:
    """The very bytes whose SHA-256 the page states, to keep elsewhere."""
    async with request.app[DB].unit_of_work() as session:
        found: Purge = (await _find(request, session, await access.listener(request, session))).Purge
        if not found.certificate:
            raise NotFound
        await audit.record(
            session, request.app[CLOCK], actor=person(request).username, action="list.export",
            target=f"purge:{found.id}", source=source_of(request),
        )  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="purge-{found.id}.txt"'}
    return web.Response(
        body=found.certificate.encode(), content_type="text/plain", charset="utf-8", headers=headers
    )


@routes.post(f"{PAGE}/{{id:\\d{{1,9}}}}/approve", roles=DECIDES)
async def approve(request: web.Request) -> web.StreamResponse:
    done = await _decided(request, purge.approve)
    work = purge.remove_files(request.app[DB], request.app[RECORDINGS])
    request.app[TASKS].job(work, "purged-audio")
    return see_other(f"{PAGE}/{done.id}", flash=f"已批准，清除 {done.count} 个录音。")


@routes.post(f"{PAGE}/{{id:\\d{{1,9}}}}/refuse", roles=DECIDES)
async def refuse(request: web.Request) -> web.StreamResponse:
    done = await _decided(request, purge.refuse)
    return see_other(f"{PAGE}/{done.id}", flash="未批准清除，录音继续保存。")


async def _decided(request: web.Request, decide: Callable[..., Awaitable[Purge]]) -> Purge:
    async with request.app[DB].unit_of_work() as session:
        who = await access.listener(request, session)
        found = (await _find(request, session, who)).Purge
        return await decide(session, request.app[CLOCK], who, found.id)


@routes.post("/supervise/recordings/{id}/hold", roles=DECIDES)
async def hold(request: web.Request) -> web.StreamResponse:
    """Put a recording on legal hold (`on`), or lift it; back to its call."""
    form = await request.post()
    is_on = form.get("on") == "1"
    async with request.app[DB].unit_of_work() as session:
        who = await access.listener(request, session)
        await access.permit(request, session, who, request.match_info["id"])
        recording, call = await playback.find(session, request.match_info["id"])
        await purge.hold(
            session, request.app[CLOCK], who, recording, on=is_on, reason=str(form.get("reason", ""))
        )
    back = f"/supervise/calls/{call.linkedid}" if call else PAGE
    return see_other(back, flash="已长期保留，到期也不清除。" if is_on else "已解除保留，按期限保存。")


def _due(request: web.Request, who: Listener) -> Any:
    return past_their_time(request.app[CLOCK].now(), request.app[RECORDINGS], who.regions_below)


def _visible(who: Listener) -> Any:
    rows = select(Purge, _ASKER.display_name.label("asker"), _DECIDER.display_name.label("decider"))
    rows = rows.join(_ASKER, _ASKER.id == Purge.asked_by_id)
    rows = rows.outerjoin(_DECIDER, _DECIDER.id == Purge.decided_by_id)
    return rows.where(Purge.region_id.in_(who.regions_below))


async def _find(request: web.Request, session: AsyncSession, who: Listener) -> Any:
    wanted = _visible(who).where(Purge.id == int(request.match_info["id"]))
    row = (await session.execute(wanted)).one_or_none()
    if row is None:
        raise NotFound
    return row
