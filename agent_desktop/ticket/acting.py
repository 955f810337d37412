"""Acting on a ticket from a form (办理): hold it as the page saw it, do it in one unit of work, come back to the page.

A refusal shows the page anew with the sentence and with what was typed, so nobody loses a text; nothing is half done.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket.page import show, who_asks
from core.errors import HotlineError, NotFound
from core.people import User
from core.web.app import see_other
from core.web.keys import DB
from tickets.queries import hold_as_seen

Prepared = TypeVar("Prepared")
Work = Callable[[AsyncSession, User, Mapping[str, str]], Awaitable[object]]


async def act(request: web.Request, form_name: str, work: Work, done: str) -> web.StreamResponse:
    """Run `work(session, user, fields)`; `done` is said when it worked, `form_name` is the form to fill in again."""
    return await act_after(request, form_name, nullcontext(), lambda _: work, done)


async def act_after(
    request: web.Request,
    form_name: str,
    preparing: AbstractAsyncContextManager[Prepared],
    work: Callable[[Prepared], Work],
    done: str,
) -> web.StreamResponse:
    """As `act`; what takes its time is prepared before the unit of work, in which everybody else would wait for it."""
    form = await request.post()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    ticket_no = request.match_info["ticket_no"]
    try:
        async with preparing as prepared, request.app[DB].unit_of_work() as session:
            user = await who_asks(session, request)
            await hold_as_seen(session, ticket_no, fields.get("seen", ""))
            await work(prepared)(session, user, fields)
    except NotFound:
        raise
    except HotlineError as error:
        return await show(request, error=error, typed=fields, typed_form=form_name)
    return see_other(f"/tickets/{ticket_no}", flash=done)
