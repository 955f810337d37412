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
from kb.kinds import labelled
from kb.models import Audience, Entry
from portal.kept import HOME
from portal.keys import PORTAL, SEARCHER
from portal.limits import LIMITS
from portal.submitting import flood, forms
from tickets.intake.models import WAYS, Way

routes = Routes()
KEPT = 150
"""Answers a terminal keeps for the time without a network, the hot ones first."""
RESULTS = 12
TYPED_WAYS = {way: text for way, text in WAYS.items() if way != Way.EMAIL}
"""How an applicant may be given the information; the keys on the screen write no address of mail."""
WORKER = Path(__file__).parents[1] / "static" / "kiosk-worker.js"


@routes.get("/kiosk", roles=PUBLIC)
async def kiosk(request: web.Request) -> web.StreamResponse:
    _, units = await request.app[HOME].get()
    return render(request, "portal/kiosk.html", units=units, ways=TYPED_WAYS)


@routes.get("/kiosk/worker.js", roles=PUBLIC)
async def worker(request: web.Request) -> web.StreamResponse:
    """From here, since a worker may only look after pages at its own address or, by this header, the one above."""
    del request
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Service-Worker-Allowed": "/kiosk"}
    return web.FileResponse(WORKER, headers=headers | {"Cache-Control": "no-cache"})


@routes.get("/kiosk/answers.json", roles=PUBLIC)
async def kept_answers(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    newest = (
        select(Entry)
        .where(*_public(request))
        .order_by(Entry.is_hot.desc(), Entry.published_at.desc(), Entry.id)
    )
    async with request.app[DB].reading() as session:
        rows = await session.scalars(newest.options(selectinload(Entry.unit)).limit(KEPT))
        return answer(
            {"made_at": beijing(now).isoformat(timespec="minutes"), "items": [_json(row) for row in rows]}
        )


@routes.get("/kiosk/find", roles=PUBLIC)
async def find(request: web.Request) -> web.StreamResponse:
    """What a search finds, with the whole answers; `typed=1` while somebody is still typing."""
    limits, is_typed = request.app[LIMITS], bool(request.query.get("typed"))
    (limits.typing if is_typed else limits.visit)(request)
    query, searcher = request.query.get("q", "").strip()[:100], request.app.get(SEARCHER)
    hits = await searcher.search(query, limit=RESULTS) if query and searcher else []
    if query and searcher and not (hits or is_typed):
        await searcher.not_found(query, None)
    found = (Entry.id.in_([hit.id for hit in hits]), *_public(request))
    async with request.app[DB].reading() as session:
        wanted = select(Entry).where(*found).options(selectinload(Entry.unit))
        rows = {row.id: row for row in await session.scalars(wanted)}
    items = [_json(rows[hit.id]) | {"title_marks": hit.title_marks} for hit in hits if hit.id in rows]
    return answer({"items": items})


@routes.get("/kiosk/form", roles=PUBLIC)
async def form(request: web.Request) -> web.StreamResponse:
    """The number of a new question, and the sum to do when many come in."""
    settings = request.app[PORTAL]
    number = forms.fresh(settings, request.app[CLOCK])
    is_flood = await flood.is_flood(request)
    return answer({"form": number, "sum": forms.sum_for(settings, number) if is_flood else ""})


def _public(request: web.Request) -> tuple[Any, ...]:
    """What the terminal may show today."""
    today = beijing(request.app[CLOCK].now()).date()
    return (*visible(today), Entry.audience == Audience.PUBLIC)


def _json(entry: Entry) -> dict[str, Any]:
    """An entry with all it says: of a service item the answer is in its fields."""
    unit = entry.unit.name if entry.unit else entry.department
    said = [f"{label}：{text}" for label, text in labelled(entry.kind, entry.details).items()]
    text = "\n".join(filter(None, [entry.answer, *said]))
    return {"title": entry.title, "answer": text, "unit": unit, "is_hot": entry.is_hot}
