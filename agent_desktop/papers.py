"""Papers of a ticket (附件) for staff: whoever may see the ticket may see its papers; each look is audited."""

from aiohttp import web

from agent_desktop.api import CASE_ROLES
from agent_desktop.keys import ATTACHMENTS
from core import audit
from core.accounts import find_user
from core.web.keys import CLOCK, DB, person
from core.web.requests import source_of
from core.web.routes import Routes
from tickets.access import ticket_for
from tickets.intake.attachments import attachment, path_of

routes = Routes()


@routes.get("/tickets/{ticket_no}/papers/{paper}", roles=CASE_ROLES)
async def paper(request: web.Request) -> web.StreamResponse:
    me = person(request)
    async with request.app[DB].unit_of_work() as session:
        user = await find_user(session, me.username)
        ticket = await ticket_for(session, user, request.match_info["ticket_no"])
        found = await attachment(session, ticket.id, request.match_info["paper"])
        await audit.record(
            session, request.app[CLOCK], actor=me.username, action="paper.open", target=ticket.ticket_no,
            source=source_of(request),
        )  # fmt: skip
    return web.FileResponse(
        path_of(request.app[ATTACHMENTS], found.public_id),
        headers={
            "Content-Type": found.media_type,
            "Content-Disposition": "inline",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def setup(app: web.Application) -> None:
    routes.register(app)
