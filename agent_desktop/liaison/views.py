"""The liaison's page `/liaison` (联络员, M-33): telephone, incoming-call pop, search, and the answer to what they hold.

Works without: a transferred call rings any SIP telephone, and the answer may be filled in later.
"""

from aiohttp import web

from agent_desktop.desk import kb_views
from agent_desktop.desk.errors import WishUnknown
from agent_desktop.desk.views import chosen_party
from agent_desktop.keys import CONTROL
from agent_desktop.liaison import follow_up, lists, live, panels, state, work
from agent_desktop.liaison.live import LIAISON_PUSH
from core.people import Role
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB, person
from core.web.requests import json_body
from core.web.routes import Routes
from tickets import replies

routes = Routes()
TAKERS = (Role.LIAISON, Role.HEAD, Role.OFFICE)
"""Who may take a transferred call (§5.9)."""


@routes.get("/liaison", roles=TAKERS, nav="联络员")
async def page(request: web.Request) -> web.StreamResponse:
    return render(request, "liaison/index.html", person=person(request), **await kb_views.choices(request))


@routes.get("/liaison/ws", roles=TAKERS)
async def websocket(request: web.Request) -> web.StreamResponse:
    return await request.app[LIAISON_PUSH].serve(request, person(request).user_id)


@routes.post("/liaison/page", roles=TAKERS)
async def page_life(request: web.Request) -> web.StreamResponse:
    """The page that holds the telephone comes or goes: nothing to rescue, its caller goes back to the operator."""
    del request
    return web.json_response({"ok": True})


@routes.post("/liaison/call", roles=TAKERS)
async def call(request: web.Request) -> web.StreamResponse:
    """{"action": hand_back | pass_on, "unit_id", "liaison_id"}: the caller back to the operator, or on to somebody else."""
    body, user_id, control = await json_body(request), person(request).user_id, request.app[CONTROL]
    match body.get("action"):
        case "hand_back":
            await control.hand_back(user_id)
        case "pass_on":
            await control.pass_on(user_id, *chosen_party(body))
        case other:
            raise WishUnknown(wish=str(other)[:40])
    return web.json_response({"ok": True})


@routes.post("/liaison/tickets/{ticket_no}/answer", roles=TAKERS)
async def answer(request: web.Request) -> web.StreamResponse:
    """{"answer", "guidance", "question"}: the reply, or the record of what was said on the call (T13, T2b)."""
    body = await json_body(request)
    texts = {name: str(body.get(name) or "") for name in ("answer", "guidance", "question")}
    async with request.app[DB].unit_of_work() as session:
        user = await state.person(session, person(request).user_id)
        ticket_no = request.match_info["ticket_no"]
        await replies.answer(session, request.app[CLOCK], ticket_no=ticket_no, user=user, **texts)
    return web.json_response({"ok": True})


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.liaison", prefix="liaison")
    for part in (routes, lists.routes, work.routes):
        part.register(app)
    panels.setup(app)
    follow_up.setup(app)
    app.on_startup.append(live.start)
    app.on_cleanup.append(live.stop)
