"""`/desk/codes` (补发查询码, §5.5): the caller's number is checked, then the ticket gets a new code, shown once."""

from aiohttp import web

from agent_desktop.ticket.listing import subject_of
from agent_desktop.ticket.page import who_asks
from core.people import Role
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.requests import source_of
from core.web.routes import Routes
from tickets.lifecycle import STATE_NAMES
from tickets.queries import hold_as_seen, last_mark
from tickets.query_codes.lost_codes import issue_anew, matching

routes = Routes()
OPERATOR = (Role.OPERATOR,)


@routes.get("/desk/codes", roles=OPERATOR)
async def page(request: web.Request) -> web.StreamResponse:
    return render(request, "desk/codes.html", number="", found=None, code="", ticket_no="")


@routes.post("/desk/codes", roles=OPERATOR)
async def find(request: web.Request) -> web.StreamResponse:
    """`number` → its tickets; a form, so that no number stands in an address or a log."""
    number = str((await request.post()).get("number", ""))
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        tickets = await matching(
            session, request.app[CLOCK], user=user, number=number, source=source_of(request)
        )
        found = [
            {
                "ticket": ticket,
                "subject": subject_of(ticket),
                "state": STATE_NAMES[ticket.state],
                "seen": await last_mark(session, ticket.id),
            }
            for ticket in tickets
        ]
    return render(request, "desk/codes.html", number=number, found=found, code="", ticket_no="")


@routes.post("/desk/codes/issue", roles=OPERATOR)
async def issue(request: web.Request) -> web.StreamResponse:
    """`number`, `ticket_no`, `seen`: sent a second time it is refused, so the code told stays good."""
    form = await request.post()
    number, ticket_no = str(form.get("number", "")), str(form.get("ticket_no", ""))[:20]
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        await hold_as_seen(session, ticket_no, str(form.get("seen", "")))
        code = await issue_anew(session, request.app[CLOCK], user=user, number=number, ticket_no=ticket_no)
    return render(request, "desk/codes.html", number=number, found=None, code=code, ticket_no=ticket_no)
