"""Published answers (查政务信息): search with filters, and one page with a permanent address for each entry.

The page works without scripts; with them its results follow what is typed (`portal/static/search.js`), and a search
that somebody is still typing (`?typed=1`) is nobody's question yet: it does not count as one without an answer.

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
from core.web.requests import site_of
from core.web.routes import PUBLIC, Routes
from kb import attachments
from kb.kinds import FIELDS, KIND_NAMES, NOTICE_NAMES, Notice, name_of
from kb.models import Audience, Entry, EntryKind, EntryState
from kb.searching.hits import Hit
from kb.spoken import title_of
from portal.kept import HEADLINES, HOME, REGIONS
from portal.keys import KB_FILES, PORTAL, SEARCHER
from portal.limits import LIMITS

routes = Routes()
LONGEST_QUERY = 100
RESULTS = 20


@routes.get("/search", roles=PUBLIC, nav="查政务信息")
async def search(request: web.Request) -> web.StreamResponse:
    query = request.query.get("q", "").strip()[:LONGEST_QUERY]
    kind, unit = request.query.get("kind", ""), request.query.get("unit", "").strip()[:80]
    searcher, hits, place = request.app.get(SEARCHER), [], request.query.get("region", "")
    _, units = await request.app[HOME].get() if searcher else (None, [])
    regions = await request.app[REGIONS].get() if searcher else []
    region_id = next((one.id for one in regions if one.code == place), None)
    is_typed = bool(request.query.get("typed"))
    if query and searcher:
        limits = request.app[LIMITS]
        (limits.typing if is_typed else limits.visit)(request)
        hits = await searcher.search(query, limit=RESULTS, unit=unit or None, kind=kind, region_id=region_id)
    if query and searcher and not (hits or kind or unit or region_id or is_typed):
        await searcher.not_found(query, None)
    return render(
        request, "portal/search.html", query=query, hits=[(hit, address_of(hit)) for hit in hits], ready=searcher is not None,
        kind=kind, unit=unit, kinds=KIND_NAMES, units=units, regions=regions, region=place,
        notices=[] if query or kind != EntryKind.NOTICE else await _notices(request),
    )  # fmt: skip


async def _notices(request: web.Request) -> list[tuple[str, str, Entry]]:
    """Title with its sort, address and entry of each notice in force (M-109), the newest first."""
    _, notices = await request.app[HEADLINES].get()
    return [(title_of(entry), address_of(entry), entry) for entry in notices]


@routes.get("/answers/{source}/{number}", roles=PUBLIC)
async def answer(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        entry = await published(session, request)
        files = [one for one in await attachments.of(session, entry.id) if attachments.is_public(entry, one)]
    return render(
        request, "portal/answer.html", entry=entry, files=files, kind=name_of(entry),
        details=_details(entry), address=site_url(request) + address_of(entry),
    )  # fmt: skip


@routes.get("/answers/{source}/{number}/files/{public_id}", roles=PUBLIC)
async def attachment(request: web.Request) -> web.StreamResponse:
    """A file of a published answer that went through the checks with it."""
    wanted, folder = request.match_info["public_id"], request.app.get(KB_FILES)
    async with request.app[DB].reading() as session:
        entry = await published(session, request)
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


def address_of(entry: Entry | Hit) -> str:
    """The entry's page; empty for one without a number of its source, which has none."""
    number = quote(entry.source_id or "", safe="")
    return f"/answers/{quote(entry.source, safe='')}/{number}" if number else ""


def site_url(request: web.Request) -> str:
    """How citizens reach this site, without a slash at the end."""
    return site_of(request, request.app[PORTAL].public_url)


async def published(session: AsyncSession, request: web.Request) -> Entry:
    """The entry of this address as the search finds it: published, public, valid today; raises NotFound."""
    today = beijing(request.app[CLOCK].now()).date()
    named = (Entry.source == request.match_info["source"]) & (Entry.source_id == request.match_info["number"])
    entry = await session.scalar(
        select(Entry).where(named).options(selectinload(Entry.unit).selectinload(Unit.phones))
    )
    if entry is None or entry.state != EntryState.PUBLISHED or entry.audience != Audience.PUBLIC:
        raise NotFound
    if not (entry.valid_from_on or today) <= today <= (entry.valid_to_on or today):
        raise NotFound
    return entry
