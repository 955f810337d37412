"""`/tickets/{ticket_no}` (工单): the page, a note on the trail, the whole number with an audit row."""

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket.acting import act
from agent_desktop.ticket.page import show, who_asks
from core.people import Role, User
from core.web import changes
from core.web.app import add_room
from core.web.keys import CLOCK, DB
from core.web.requests import json_body, source_of
from core.web.routes import Routes
from recordings.events import RecordingStored
from tickets import numbers, service
from tickets.access import ticket_for

routes = Routes()
CASE_ROLES = frozenset(Role) - {Role.ADMIN}
"""Whoever works with content; the administrator does not (§5.9)."""


@routes.get("/tickets/{ticket_no}", roles=CASE_ROLES)
async def page(request: web.Request) -> web.StreamResponse:
    return await show(request)


@routes.post("/tickets/{ticket_no}/note", roles=CASE_ROLES)
async def note(request: web.Request) -> web.StreamResponse:
    """`note`: a line in the trail."""

    async def work(session: AsyncSession, user: User, fields: Mapping[str, str]) -> None:
        ticket = await ticket_for(session, user, request.match_info["ticket_no"])
        await service.add_note(
            session, request.app[CLOCK], ticket=ticket, user_id=user.id, text=fields.get("note", "")
        )

    return await act(request, "note", work, "备注已记入办理轨迹。")


@routes.post("/tickets/{ticket_no}/number", roles=CASE_ROLES)
async def number(request: web.Request) -> web.StreamResponse:
    """{"reason"} → {"caller", "callback"}: the numbers in full, written down (§5.9)."""
    reason = str((await json_body(request)).get("reason") or "")
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        found = await numbers.reveal(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"], user=user, reason=reason,
            source=source_of(request),
        )  # fmt: skip
    return web.json_response({"caller": found.caller, "callback": found.callback})


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.ticket", prefix="ticket")
    routes.register(app)
    changes.announce(app, RecordingStored, "tickets")
