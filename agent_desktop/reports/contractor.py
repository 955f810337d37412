"""`/reports/contractor` (承包服务考核, M-79): availability with its outages, seats, queue, answer rate and speed, quality."""

import asyncio

from aiohttp import web
from sqlalchemy import select

from agent_desktop.reports.ask import Question, periods, question_of
from agent_desktop.reports.reach import Reach, reach_of
from core.clock import beijing
from core.errors import NotFound
from core.people import Role
from core.units import Region, Unit, UnitDuty
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from reports.contractor import report
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.signed.pdf import draw_contractor

routes = Routes()
READERS = frozenset({Role.OFFICE, Role.SUPERVISOR})


@routes.get("/reports/contractor", roles=READERS, nav="承包考核")
async def page(request: web.Request) -> web.StreamResponse:
    reach, asked, region, content = await _made(request)
    return render(
        request, "reports/contractor.html", asked=asked, reach=reach, region=region, content=content,
        periods=periods(beijing(request.app[CLOCK].now()).date()),
    )  # fmt: skip


@routes.get("/reports/contractor/report.pdf", roles=READERS)
async def as_pdf(request: web.Request) -> web.StreamResponse:
    _, asked, region, content = await _made(request)
    facts = {
        "title": f"{region.name}96128政务信息查询专线承包服务考核表",
        "period": f"{asked.first:%Y年%-m月%-d日}至{asked.last:%Y年%-m月%-d日}",
        "made": f"{beijing(asked.of.now):%Y年%-m月%-d日}",
    }
    body = await asyncio.to_thread(draw_contractor, content, facts)
    headers = {"Content-Disposition": f'inline; filename="contractor-{asked.first}-{asked.last}.pdf"'}
    return web.Response(body=body, content_type="application/pdf", headers=headers)


async def _made(request: web.Request) -> tuple[Reach, Question, Region, report.Content]:
    """For the region asked for, else the topmost in reach that has a call centre."""
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        centres = select(Unit.region_id).where(
            Unit.duty == UnitDuty.CALL_CENTRE, Unit.region_id.in_(reach.regions)
        )
        with_centre = set(await session.scalars(centres))
        offered = [one for one in reach.regions.values() if asked.fields["region"] in ("", one.code)]
        region = next((one for one in offered if one.id in with_centre), next(iter(offered), None))
        if region is None:
            raise NotFound
        found = await figures.figures(session, [BY_KEY[key] for key in report.KEYS], asked.of)
        known = {one.indicator.key: one for one in found if one.applies}
        content = await report.make(session, region, asked.of, known)
    return reach, asked, region, content
