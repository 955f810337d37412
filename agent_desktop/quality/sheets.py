"""`/quality/sheets` (评分表): the sheets of one's regions with their versions; a change is a further version."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from agent_desktop.desk import phrases
from agent_desktop.quality.reach import GRADERS, viewer_of
from agent_desktop.quality.words import ABOUTS
from core.errors import InvalidInput, NotFound
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.numbers import whole_number
from core.web.routes import Routes
from reports.quality import sheets
from reports.quality.models import About
from reports.quality.sheets import MOST_QUESTIONS, STANDARD

routes = Routes()
SPARE, WEIGHT_DIGITS = 4, 4
"""Empty lines of the form for further questions."""


@routes.get("/quality/sheets", roles=GRADERS)
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
        found = await sheets.of_regions(session, viewer.regions)
    return render(
        request,
        "quality/sheets.html",
        sheets=found,
        abouts=ABOUTS,
        regions=viewer.reach.regions if viewer.reach else {},
    )


@routes.get("/quality/sheets/new", roles=GRADERS)
async def new(request: web.Request) -> web.StreamResponse:
    """Begins with the standard questions for `about`."""
    about = _about(request.query)
    return _form(request, None, about, list(STANDARD[about]))


@routes.post("/quality/sheets/new", roles=GRADERS)
async def create(request: web.Request) -> web.StreamResponse:
    form = {name: str(value) for name, value in (await request.post()).items()}
    async with request.app[DB].unit_of_work() as session:
        viewer = await viewer_of(request, session)
        if viewer.own_region is None:
            raise NotFound
        made = await sheets.create(
            session, request.app[CLOCK], viewer.user, region_id=viewer.own_region, about=_about(form),
            name=form.get("name", ""), questions=_questions(form),
        )  # fmt: skip
        number = made.id
    return see_other(f"/quality/sheets/{number}", flash="评分表已建立。")


@routes.get("/quality/sheets/{id:[0-9]{1,9}}", roles=GRADERS)
async def one(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
        sheet = await sheets.find(session, int(request.match_info["id"]), viewer.regions)
    return _form(request, sheet, sheet.about, sheet.versions[-1].questions)


@routes.post("/quality/sheets/{id:[0-9]{1,9}}", roles=GRADERS)
async def change(request: web.Request) -> web.StreamResponse:
    form = {name: str(value) for name, value in (await request.post()).items()}
    async with request.app[DB].unit_of_work() as session:
        viewer = await viewer_of(request, session)
        sheet = await sheets.find(session, int(request.match_info["id"]), viewer.regions)
        made = await sheets.change(session, request.app[CLOCK], viewer.user, sheet, _questions(form))
        told = f"已存为第 {made.number} 版，以前的评分不变。"
    return see_other(f"/quality/sheets/{sheet.id}", flash=told)


def _form(request: web.Request, sheet: Any, about: About, asked: list[dict[str, Any]]) -> web.StreamResponse:
    empty: dict[str, Any] = {"text": "", "weight": "", "situation": ""}
    lines = [*asked, *[empty] * min(SPARE, MOST_QUESTIONS - len(asked))]
    return render(
        request,
        "quality/sheet.html",
        sheet=sheet,
        about=about,
        abouts=ABOUTS,
        lines=lines,
        situations=phrases.load(),
    )


def _about(fields: Mapping[str, str]) -> About:
    text = fields.get("about", About.OPERATOR)
    if text not in set(About):
        raise InvalidInput(field="对象", reason="请从列表中选择")
    return About(text)


def _questions(form: Mapping[str, str]) -> list[dict[str, Any]]:
    """The lines of the form that say anything."""
    found = []
    for number in range(MOST_QUESTIONS):
        text, weight = form.get(f"text-{number}", "").strip(), form.get(f"weight-{number}", "").strip()
        if text or weight:
            points = whole_number(weight, WEIGHT_DIGITS)
            found.append({"text": text, "weight": points, "situation": form.get(f"situation-{number}", "")})
    return found
