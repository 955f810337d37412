"""Papers of a ticket (附件) for staff: whoever may see the ticket may see its papers, and those who work on it add some.

Each look is audited, each paper added is a line of the trail.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.api import CASE_ROLES
from agent_desktop.keys import ATTACHMENTS
from agent_desktop.ticket.acting import Work, act_after
from agent_desktop.ticket.page import PAPER_ADDERS
from core import audit
from core.accounts import find_user
from core.errors import InvalidInput, NotFound
from core.people import User
from core.web.keys import CLOCK, DB, person
from core.web.requests import source_of
from core.web.routes import Routes
from core.web.uploads import Form, read_form
from tickets.access import is_shielded, ticket_for
from tickets.errors import TicketLocked
from tickets.intake.attachments import Received, attach, attachment, path_of, received
from tickets.models import State
from tickets.moves import leave_mark

routes = Routes()
BODY_KB = 20 * 1024
"""Of a form with papers in it."""


@routes.get("/tickets/{ticket_no}/papers/{paper}", roles=CASE_ROLES)
async def paper(request: web.Request) -> web.StreamResponse:
    me = person(request)
    async with request.app[DB].unit_of_work() as session:
        user = await find_user(session, me.username)
        ticket = await ticket_for(session, user, request.match_info["ticket_no"])
        if await is_shielded(session, user, ticket):  # a hand or a letterhead is as good as a name (M-88)
            raise NotFound
        found = await attachment(session, ticket.id, request.match_info["paper"])
        await audit.record(
            session, request.app[CLOCK], actor=me.username, action="paper.open", target=ticket.ticket_no,
            source=source_of(request),
        )  # fmt: skip
    return shown(request, found.public_id, found.media_type)


def shown(request: web.Request, public_id: str, media_type: str) -> web.FileResponse:
    """A paper in the browser, where nothing in it can do anything."""
    return web.FileResponse(
        path_of(request.app[ATTACHMENTS], public_id),
        headers={
            "Content-Type": media_type,
            "Content-Disposition": "inline",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


async def read_papers(request: web.Request) -> tuple[Form, AbstractAsyncContextManager[Received]]:
    """A form with papers in it, and these to be entered around the work that attaches them (`attachments.received`).

    Raises BodyTooLarge, TooManyFiles.
    """
    settings = request.app[ATTACHMENTS]
    form = await read_form(request, file_kb=settings.file_mb * 1024, most_files=settings.most_files)
    return form, received(settings, [(file.name, file.data) for file in form.files])


@routes.post("/tickets/{ticket_no}/papers", roles=PAPER_ADDERS, body_kb=BODY_KB)
async def add(request: web.Request) -> web.StreamResponse:
    """`file`, as many as the settings allow: all of them or none."""
    _, papers = await read_papers(request)
    return await act_after(request, "papers", papers, partial(_add, request), "附件已添加。")


def _add(request: web.Request, sent: Received) -> Work:
    clock = request.app[CLOCK]

    async def work(session: AsyncSession, user: User, _: Mapping[str, str]) -> None:
        ticket = await ticket_for(session, user, request.match_info["ticket_no"])
        if ticket.state == State.C_JUDICIAL:
            raise TicketLocked
        if not sent.papers:
            raise InvalidInput(field="附件", reason="请选择文件")
        await attach(session, clock, ticket.id, sent, user_id=user.id)
        names = "、".join(paper.name for paper in sent.papers)
        await leave_mark(
            session, clock, ticket, "attach", actor_id=user.id, from_state=ticket.state, text=names
        )

    return work


def setup(app: web.Application) -> None:
    routes.register(app)
