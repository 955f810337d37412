"""What citizens remark on a published answer (纠错, D10): a line on the to-do list of the unit that wrote it (M-84)."""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HotlineError, InvalidInput
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.routes import PUBLIC, Routes
from core.web.uploads import Form, read_form
from kb import personal, todo
from kb.models import Entry
from portal.keys import PORTAL
from portal.limits import LIMITS
from portal.reading.answers import address_of, published
from portal.submitting import flood, forms

routes = Routes()
REMARK = "/answers/{source}/{number}/remark"


@routes.get(REMARK, roles=PUBLIC)
async def form(request: web.Request) -> web.StreamResponse:
    return await _page(request, Form())


@routes.post(REMARK, roles=PUBLIC)
async def send(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    given = await read_form(request, file_kb=0, most_files=0)
    await _check_sender(request, given)
    try:
        async with request.app[DB].unit_of_work() as session:
            entry = await published(session, request)
            await _take_in(session, request, entry, given.text("text"))
    except InvalidInput as error:
        return await _page(request, given, error)
    return see_other(address_of(entry), flash="谢谢，已转给维护这条信息的单位核对。")


async def _check_sender(request: web.Request, given: Form) -> None:
    """Raises FormExpired; in a flood SumWanted, as for questions."""
    settings = request.app[PORTAL]
    number = forms.checked(settings, request.app[CLOCK], given.text("form"))
    if await flood.is_flood(request):
        forms.check_sum(settings, number, given.text("sum"))


async def _take_in(session: AsyncSession, request: web.Request, entry: Entry, text: str) -> None:
    if found := personal.find(text):
        reason = f"请不要写个人信息（{'；'.join(one.sentence for one in found)}）"
        raise InvalidInput(field="您发现的问题", reason=reason)
    await todo.suggest(session, request.app[CLOCK], text=text, user_id=None, entry=entry)
    await flood.note(session, request)


async def _page(request: web.Request, given: Form, error: HotlineError | None = None) -> web.StreamResponse:
    settings = request.app[PORTAL]
    async with request.app[DB].reading() as session:
        entry = await published(session, request)
    number = forms.fresh(settings, request.app[CLOCK])
    return render(
        request, "portal/remark.html", status=error.status if error else 200, entry=entry, given=given, error=error,
        back=address_of(entry), form_number=number, longest=todo.LONGEST_TEXT,
        sum=forms.sum_for(settings, number) if await flood.is_flood(request) else "",
    )  # fmt: skip
