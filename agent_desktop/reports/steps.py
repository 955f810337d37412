"""The buttons of what is signed and handed on (签发、上报、会签): one step of its way, by whoever may take it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket.page import who_asks
from core.clock import Clock
from core.errors import NotAllowed, NotFound
from core.people import User
from core.web.app import see_other
from core.web.keys import CLOCK, DB

One = TypeVar("One", bound=Any)
Steps = Mapping[str, tuple[Callable[[AsyncSession, Clock, One, User], Awaitable[None]], str]]
"""Name in the address → the work and what is told when it is done."""


async def take_step(
    request: web.Request,
    steps: Steps[One],
    find: Callable[[web.Request, AsyncSession], Awaitable[One]],
    may: Callable[[One, User], Mapping[str, bool]],
) -> web.StreamResponse:
    """Take the step that the address names, back to the page; raises NotFound, NotAllowed, and what the work raises."""
    name = request.match_info["step"]
    if name not in steps:
        raise NotFound
    work, told = steps[name]
    async with request.app[DB].unit_of_work() as session:
        one = await find(request, session)
        user = await who_asks(session, request)
        if not may(one, user)[name]:
            raise NotAllowed
        await work(session, request.app[CLOCK], one, user)
    return see_other(request.path.rpartition("/")[0], flash=told)
