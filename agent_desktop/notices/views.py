"""`/notices` (通知, M-46): what is due soon, overdue, waiting or returned, for the people concerned."""

from aiohttp import web

from agent_desktop.ticket.page import who_asks
from core.people import Role
from core.web import changes
from core.web.app import add_room, render, see_other
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from tickets import notices
from tickets.events import NoticesPosted

routes = Routes()
TOLD = frozenset(Role) - {Role.ADMIN}


@routes.get("/notices", roles=TOLD)
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        shown = await notices.of_person(session, request.app[CLOCK], user)
    tones = dict.fromkeys(notices.GRAVE, "bad")
    return render(request, "notices/notices.html", shown=shown, tones=tones)


@routes.get("/notices/count", roles=TOLD)
async def count(request: web.Request) -> web.StreamResponse:
    """{"unread"}: what the bell shows."""
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        return web.json_response({"unread": await notices.unread(session, request.app[CLOCK], user)})


@routes.post("/notices/read", roles=TOLD)
async def read(request: web.Request) -> web.StreamResponse:
    """`id`, as often as there are notices on the page: these are read."""
    form = await request.post()
    ids = [int(str(one)) for one in form.getall("id", []) if str(one).isdecimal() and len(str(one)) < 16]
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        await notices.mark_read(session, request.app[CLOCK], user, ids)
    return see_other("/notices")


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.notices", prefix="notices")
    routes.register(app)
    changes.announce(app, NoticesPosted, "notices")
