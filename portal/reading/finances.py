"""Finances as published on the web (网上的财务公开, M-114): a list, and one page with a permanent address for each notice.

What is on it, and that it went through 审核 first, is `tickets.finances`' matter.
"""

from aiohttp import web

from core.web.app import render
from core.web.keys import DB
from core.web.lists import page_of
from core.web.routes import PUBLIC, Routes
from portal.reading.answers import site_url
from tickets.finances import publishing
from tickets.finances.dossier import dossier_of
from tickets.finances.publishing import board_title
from tickets.finances.stages import CHANNELS, SUBJECTS

routes = Routes()
SHOWN = 30


@routes.get("/finance-notices", roles=PUBLIC)
async def listing(request: web.Request) -> web.StreamResponse:
    page = page_of(request.query)
    async with request.app[DB].reading() as session:
        found = await publishing.published(session, most=SHOWN + 1, offset=(page - 1) * SHOWN)
    return render(
        request, "portal/finance_notices.html", found=found[:SHOWN], page=page, is_more=len(found) > SHOWN
    )  # fmt: skip


@routes.get("/finance-notices/{public_id:[0-9a-f]{16}}", roles=PUBLIC)
async def notice(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        found = await publishing.find_published(session, request.match_info["public_id"])
        dossier = await dossier_of(session, found)
        title = await board_title(session, found)
    return render(
        request, "portal/finance_notice.html", notice=found, board=title, ways=dossier.channels, names=CHANNELS,
        subjects=SUBJECTS, address=f"{site_url(request)}/finance-notices/{found.public_id}",
    )  # fmt: skip
