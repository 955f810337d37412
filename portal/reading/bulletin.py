"""The notice board (信息公告栏, M-104): a month's new answers, case notes, late explanations, praise and criticism of one place.

Made for printing on A4 or A3.
"""

import re
from datetime import date, datetime, time, timedelta

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import BEIJING, beijing
from core.errors import InvalidInput
from core.units import Region
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import PUBLIC, Routes
from kb.kinds import is_case
from kb.models import Audience, Entry, EntryState
from portal.keys import PORTAL
from portal.region import home_region
from reports.signed.citations import published_between
from tickets.intake.open_book import explanations_between

routes = Routes()
SIZES = ("a4", "a3")
MOST = 60


@routes.get("/bulletin", roles=PUBLIC)
async def bulletin(request: web.Request) -> web.StreamResponse:
    query, today = request.query, beijing(request.app[CLOCK].now()).date()
    first = _month(query.get("month", "") or f"{today:%Y-%m}")
    size = query.get("size", "a4")
    if size not in SIZES:
        raise InvalidInput(field="纸张", reason="请选择 A4 或 A3")
    until = (first + timedelta(days=32)).replace(day=1)
    async with request.app[DB].reading() as session:
        regions = (await session.scalars(select(Region).order_by(Region.code))).all()
        region = await home_region(session, query.get("place") or request.app[PORTAL].region)
        answers = await _answers(session, region, _midnight(first), _midnight(until))
        late = await explanations_between(session, region.id, _midnight(first), _midnight(until))
        lists = await published_between(session, region.id, _midnight(first), _midnight(until))
    return render(
        request, "portal/bulletin.html", region=region, regions=regions, first=first, size=size, sizes=SIZES,
        answers=[one for one in answers if not is_case(one)], cases=[one for one in answers if is_case(one)], late=late, lists=lists, today=today,
    )  # fmt: skip


def _month(text: str) -> date:
    if not re.fullmatch("20[0-9]{2}-(0[1-9]|1[0-2])", text):
        raise InvalidInput(field="月份", reason="请用 2026-06 这样的年月")
    return date.fromisoformat(f"{text}-01")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)


async def _answers(session: AsyncSession, region: Region, since: datetime, until: datetime) -> list[Entry]:
    """Public entries first published in the month: the region's own and those of no region, the newest first."""
    query = select(Entry).where(
        Entry.state == EntryState.PUBLISHED,
        Entry.audience == Audience.PUBLIC,
        (Entry.region_id == region.id) | Entry.region_id.is_(None),
        Entry.published_at >= since,
        Entry.published_at < until,
    )
    newest = query.options(selectinload(Entry.unit)).order_by(Entry.published_at.desc(), Entry.id).limit(MOST)
    return list(await session.scalars(newest))
