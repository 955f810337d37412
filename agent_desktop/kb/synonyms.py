"""The editors' synonyms (同义词): what callers say and what offices write; in use with the next search."""

from aiohttp import web
from sqlalchemy import select

from agent_desktop.kb.common import text
from core.errors import HotlineError
from core.web.app import render, see_other
from core.web.keys import DB
from core.web.routes import Routes
from kb.access import EDITORS
from kb.models import Synonym
from kb.searching import synonyms

routes = Routes()
SHOWN = 60
"""Of the shipped list; the search field leads to the rest."""


@routes.get("/kb/synonyms", roles=EDITORS)
async def listing(request: web.Request) -> web.StreamResponse:
    return await _page(request, {"say": "", "official": ""}, None)


@routes.post("/kb/synonyms", roles=EDITORS)
async def add(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    values = {name: text(form, name) for name in ("say", "official")}
    try:
        async with request.app[DB].unit_of_work() as session:
            await synonyms.add(session, values["say"], values["official"])
    except HotlineError as error:
        return await _page(request, values, error)
    return see_other("/kb/synonyms", flash="同义词已生效。")


@routes.post("/kb/synonyms/remove", roles=EDITORS)
async def remove(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    async with request.app[DB].unit_of_work() as session:
        await synonyms.remove(session, text(form, "say"), text(form, "official"))
    return see_other("/kb/synonyms", flash="同义词已删除。")


async def _page(
    request: web.Request, values: dict[str, str], error: HotlineError | None
) -> web.StreamResponse:
    asked = request.query.get("q", "").strip()[:40]
    async with request.app[DB].reading() as session:
        own = (await session.scalars(select(Synonym).order_by(Synonym.say, Synonym.official))).all()
    shipped = [pair for pair in synonyms.shipped() if not asked or asked in pair[0] or asked in pair[1]]
    return render(
        request, "kb/synonyms.html", status=error.status if error else 200, values=values,
        error=error.message if error else "", own=own, shipped=shipped[:SHOWN], total=len(shipped), asked=asked,
    )  # fmt: skip
