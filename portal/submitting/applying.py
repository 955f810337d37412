"""Applying for disclosure on the web (网上申请公开, M-110): who applies, what is wanted, in what way; with the guide beside it."""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Region, Unit
from core.web.keys import CLOCK, SETTINGS
from core.web.routes import PUBLIC, Routes
from core.web.uploads import Form
from portal.submitting import sending
from portal.submitting.sending import BODY_KB, channel_of
from tickets.intake.ask import Question
from tickets.intake.disclosure import apply
from tickets.service import Issued

routes = Routes()


@routes.get("/apply", roles=PUBLIC, nav="申请公开")
async def application_form(request: web.Request) -> web.StreamResponse:
    return await sending.page(request, "portal/apply.html", Form())


@routes.post("/apply", roles=PUBLIC, body_kb=BODY_KB)
async def send_application(request: web.Request) -> web.StreamResponse:
    form = await sending.read(request)

    async def store(session: AsyncSession, region: Region, unit: Unit | None, seed: str) -> Issued:
        question = Question(
            text=form.text("question"), subject=form.text("subject"), asker_name=form.text("name"),
            callback_number=form.text("phone"), channel=channel_of(form), line=request.app[SETTINGS].hotline_number,
            region_id=region.id, unit_id=unit.id if unit else None,
        )  # fmt: skip
        return await apply(
            session,
            request.app[CLOCK],
            question,
            way=form.text("way"),
            address=form.text("address"),
            code_seed=seed,
        )

    return await sending.take_in(request, form, "portal/apply.html", store)
