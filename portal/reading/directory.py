"""Who there is (单位名录) and what was late (逾期说明公开): the pages for looking up rather than asking."""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.errors import InvalidInput
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
MOST_PAGES = 1_000
"""Twenty years of a province's delays; further back is the archive's."""


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
    page = query_int(request, "page", 1, least=1, most=MOST_PAGES)
    code = request.query.get("region", "")
    async with request.app[DB].reading() as session:
        regions = await open_regions(session)
        region = _named(regions, code) if code else None
        found = await explanations(
            session, limit=A_PAGE + 1, offset=(page - 1) * A_PAGE, region_id=region.id if region else None
        )
    return render(
        request, "portal/overdue.html", found=found[:A_PAGE], page=page, region=region, regions=regions,
        has_more=len(found) > A_PAGE and page < MOST_PAGES,
    )  # fmt: skip


def _named(regions: Sequence[Region], code: str) -> Region:
    """The region with this code; raises InvalidInput."""
    found = next((region for region in regions if region.code == code), None)
    if found is None:
        raise InvalidInput(field="地区", reason="请从列表中选择")
    return found


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
