"""`/reports` (统计报表): every indicator of a slice with its rule, each number leading to the rows it counts."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports import (
    api,
    citations,
    contractor,
    filed,
    filed_api,
    items,
    returns,
    scores,
    topics,
)
from agent_desktop.reports.ask import Question, periods, question_of, unit_name
from agent_desktop.reports.reach import READERS, Reach, reach_of
from core import audit
from core.clock import beijing
from core.errors import InvalidInput
from core.lines import Line
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB, person
from core.web.lists import sheet_answer
from core.web.requests import source_of
from core.web.routes import Routes
from reports import balance, figures
from reports.catalogue import GROUPS
from reports.figures import DENOMINATOR, NUMERATOR, Figure
from reports.indicators import BY_KEY, INDICATORS, VERSION
from reports.returns.beside import beside
from reports.words import NAMES

routes = Routes()
BY_UNIT = ("K-07", "K-08", "K-09", "K-11", "K-12", "K-13", "K-15", "K-16", "K-17")
"""What the table of units compares."""
PARTS = {NUMERATOR: "分子", DENOMINATOR: "分母"}


@routes.get("/reports", roles=READERS, nav="统计报表")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        found = await figures.figures(session, INDICATORS, asked.of)
        context: dict[str, Any] = {
            "whole": await balance.balance(session, asked.of),
            "splits": await _splits(session, reach, asked),
            "units": await _units(session, reach, asked),
            "reported": await _reported(session, asked, found),
            "lines": (await session.execute(select(Line.number, Line.name))).all(),
        }
    if kind := request.query.get("export", ""):
        return await _export(request, asked, found, kind)
    groups = [
        (text, [one for one in found if one.applies and one.indicator.group == key])
        for key, text in GROUPS.items()
    ]
    return render(
        request, "reports/index.html", asked=asked, reach=reach, groups=[pair for pair in groups if pair[1]],
        periods=periods(beijing(request.app[CLOCK].now()).date()), number=figures.number_text, link=items.link_to,
        compared=[BY_KEY[key] for key in BY_UNIT], unit_name=unit_name, version=VERSION, **context,
    )  # fmt: skip


async def _reported(session: AsyncSession, asked: Question, found: Sequence[Figure]) -> dict[str, Any] | None:
    """What centres without the system reported; only of whole regions, for they have neither units nor lines."""
    if asked.of.narrowed != {"region"} or asked.of.region_ids is None:
        return None
    known = {one.indicator.key: one for one in found}
    return await beside(session, asked.of.region_ids, asked.first, asked.last, known)


async def _units(session: AsyncSession, reach: Reach, asked: Question) -> list[dict[str, Any]]:
    """One line for each unit in reach of which there is anything to say."""
    if len(reach.units) < 2 or (asked.of.unit_ids is not None and len(asked.of.unit_ids) == 1):
        return []
    by_key = await figures.table(session, [BY_KEY[key] for key in BY_UNIT], asked.of, "unit")
    known = {unit_id for found in by_key.values() for unit_id in found}
    return [
        {"unit": unit, "figures": [by_key[key].get(unit.id, Figure(BY_KEY[key])) for key in BY_UNIT]}
        for unit in reach.units.values()
        if unit.id in known
    ]


async def _splits(
    session: AsyncSession, reach: Reach, asked: Question
) -> list[tuple[str, list[tuple[str, Any]]]]:
    """The registered questions by channel, class, subject and region."""
    names: dict[str, Any] = NAMES | {"region": {key: region.name for key, region in reach.regions.items()}}
    found = []
    for name in ("channel", "class", "subject", "region"):
        parts = await balance.split(session, asked.of, name)
        said = [(str(names.get(name, {}).get(part.key, part.key) or "未填写"), part) for part in parts[:12]]
        found.append((balance.SPLITS[name][0], said))
    return [pair for pair in found if len(pair[1]) > 1 or pair[0] == balance.SPLITS["channel"][0]]


async def _export(
    request: web.Request, asked: Question, found: Sequence[Figure], kind: str
) -> web.StreamResponse:
    """The indicators as a file, which is written down (M-91)."""
    if kind not in {"csv", "xlsx"}:
        raise InvalidInput(field="导出格式", reason="请选择 CSV 或 XLSX")
    head = ["编号", "指标", "数值", "分子", "分母", "口径", "口径版本", "起始", "截止"]
    rows = [
        [
            one.indicator.key, one.indicator.name, one.text, figures.number_text(one, NUMERATOR), figures.number_text(one, DENOMINATOR),
            one.indicator.rule, str(one.indicator.version), asked.fields["from"], asked.fields["to"],
        ]
        for one in found if one.applies
    ]  # fmt: skip
    async with request.app[DB].unit_of_work() as session:
        await audit.record(
            session, request.app[CLOCK], actor=person(request).username, action="list.export",
            target=f"indicators:{len(rows)}", reason=request.query_string[:500], source=source_of(request),
        )  # fmt: skip
    return await sheet_answer(f"indicators-{asked.first}-{asked.last}", "统计指标", [head, *rows], kind)


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.reports", prefix="reports")
    for part in (api, citations, contractor, filed, filed_api, items, returns, scores, topics):
        part.routes.register(app)
    routes.register(app)
