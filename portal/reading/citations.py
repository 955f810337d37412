"""Praise and criticism as published (表扬和通报批评, M-78): the lists on paper and screen, and for programs.

What is on a list, and who signs it before it is here, is `reports.signed.citations`' matter.
"""

from datetime import date
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound
from core.web import schema
from core.web.api import PREFIX, answer, query_int
from core.web.app import render
from core.web.keys import DB
from core.web.routes import CLIENTS, PUBLIC, ApiDoc, Param, Routes
from portal.api.workdays import REGION_CODE, checked_region
from portal.limits import LIMITS
from portal.reading.answers import site_url
from portal.region import open_regions
from reports.models import PeriodKind
from reports.signed import citations, classes
from reports.signed.citations import Published

routes = Routes()
SHOWN = 60
_ENTRY = schema.made_of(
    kind=schema.text("unit 单位，region 地区", enum=["unit", "region"]),
    name=schema.text("名称"),
    text=schema.text("情况"),
)
_CLASS = schema.made_of(
    title=schema.text("档名"),
    praise=schema.flag("表扬，否则为通报批评"),
    rule=schema.text("列入的条件"),
    entries=schema.listed("列入的单位和地区", _ENTRY),
)
_LISTS = ApiDoc(
    "已公布的表扬和通报批评名单，新的在前",
    params=(
        Param("region", "地区代码，不填为所有地区", limits={"pattern": REGION_CODE}),
        Param("limit", "最多返回几份，默认 12", kind="integer", limits={"minimum": 1, "maximum": SHOWN}),
    ),
    answer={
        "items": schema.listed(
            "名单",
            schema.made_of(
                region=schema.text("地区"),
                region_code=schema.text("地区代码"),
                period=schema.text("报告期"),
                first_on=schema.day("起始日期"),
                last_on=schema.day("截止日期"),
                published_on=schema.day("公布日期"),
                address=schema.text("网页地址"),
                classes=schema.listed("各档", _CLASS),
            ),
        )
    },
)


@routes.get("/citations", roles=PUBLIC)
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        regions = await open_regions(session)
        chosen = next((one.code for one in regions if one.code == request.query.get("region")), "")
        found = await citations.published(session, chosen, most=SHOWN)
    shown = [
        (
            one,
            address_of(one),
            classes.named(one.classes, praise=True),
            classes.named(one.classes, praise=False),
        )
        for one in found
    ]
    return render(request, "portal/citations.html", regions=regions, chosen=chosen, shown=shown)


@routes.get("/citations/{region:[0-9A-Za-z]{2,12}}/{kind}/{first}", roles=PUBLIC)
async def one_list(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        found = await _found(session, request)
    address = site_url(request) + address_of(found)
    return render(request, "portal/citation.html", one=found, address=address)


@routes.get(f"{PREFIX}/citations", roles=CLIENTS, doc=_LISTS)
async def for_programs(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    most = query_int(request, "limit", 12, least=1, most=SHOWN)
    async with request.app[DB].reading() as session:
        code = await checked_region(session, request.query.get("region"))
        found = await citations.published(session, code or "", most=most)
    return answer({"items": [_json(one, site_url(request)) for one in found]})


def address_of(one: Published) -> str:
    """The list's own page, which stays."""
    return f"/citations/{one.region_code}/{one.period.kind}/{one.period.first}"


async def _found(session: AsyncSession, request: web.Request) -> Published:
    named = request.match_info
    try:
        kind, first = PeriodKind(named["kind"]), date.fromisoformat(named["first"])
    except ValueError:
        raise NotFound from None
    return await citations.find_published(session, named["region"], kind, first)


def _json(one: Published, site: str) -> dict[str, Any]:
    told = ("title", "praise", "rule", "entries")
    return {
        "region": one.region,
        "region_code": one.region_code,
        "period": one.period.name,
        "first_on": one.period.first,
        "last_on": one.period.last,
        "published_on": one.published_on,
        "address": site + address_of(one),
        "classes": [{name: part[name] for name in told} for part in one.classes],
    }
