"""Taking in what a public form sends (提交): once or not at all, with its papers; a refusal keeps what was typed.

The forms themselves are `portal.submitting.asking`'s and `portal.submitting.applying`'s.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HotlineError
from core.scanner import NotScanned
from core.units import Region, Unit
from core.web.api import answer
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.requests import wants_json
from core.web.uploads import Form, read_form
from portal.kept import HOME
from portal.keys import ATTACHMENTS, PORTAL, SEARCHER
from portal.limits import LIMITS
from portal.reading.answers import address_of, site_url
from portal.region import home_region, unit_by_code
from portal.submitting import flood, forms
from tickets.intake import attachments
from tickets.intake.models import WAYS
from tickets.intake.once import Sent, once
from tickets.intake.slip import slip_for
from tickets.models import Channel
from tickets.moves import open_step
from tickets.oversight.causes import CAUSES
from tickets.service import Issued

BODY_KB = 20 * 1024
"""Three papers and the form around them."""
SIMILAR = 5
Open = Callable[[AsyncSession, Region, Unit | None, str], Awaitable[Issued]]
"""Opens the ticket: the region asked, the unit named, the seed of its code."""
CHOICES: Mapping[str, Any] = {"causes": CAUSES, "ways": WAYS}
"""What the forms' lists offer."""


def channel_of(form: Form) -> Channel:
    """The public pages are the web, whichever of them; the kiosk says so itself and gains nothing by it."""
    return Channel.KIOSK if form.text("door") == "kiosk" else Channel.WEB


async def read(request: web.Request) -> Form:
    request.app[LIMITS].visit(request)
    settings = request.app[ATTACHMENTS]
    return await read_form(request, file_kb=settings.file_mb * 1024, most_files=settings.most_files)


async def take_in(request: web.Request, form: Form, template: str, store: Open) -> web.StreamResponse:
    """The slip, or the form again with the reason; programs and the terminal get JSON."""
    try:
        issued, due = await _stored(request, form, store)
    except HotlineError as error:
        if (error.status >= 500 and not isinstance(error, NotScanned)) or wants_json(request):
            raise
        return await page(request, template, form, error)
    if wants_json(request):
        body = {"ticket_no": issued.ticket.ticket_no, "query_code": issued.query_code, "due_on": due.due_on}
        return answer(body, status=201)
    return slip(request, issued, due)


async def _stored(request: web.Request, form: Form, store: Open) -> tuple[Issued, Any]:
    settings, clock = request.app[PORTAL], request.app[CLOCK]
    number = forms.checked(settings, clock, form.text("form"))
    if await flood.is_flood(request):
        forms.check_sum(settings, number, form.text("sum"))
    files = [(file.name, file.data) for file in form.files]
    sent = Sent(key=f"form:{number}", content=repr(sorted(form.texts.items())))
    async with (
        attachments.received(request.app[ATTACHMENTS], files) as papers,
        request.app[DB].unit_of_work() as session,
    ):
        region = await home_region(session, settings.region)
        code = form.text("unit")
        unit = await unit_by_code(session, region.id, code) if code else None

        async def first_time(seed: str) -> Issued:
            issued = await store(session, region, unit, seed)
            await attachments.attach(session, clock, issued.ticket.id, papers)
            await flood.note(session, request)
            return issued

        issued = await once(session, clock, sent, first_time)
        return issued, await open_step(session, issued.ticket)


def slip(request: web.Request, issued: Issued, due: Any) -> web.Response:
    """What the asker takes along (查询凭条): code, due date, how to follow; made for printing."""
    site = site_url(request)
    return render(
        request, "portal/slip.html", issued=issued, due=due, images=slip_for(site, issued.query_code),
        address=f"{site}/track",
    )  # fmt: skip


async def page(
    request: web.Request, template: str, given: Form, error: HotlineError | None = None
) -> web.StreamResponse:
    """The form, with what was typed and why it was refused; a fresh number each time."""
    settings, clock = request.app[PORTAL], request.app[CLOCK]
    number = forms.fresh(settings, clock)
    _, units = await request.app[HOME].get()
    return render(
        request, template, status=error.status if error else 200, given=given, error=error, units=units,
        form_number=number, sum=forms.sum_for(settings, number) if await flood.is_flood(request) else "",
        similar=await similar(request, given.text("question")[:100].strip()), papers=request.app[ATTACHMENTS],
        **CHOICES,
    )  # fmt: skip


async def similar(request: web.Request, query: str, *, kind: str = "") -> list[tuple[str, str]]:
    """(title, address) of what may answer the question already."""
    searcher = request.app.get(SEARCHER)
    if not searcher or len(query) < 2:
        return []
    request.app[LIMITS].visit(request)
    hits = await searcher.search(query, limit=SIMILAR, kind=kind)
    return [(hit.title, address) for hit in hits if (address := address_of(hit))]
