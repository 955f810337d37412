"""`GET /api/v1/indicators` (指标接口): numerator, denominator and value of every K of mission §5.8."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from agent_desktop.reports.ask import question_of
from agent_desktop.reports.reach import READERS, reach_of
from core.errors import InvalidInput
from core.web import schema
from core.web.api import PREFIX, answer
from core.web.keys import CLOCK, DB
from core.web.routes import ApiDoc, Param, Routes
from reports.counting import figures
from reports.counting.figures import Figure
from reports.counting.indicators import INDICATORS, VERSION, Show

routes = Routes()
UNITS = {Show.PERCENT: "share", Show.SECONDS: "ms", Show.POINTS: "points/100", Show.COUNT: "count"}
_NAME = {"maxLength": 40, "pattern": schema.PLAIN}
_LIST = ApiDoc(
    "统计指标（分子、分母和数值；分母为零时数值为空）",
    params=(
        Param("from", "起始日期（含），缺省为当月 1 日", limits={"pattern": schema.DAY}),
        Param("to", "截止日期（含），缺省为今天", limits={"pattern": schema.DAY}),
        Param(
            "unit",
            "单位：地区代码/单位代码，或三位代码（所给地区的，不给地区时先取本级的）",
            limits=_NAME,
        ),
        Param("region", "地区代码，含下级", limits=_NAME),
        Param("line", "线路号码", limits=_NAME),
        Param("person", "用户名", limits=_NAME),
    ),
    answer={
        "from": schema.day("起始日期"),
        "to": schema.day("截止日期"),
        "version": schema.text("口径版本"),
        "items": schema.listed("指标，K-01 起各一项，争议口径列在 variants", {"type": "object"}),
    },
)


@routes.get(f"{PREFIX}/indicators", roles=READERS, doc=_LIST)
async def listing(request: web.Request) -> web.StreamResponse:
    if "" in (
        request.query.get("from"),
        request.query.get("to"),
    ):  # a form sends empty fields, a program means something
        raise InvalidInput(field="日期", reason="请用 2026-06-01 这样的日期，或不写这一项")
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        found = await figures.figures(session, INDICATORS, asked.of)
    period = {"from": asked.fields["from"], "to": asked.fields["to"]}
    return answer(period | {"version": VERSION, "items": grouped(found)})


def grouped(found: Sequence[Figure]) -> list[dict[str, Any]]:
    """One object for each K-id, its other variants inside."""
    by_k: dict[str, list[Figure]] = {}
    for one in found:
        by_k.setdefault(one.indicator.k, []).append(one)
    return [figure_json(main) | {"variants": list(map(figure_json, rest))} for main, *rest in by_k.values()]


def figure_json(one: Figure) -> dict[str, Any]:
    """`value` is a share between 0 and 1, milliseconds, hundredths of a point, or a count, as `unit` says; null without a denominator."""
    indicator = one.indicator
    return {
        "id": indicator.key,
        "name": indicator.name,
        "numerator": one.numerator,
        "denominator": one.denominator,
        "value": one.value,
        "text": one.text,
        "unit": UNITS[indicator.show],
        "applies": one.applies,
        "rule": indicator.rule,
        "version": indicator.version,
    }
