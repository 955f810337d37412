"""Searching the knowledge base beside the call (M-22): suggestions while typing, and what became of a search (M-84)."""

from typing import Any

from aiohttp import web
from sqlalchemy import select

from agent_desktop.keys import SEARCHER
from core.errors import NotFound
from core.people import Role
from core.units import Region, shown_regions
from core.web.keys import CLOCK, DB, person
from core.web.requests import json_body
from core.web.routes import Routes
from kb import readings
from kb.kinds import KIND_NAMES
from kb.models import OWN

routes = Routes()
WITH_SEARCH = (Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE)
SHOWN = 8
MAX_QUERY_LENGTH = 100


@routes.get("/desk/kb", roles=WITH_SEARCH)
async def search(request: web.Request) -> web.StreamResponse:
    """?q= → {"items": [{"id", "title", "snippet", "unit", "source", "valid_to", "valid", "public", …}]}, best first.

    `title_marks` and `snippet_marks` are [start, end] in characters; nothing for an empty query. `region`, `kind` and `unit` keep everything else out.
    """
    query = request.query.get("q", "").strip()[:MAX_QUERY_LENGTH]
    hits = await _found(request, query) if query else []
    return web.json_response({"query": query, "items": [_hit(hit) for hit in hits]})


async def _found(request: web.Request, query: str) -> list[Any]:
    """What staff may see, internal (M-70) and expired entries (M-22) too; the own unit's and region's first among equals."""
    user, region = person(request), request.query.get("region", "")
    return await request.app[SEARCHER].search(
        query, limit=SHOWN, audience="staff", with_expired=True, own_unit_id=user.unit_id, own_region_id=user.region_id,
        unit=request.query.get("unit", "")[:MAX_QUERY_LENGTH], kind=request.query.get("kind", "")[:MAX_QUERY_LENGTH],
        region_id=int(region) if _is_id(region) else None,
    )  # fmt: skip


def _is_id(given: str) -> bool:
    return given.isascii() and given.isdecimal() and len(given) < 10


async def choices(request: web.Request) -> dict[str, Any]:
    """What `desk/search.html` lets people choose from."""
    query = select(Region.id, Region.name).where(Region.id.in_(shown_regions())).order_by(Region.code)
    async with request.app[DB].reading() as session:
        return {"kb_regions": (await session.execute(query)).all(), "kb_kinds": KIND_NAMES}


@routes.get("/desk/kb/{entry_id:[0-9]{1,9}}", roles=WITH_SEARCH)
async def entry(request: web.Request) -> web.StreamResponse:
    """One entry with its whole answer."""
    found = await request.app[SEARCHER].entry(int(request.match_info["entry_id"]), audience="staff")
    return web.json_response(found)


@routes.post("/desk/kb/chosen", roles=WITH_SEARCH)
async def chosen(request: web.Request) -> web.StreamResponse:
    """{"query", "entry_id", "ticket_no"}: this entry answered the question, and went into the ticket's answer."""
    body = await json_body(request)
    await request.app[SEARCHER].chosen(
        _query(body), _entry_id(body), person(request).user_id, ticket_no=_ticket_no(body)
    )
    return web.json_response({"ok": True})


@routes.post("/desk/kb/read", roles=WITH_SEARCH)
async def read(request: web.Request) -> web.StreamResponse:
    """{"entry_id", "ticket_no"}: this entry was opened and read for the ticket."""
    body = await json_body(request)
    app, entry_id = request.app, _entry_id(body)
    await app[SEARCHER].entry(entry_id, audience="staff")
    async with app[DB].unit_of_work() as session:
        await readings.note(
            session, app[CLOCK], entry_id, user_id=person(request).user_id, ticket_no=_ticket_no(body)
        )
    return web.json_response({"ok": True})


@routes.post("/desk/kb/not-found", roles=WITH_SEARCH)
async def not_found(request: web.Request) -> web.StreamResponse:
    """{"query"}: nothing there answers it; the knowledge base's editors see it."""
    await request.app[SEARCHER].not_found(_query(await json_body(request)), person(request).user_id)
    return web.json_response({"ok": True})


def _entry_id(body: dict[str, Any]) -> int:
    """Raises NotFound for what is no entry's id."""
    given = str(body.get("entry_id"))
    if not _is_id(given):
        raise NotFound
    return int(given)


def _ticket_no(body: dict[str, Any]) -> str | None:
    given = body.get("ticket_no")
    return given[:20] or None if isinstance(given, str) else None


def _query(body: dict[str, Any]) -> str:
    return str(body.get("query") or "").strip()[:MAX_QUERY_LENGTH]


def _hit(hit: Any) -> dict[str, Any]:
    return {
        "id": hit.id,
        "title": hit.title,
        "snippet": hit.snippet,
        "unit": hit.unit,
        "source": "" if hit.source == OWN else hit.source,
        "valid_to": hit.valid_to,
        "valid": bool(hit.valid),
        "public": bool(hit.public),
        "title_marks": hit.title_marks,
        "snippet_marks": hit.snippet_marks,
    }
