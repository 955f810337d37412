"""The public terminal (查询终端, M-103): one full-screen page without login, which forgets its visitor and survives the network.

The page's script keeps the latest answers, so that a terminal cut off from the network still shows them, with their date.
"""

from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from core.clock import beijing
from core.web.api import answer
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import PUBLIC, Routes
from kb.entries import visible
from kb.models import Audience, Entry
from portal import flood, forms
from portal.kept import HOME
from portal.keys import PORTAL, SEARCHER
from portal.limits import LIMITS

routes = Routes()
KEPT = 150
"""Answers a terminal keeps for the time without a network, the hot ones first."""
RESULTS = 12
WORKER = Path(__file__).parent / "static" / "kiosk-worker.js"


@routes.get("/kiosk", roles=PUBLIC)
async def kiosk(request: web.Request) -> web.StreamResponse:
    _, units = await request.app[HOME].get()
    return render(request, "portal/kiosk.html", units=units)


@routes.get("/kiosk/worker.js", roles=PUBLIC)
async def worker(request: web.Request) -> web.StreamResponse:
    """From here, since a worker may only look after pages at its own address or, by this header, the one above."""
    del request
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Service-Worker-Allowed": "/kiosk"}
    return web.FileResponse(WORKER, headers=headers | {"Cache-Control": "no-cache"})


@routes.get("/kiosk/answers.json", roles=PUBLIC)
async def kept_answers(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    public = (*visible(beijing(now).date()), Entry.audience == Audience.PUBLIC)
    newest = select(Entry).where(*public).order_by(Entry.is_hot.desc(), Entry.published_at.desc(), Entry.id)
    async with request.app[DB].reading() as session:
        rows = await session.scalars(newest.options(selectinload(Entry.unit)).limit(KEPT))
        return answer(
            {"made_at": beijing(now).isoformat(timespec="minutes"), "items": [_json(row) for row in rows]}
        )


@routes.get("/kiosk/find", roles=PUBLIC)
async def find(request: web.Request) -> web.StreamResponse:
    """What a search finds, with the whole answers."""
    request.app[LIMITS].visit(request)
    query, searcher = request.query.get("q", "").strip()[:100], request.app.get(SEARCHER)
    hits = await searcher.search(query, limit=RESULTS) if query and searcher else []
    if query and searcher and not hits:
        await searcher.not_found(query, None)
    async with request.app[DB].reading() as session:
        wanted = select(Entry).where(Entry.id.in_([hit.id for hit in hits])).options(selectinload(Entry.unit))
        rows = {row.id: row for row in await session.scalars(wanted)}
    return answer({"items": [_json(rows[hit.id]) for hit in hits if hit.id in rows]})


@routes.get("/kiosk/form", roles=PUBLIC)
async def form(request: web.Request) -> web.StreamResponse:
    """The number of a new question, and the sum to do when many come in."""
    settings = request.app[PORTAL]
    number = forms.fresh(settings, request.app[CLOCK])
    is_flood = await flood.is_flood(request)
    return answer({"form": number, "sum": forms.sum_for(settings, number) if is_flood else ""})


def _json(entry: Entry) -> dict[str, Any]:
    unit = entry.unit.name if entry.unit else entry.department
    return {"title": entry.title, "answer": entry.answer, "unit": unit, "is_hot": entry.is_hot}
