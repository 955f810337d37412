"""Searching for programs (检索接口): the same entries and the same order as on the pages."""

import time

from aiohttp import web

from core.errors import HotlineError, InvalidInput
from core.web import schema
from core.web.api import PREFIX, answer, query_int
from core.web.routes import CLIENTS, ApiDoc, Param, Routes
from portal.keys import SEARCHER
from portal.limits import LIMITS

routes = Routes()
LONGEST_QUERY = 100
LONGEST_UNIT = 80
_FIELDS = ("id", "source_id", "title", "snippet", "unit", "score")


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
            "要查的内容",
            required=True,
            limits={"minLength": 1, "maxLength": LONGEST_QUERY, "pattern": r"\S"},
        ),
        Param(
            "limit",
            "最多返回几条，默认 10",
            kind="integer",
            limits={"minimum": 1, "maximum": 50, "default": 10},
        ),
        Param("unit", "只查名称含有这些字的单位", limits={"maxLength": LONGEST_UNIT}),
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
            ),
        ),
        "took_ms": schema.number("检索用时（毫秒）"),
    },
)


@routes.get(f"{PREFIX}/kb/search", roles=CLIENTS, doc=_SEARCH)
async def kb_search(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    query, unit = request.query.get("q", ""), request.query.get("unit", "")
    if not query.strip() or len(query) > LONGEST_QUERY:
        raise InvalidInput(field="q", reason=f"请填写 1～{LONGEST_QUERY} 个字")
    if len(unit) > LONGEST_UNIT:
        raise InvalidInput(field="unit", reason=f"最多 {LONGEST_UNIT} 个字")
    limit = query_int(request, "limit", 10, least=1, most=50)
    searcher = request.app.get(SEARCHER)
    if searcher is None:
        raise SearchNotReady
    started = time.perf_counter()
    hits = await searcher.search(query.strip(), limit=limit, unit=unit or None)
    took_ms = round((time.perf_counter() - started) * 1000, 1)
    return answer(
        {"items": [{name: getattr(hit, name) for name in _FIELDS} for hit in hits], "took_ms": took_ms}
    )
