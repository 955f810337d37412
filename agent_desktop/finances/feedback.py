"""What came back on a notice (反馈和整改, M-117, M-118): receipts entered and counted, promises with their proof and check."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from agent_desktop.finances.page import WORDS, notice_id_of, people_of, typed_into
from agent_desktop.keys import ATTACHMENTS
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import HotlineError, InvalidInput
from core.people import Role
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.numbers import whole_number
from core.web.routes import Routes
from core.web.uploads import Form
from tickets.finances import promises, receipts
from tickets.finances.access import PEOPLE, WORKERS, find
from tickets.finances.dossier import dossier_of

routes = Routes()
MOST_COPIES = 50


@routes.get("/finances/{id:[0-9]{1,9}}/feedback", roles=PEOPLE)
async def page(request: web.Request) -> web.StreamResponse:
    return await show(request)


@routes.get("/finances/{id:[0-9]{1,9}}/receipt-forms", roles=WORKERS)
async def forms(request: web.Request) -> web.StreamResponse:
    """`copies` of 《财务公开回执单》 to print, numbered from `first`."""
    copies = whole_number(request.query.get("copies", "1"), digits=2)
    first = whole_number(request.query.get("first", "1"), digits=4)
    if not copies or copies > MOST_COPIES:
        raise InvalidInput(field="份数", reason=f"请填写 1 至 {MOST_COPIES} 的整数")
    if not first or first + copies - 1 > receipts.LARGEST_NUMBER:
        raise InvalidInput(field="起始编号", reason=f"编号从 1 到 {receipts.LARGEST_NUMBER}")
    async with request.app[DB].reading() as session:
        notice, _ = await find(session, await who_asks(session, request), notice_id_of(request))
    return render(
        request, "finances/receipt_forms.html", notice=notice, numbers=range(first, first + copies),
        questions=receipts.QUESTIONS, **WORDS,
    )  # fmt: skip


async def show(
    request: web.Request, error: HotlineError | None = None, given: Form | None = None, deed: str = ""
) -> web.StreamResponse:
    """The page; after a refusal with its sentence and the form of this `deed` as it was filled in. Raises NotFound."""
    context = await _context(request)
    return render(
        request, "finances/feedback.html", status=error.status if error else 200, error=error,
        typed=typed_into(given, deed), papers=request.app[ATTACHMENTS], questions=receipts.QUESTIONS, **context, **WORDS,
    )  # fmt: skip


async def _context(request: web.Request) -> Mapping[str, Any]:
    now = request.app[CLOCK].now()
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        notice, reach = await find(session, user, notice_id_of(request))
        found = await receipts.receipts_of(session, notice.id)
        made = await promises.promises_of(session, notice.id)
        named = {one.maker_id for one in made} | {one.checker_id for one in made}
        works = notice.unit_id in reach.own
        return {
            "notice": notice,
            "is_published": bool((await dossier_of(session, notice)).channels),
            "receipts": found,
            "tally": receipts.tally(found),
            "next_number": max((one.number for one in found), default=0) + 1,
            "promises": [(one, promises.state_of(one, now)) for one in made],
            "people": await people_of(session, named),
            "today": beijing(now).date(),
            "works": works,
            "may_promise": works and Role.HEAD in user.roles,
            "may_check": notice.unit_id in reach.watched,
        }
