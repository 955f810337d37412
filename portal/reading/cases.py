"""Case notes as published (典型案例, M-135): what went well somewhere, what did not and what was done about it.

They are notices of the knowledge base: written, checked for personal data and secrecy, and published there.
"""

from aiohttp import web

from core.clock import beijing
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import PUBLIC, Routes
from kb.entries import case_notes
from kb.kinds import CASES, NOTICE_NAMES
from portal.reading.answers import address_of

routes = Routes()


@routes.get("/cases", roles=PUBLIC)
async def cases(request: web.Request) -> web.StreamResponse:
    today = beijing(request.app[CLOCK].now()).date()
    async with request.app[DB].reading() as session:
        found = {NOTICE_NAMES[sort]: await case_notes(session, today, sort) for sort in CASES}
    shown = {name: [(entry, address_of(entry)) for entry in entries] for name, entries in found.items()}
    return render(request, "portal/cases.html", shown=shown)
