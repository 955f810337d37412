"""Published answers (查政务信息): search with filters, and one page with a permanent address for each entry.

The address is made of the entry's source and its number there, which stay when entries are imported anew elsewhere.
"""

from urllib.parse import quote

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import beijing
from core.errors import NotFound
from core.units import Unit
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import PUBLIC, Routes
from kb import attachments
from kb.kinds import FIELDS, KIND_NAMES, NOTICE_NAMES, Notice
from kb.models import Audience, Entry, EntryState
from portal.keys import KB_FILES, PORTAL, SEARCHER
from portal.limits import LIMITS
from portal.region import home_region
from tickets.intake.ask import askable_units

routes = Routes()
LONGEST_QUERY = 100
RESULTS = 20


@routes.get("/search", roles=PUBLIC, nav="查政务信息")
async def search(request: web.Request) -> web.StreamResponse:
    query = request.query.get("q", "").strip()[:LONGEST_QUERY]
    kind, unit = request.query.get("kind", ""), request.query.get("unit", "").strip()[:80]
    searcher, hits, addresses = request.app.get(SEARCHER), [], {}
    async with request.app[DB].reading() as session:
        units = await _units(request, session) if searcher else []
        if query and searcher:
            request.app[LIMITS].visit(request)
            hits = await searcher.search(query, limit=RESULTS, unit=unit or None, kind=kind)
            addresses = await addresses_of(session, [hit.id for hit in hits])
    if query and searcher and not (hits or kind or unit):
        await searcher.not_found(query, None)
    return render(
        request, "portal/search.html", query=query, hits=hits, addresses=addresses, ready=searcher is not None,
        kind=kind, unit=unit, kinds=KIND_NAMES, units=units,
    )  # fmt: skip


@routes.get("/answers/{source}/{number}", roles=PUBLIC)
async def answer(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        entry = await _published(session, request)
        files = [one for one in await attachments.of(session, entry.id) if attachments.is_public(entry, one)]
    return render(
        request, "portal/answer.html", entry=entry, files=files, kind=KIND_NAMES[entry.kind],
        details=_details(entry), address=site_url(request) + address_of(entry),
    )  # fmt: skip


@routes.get("/answers/{source}/{number}/files/{public_id}", roles=PUBLIC)
async def attachment(request: web.Request) -> web.StreamResponse:
    """A file of a published answer that went through the checks with it."""
    wanted, folder = request.match_info["public_id"], request.app.get(KB_FILES)
    async with request.app[DB].reading() as session:
        entry = await _published(session, request)
        files = [one for one in await attachments.of(session, entry.id) if attachments.is_public(entry, one)]
        if folder is None or wanted not in {one.public_id for one in files}:
            raise NotFound
        found = await attachments.stored(session, folder, entry.id, wanted)
    response = web.FileResponse(found.path)
    response.content_type = found.content_type
    response.headers["Content-Disposition"] = attachments.disposition(found.name)
    return response


def _details(entry: Entry) -> list[tuple[str, str]]:
    """(label, text) of what this kind of entry says besides its answer, in the order of its table."""
    said = ((field, str(entry.details.get(field.key) or "")) for field in FIELDS[entry.kind])
    return [
        (field.label, NOTICE_NAMES[Notice(text)] if field.input == "notice" else text)
        for field, text in said
        if text
    ]


def address_of(entry: Entry) -> str:
    return _address(entry.source, entry.source_id or "")


def _address(source: str, number: str) -> str:
    return f"/answers/{quote(source, safe='')}/{quote(number, safe='')}"


async def addresses_of(session: AsyncSession, entry_ids: list[int]) -> dict[int, str]:
    """Entry id -> its page; entries without a number of their source have none."""
    named = select(Entry.id, Entry.source, Entry.source_id).where(Entry.source_id.is_not(None))
    rows = await session.execute(named.where(Entry.id.in_(entry_ids)))
    return {entry_id: _address(source, number or "") for entry_id, source, number in rows}


def site_url(request: web.Request) -> str:
    """How citizens reach this site, without a slash at the end."""
    return request.app[PORTAL].public_url.rstrip("/") or f"{request.scheme}://{request.host}"


async def _published(session: AsyncSession, request: web.Request) -> Entry:
    """As the search finds it: published, public, valid today."""
    today = beijing(request.app[CLOCK].now()).date()
    named = (Entry.source == request.match_info["source"]) & (Entry.source_id == request.match_info["number"])
    entry = await session.scalar(select(Entry).where(named).options(selectinload(Entry.unit)))
    if entry is None or entry.state != EntryState.PUBLISHED or entry.audience != Audience.PUBLIC:
        raise NotFound
    if not (entry.valid_from_on or today) <= today <= (entry.valid_to_on or today):
        raise NotFound
    return entry


async def _units(request: web.Request, session: AsyncSession) -> list[Unit]:
    return await askable_units(session, (await home_region(session, request.app[PORTAL].region)).id)
