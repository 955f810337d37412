"""`/notices` (通知, M-46): what is due soon, overdue, waiting or returned, for the people concerned.

Entries of the knowledge base that are to be reviewed (M-68) stand there until somebody has confirmed or changed them.
"""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.kb.common import editor
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.people import Role
from core.web import changes
from core.web.app import add_room, render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.routes import Routes
from kb import entries
from kb.models import Entry
from tickets import notices
from tickets.events import NoticesPosted

routes = Routes()
TOLD = frozenset(Role) - {Role.ADMIN}
REVIEWERS = frozenset({Role.LIAISON, Role.HEAD})
MOST_REVIEWS = 100


@routes.get("/notices", roles=TOLD)
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        shown = await notices.of_person(session, request.app[CLOCK], user)
        reviews = await _reviews(session, request)
    tones = dict.fromkeys(notices.GRAVE, "bad")
    return render(request, "notices/notices.html", shown=shown, tones=tones, reviews=reviews)


@routes.get("/notices/count", roles=TOLD)
async def count(request: web.Request) -> web.StreamResponse:
    """{"unread"}: what the bell shows: notices not read, and entries to review."""
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        unread = await notices.unread(session, request.app[CLOCK], user)
        return web.json_response({"unread": unread + len(await _reviews(session, request))})


@routes.post("/notices/read", roles=TOLD)
async def read(request: web.Request) -> web.StreamResponse:
    """`id`, as often as there are notices on the page: these are read."""
    form = await request.post()
    ids = [int(str(one)) for one in form.getall("id", []) if str(one).isdecimal() and len(str(one)) < 16]
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        await notices.mark_read(session, request.app[CLOCK], user, ids)
    return see_other("/notices")


async def _reviews(session: AsyncSession, request: web.Request) -> Sequence[Entry]:
    """Entries of the person's units whose review-by date has come (M-68), the oldest first."""
    if not person(request).roles & REVIEWERS:
        return ()
    who, today = await editor(request, session), beijing(request.app[CLOCK].now()).date()
    return await entries.due_for_review(session, today, who.unit_ids, MOST_REVIEWS)


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.notices", prefix="notices")
    routes.register(app)
    changes.announce(app, NoticesPosted, "notices")
