"""Asking and complaining on the web (网上提问、投诉): works without scripts, anonymous if wished, stored once (M-100, M-50).

A script only adds similar answers while the question is typed.
"""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Region, Unit
from core.web.app import render
from core.web.keys import CLOCK, SETTINGS
from core.web.routes import PUBLIC, Routes
from core.web.uploads import Form
from portal.submitting import sending
from portal.submitting.sending import BODY_KB, channel_of
from tickets.finances.publishing import find_published
from tickets.intake.ask import Question, ask
from tickets.oversight.causes import cause_of
from tickets.service import Issued, register_complaint

routes = Routes()


@routes.get("/ask", roles=PUBLIC, nav="我要提问")
async def ask_form(request: web.Request) -> web.StreamResponse:
    given = Form({name: request.query.get(name, "")[:200] for name in ("question", "unit")})
    return await sending.page(request, "portal/ask.html", given)


@routes.get("/ask/similar", roles=PUBLIC)
async def similar(request: web.Request) -> web.StreamResponse:
    """Answers that fit what is being typed: a fragment for the page's script."""
    query = request.query.get("q", "").strip()[:100]
    return render(request, "portal/similar.html", similar=await sending.similar(request, query))


@routes.post("/ask", roles=PUBLIC, body_kb=BODY_KB)
async def send_question(request: web.Request) -> web.StreamResponse:
    form = await sending.read(request)

    async def store(session: AsyncSession, region: Region, unit: Unit | None, seed: str) -> Issued:
        question = Question(
            text=form.text("question"), asker_name=form.text("name"), callback_number=form.text("phone"),
            channel=channel_of(form), line=request.app[SETTINGS].hotline_number, region_id=region.id,
            unit_id=unit.id if unit else None,
        )  # fmt: skip
        return await ask(session, request.app[CLOCK], question, code_seed=seed)

    return await sending.take_in(request, form, "portal/ask.html", store)


@routes.get("/complain", roles=PUBLIC, nav="投诉举报")
async def complaint_form(request: web.Request) -> web.StreamResponse:
    """`cause` and the `notice` complained about may be chosen by the address, as the pages of published finances do (M-116)."""
    given = Form({name: request.query.get(name, "")[:20] for name in ("cause", "notice")})
    return await sending.page(request, "portal/complain.html", given)


@routes.post("/complain", roles=PUBLIC, body_kb=BODY_KB)
async def send_complaint(request: web.Request) -> web.StreamResponse:
    """M-50: a complaint without a code, anonymous if wished; to the supervision body of the level, or of the `notice`'s unit."""
    form = await sending.read(request)

    async def store(session: AsyncSession, region: Region, unit: Unit | None, seed: str) -> Issued:
        return await register_complaint(
            session, request.app[CLOCK], call_id=None, region_id=region.id, caller_number="", recording_id=None,
            line=request.app[SETTINGS].hotline_number, about=None, text=form.text("question"),
            channel=channel_of(form), unit=await _published_by(session, form) or unit,
            cause=cause_of(form.text("cause")), asker_name=form.text("name"), callback_number=form.text("phone"), code_seed=seed,
        )  # fmt: skip

    return await sending.take_in(request, form, "portal/complain.html", store)


async def _published_by(session: AsyncSession, form: Form) -> Unit | None:
    """Whose published finances the complaint is about; raises NotFound for a notice that is not on the web."""
    number = form.text("notice")
    return (await find_published(session, number)).unit if number else None
