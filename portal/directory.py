"""Who there is (单位名录) and what was late (逾期说明公开): the pages for looking up rather than asking."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.places import Place
from core.units import Region, Unit
from core.web.api import query_int
from core.web.app import render
from core.web.keys import DB
from core.web.routes import PUBLIC, Routes
from portal.keys import PORTAL
from portal.region import home_region, open_regions
from tickets.intake.open_book import explanations

routes = Routes()
A_PAGE = 50


@routes.get("/directory", roles=PUBLIC, nav="单位名录")
async def directory(request: web.Request) -> web.StreamResponse:
    wanted = request.query.get("region") or request.app[PORTAL].region
    async with request.app[DB].reading() as session:
        regions = await open_regions(session)
        region = await home_region(session, wanted) if regions else None
        units = await _units(session, region) if region else []
        places = await _places(session, region) if region else []
    return render(
        request, "portal/directory.html", regions=regions, region=region, units=units, places=places
    )


@routes.get("/overdue", roles=PUBLIC)
async def overdue(request: web.Request) -> web.StreamResponse:
    """M-51 「公开回复说明」: what was late, whose it was and why; nothing about who asked or what."""
    page = query_int(request, "page", 1, least=1, most=10_000)
    async with request.app[DB].reading() as session:
        found = await explanations(session, limit=A_PAGE + 1, offset=(page - 1) * A_PAGE)
    return render(
        request, "portal/overdue.html", found=found[:A_PAGE], page=page, has_more=len(found) > A_PAGE
    )


async def _units(session: AsyncSession, region: Region) -> list[Unit]:
    of_region = (Unit.region_id == region.id) & Unit.is_active
    return list(
        await session.scalars(
            select(Unit).where(of_region).options(selectinload(Unit.phones)).order_by(Unit.code)
        )
    )


async def _places(session: AsyncSession, region: Region) -> list[Place]:
    wanted = select(Place).where(Place.region_id == region.id).order_by(Place.kind, Place.name)
    return list(
        await session.scalars(wanted.options(selectinload(Place.services), selectinload(Place.units)))
    )
