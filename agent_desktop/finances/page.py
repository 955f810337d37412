"""One notice's page (财务公开): where it stands, what the stage still lacks, a form for what is to be done now."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.keys import ATTACHMENTS
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import HotlineError
from core.people import Role, User
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.uploads import Form
from tickets.finances import stages
from tickets.finances.access import WORKERS, find
from tickets.finances.dossier import Dossier, dossier_of, marks_of
from tickets.finances.marks import DEEDS
from tickets.finances.publishing import board_title
from tickets.finances.stages import TABLE, Stage
from tickets.finances.way import FORMS

WORDS: Mapping[str, Any] = {
    "stages": stages.STAGES,
    "table": TABLE,
    "levels": stages.LEVELS,
    "subjects": stages.SUBJECTS,
    "purposes": stages.PURPOSES,
    "bases": stages.BASES,
    "signatories": stages.SIGNATORIES,
    "channels": stages.CHANNELS,
    "archive_forms": FORMS,
    "papers_in": stages.papers_in,
    "deeds": DEEDS,
}
"""The names that the pages show."""


async def form_of(request: web.Request) -> Form:
    """A form without files."""
    return Form({name: str(value) for name, value in (await request.post()).items()})


def notice_id_of(request: web.Request) -> int:
    return int(request.match_info["id"])


async def show(
    request: web.Request, error: HotlineError | None = None, given: Form | None = None, deed: str = ""
) -> web.StreamResponse:
    """The page; after a refusal with its sentence and the form of this `deed` as it was filled in. Raises NotFound."""
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        notice, reach = await find(session, user, notice_id_of(request))
        dossier = await dossier_of(session, notice)
        context = await _context(session, user, dossier, works=notice.unit_id in reach.own)
    return render(
        request, "finances/page.html", status=error.status if error else 200, error=error,
        typed=typed_into(given, deed), today=beijing(request.app[CLOCK].now()).date(), papers=request.app[ATTACHMENTS],
        **context, **WORDS,
    )  # fmt: skip


async def _context(session: AsyncSession, user: User, dossier: Dossier, *, works: bool) -> dict[str, Any]:
    notice = dossier.notice
    marks = await marks_of(session, notice)
    named = {mark.user_id for mark in marks} | {notice.signer_id}
    order = list(TABLE)
    at = order.index(Stage(notice.stage)) if notice.stage in TABLE else len(order)
    return {
        "notice": notice,
        "dossier": dossier,
        "lacking": dossier.lacking,
        "steps": [(name, number - at) for number, name in enumerate(row.name for row in TABLE.values())],
        "marks": marks,
        "people": await people_of(session, named),
        "board": await board_title(session, notice),
        "works": works and bool(user.roles & WORKERS),
        "may_sign": works and Role.HEAD in user.roles and notice.author_id != user.id,
        "may_return": works and Role.HEAD in user.roles,
    }


async def people_of(session: AsyncSession, ids: Collection[int | None]) -> dict[int, str]:
    """Names by key; None is nobody."""
    named = select(User.id, User.display_name).where(User.id.in_([key for key in ids if key is not None]))
    return {row.id: row.display_name for row in await session.execute(named)}


def typed_into(given: Form | None, deed: str) -> Callable[..., str]:
    """What a page asks for the value of a form's field: `typed(form, field, stored)`."""

    def typed(form: str, field: str, stored: Any = "") -> str:
        """What was typed into this form, or what is stored."""
        if given is not None and form == deed:
            return given.text(field)
        return "" if stored is None else str(stored)

    return typed
