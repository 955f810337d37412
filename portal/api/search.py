"""Searching for programs (检索接口): the same entries and the same order as on the pages."""

import re
import time
from contextlib import suppress
from typing import Any

from aiohttp import web
from sqlalchemy import select

from core.errors import HotlineError, InvalidInput
from core.units import Region
from core.web import schema
from core.web.api import PREFIX, answer, query_int
from core.web.keys import DB, USER
from core.web.routes import CLIENTS, ApiDoc, Param, Routes
from kb.kinds import KIND_NAMES
from kb.searching.search import AudienceName
from portal.keys import PORTAL, SEARCHER
from portal.limits import LIMITS
from portal.region import UNIT_CODE, NotSetUp, UnitNotFound, home_region, unit_by_code

routes = Routes()
LONGEST_QUERY = 100
"""What is longer is searched by its beginning."""
LONGEST_UNIT = 80
NOWHERE = 0
"""No region has this id."""
_FIELDS = ("id", "source_id", "title", "snippet", "unit", "score", "valid", "title_marks", "snippet_marks")
_MARKS = "需要突出显示的片段：起止字符位置"


class SearchNotReady(HotlineError):
    """No knowledge base is loaded in this process."""

    code = "search_not_ready"
    status = 503
    text = "信息库正在准备，请稍后再查。"


_SEARCH = ApiDoc(
    "查询已公开的政务信息",
    params=(
        Param(
            "q",
            f"要查的内容；超过 {LONGEST_QUERY} 个字的部分不起作用，为空时没有结果",
            required=True,
        ),
        Param(
            "limit",
            "最多返回几条，默认 10",
            kind="integer",
            limits={"minimum": 1, "maximum": 50, "default": 10},
        ),
        Param(
            "unit",
            "只查名称含有这些字的单位，或本专线所在地区这个三位代码的单位",
            limits={"maxLength": LONGEST_UNIT},
        ),
        Param("kind", "只查这一类信息", limits={"enum": [kind.value for kind in KIND_NAMES]}),
        Param(
            "region", "只查这个行政区划代码的地区；没有这个代码时没有结果", limits={"maxLength": LONGEST_UNIT}
        ),
    ),
    answer={
        "items": schema.listed(
            "结果，最相关的在前",
            schema.made_of(
                id=schema.whole("条目编号"),
                source_id=schema.perhaps(schema.text("来源系统中的编号")),
                title=schema.text("标题"),
                snippet=schema.text("摘要"),
                unit=schema.perhaps(schema.text("单位")),
                score=schema.number("相关程度，只在一次查询的结果之间可比"),
                valid=schema.flag("是否在有效期内；过期的只列给工作人员"),
                title_marks=schema.listed(_MARKS, schema.listed("起止位置", schema.whole("位置"))),
                snippet_marks=schema.listed(_MARKS, schema.listed("起止位置", schema.whole("位置"))),
            ),
        ),
        "took_ms": schema.number("检索用时（毫秒）"),
    },
)


@routes.get(f"{PREFIX}/kb/search", roles=CLIENTS, doc=_SEARCH)
async def kb_search(request: web.Request) -> web.StreamResponse:
    """Staff sees what staff may see (M-70), expired entries marked and last (M-22); channels what is public and valid."""
    person = request[USER]
    if person is None:
        request.app[LIMITS].visit(request)
    if "q" not in request.query:
        raise InvalidInput(field="q", reason="请给出要查的内容")
    query, only = request.query["q"].strip()[:LONGEST_QUERY], await _filters(request)
    limit = query_int(request, "limit", 10, least=1, most=50)
    searcher = request.app.get(SEARCHER)
    if searcher is None:
        raise SearchNotReady
    started = time.perf_counter()
    audience: AudienceName = "staff" if person else "public"
    hits = await searcher.search(query, limit=limit, audience=audience, with_expired=bool(person), **only)
    took_ms = round((time.perf_counter() - started) * 1000, 1)
    if query and person is None and not (hits or any(only.values())):
        await searcher.not_found(query, None)
    return answer(
        {"items": [{name: getattr(hit, name) for name in _FIELDS} for hit in hits], "took_ms": took_ms}
    )


async def _filters(request: web.Request) -> dict[str, Any]:
    """Keywords of a search that keep everything else out; raises InvalidInput."""
    unit, kind, code = (request.query.get(name, "") for name in ("unit", "kind", "region"))
    if len(unit) > LONGEST_UNIT:
        raise InvalidInput(field="unit", reason=f"最多 {LONGEST_UNIT} 个字")
    if kind and kind not in KIND_NAMES:
        raise InvalidInput(field="kind", reason=f"可以是 {'、'.join(KIND_NAMES)}")
    if re.fullmatch(UNIT_CODE, unit):
        unit = await _name_of(request, unit)
    return {"unit": unit or None, "kind": kind, "region_id": await _region(request, code) if code else None}


async def _name_of(request: web.Request, code: str) -> str:
    """The name of the home region's unit of this code; the code itself, which no name holds, where there is none."""
    async with request.app[DB].reading() as session:
        region = await home_region(session, request.app[PORTAL].region)
        with suppress(NotSetUp, UnitNotFound):
            return (await unit_by_code(session, region.id, code)).name
    return code


async def _region(request: web.Request, code: str) -> int:
    """The region of this code; nothing is found in one that there is not."""
    async with request.app[DB].reading() as session:
        found = select(Region.id).where(Region.code == code)
        return (await session.scalar(found) if code.isprintable() else None) or NOWHERE
