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
    dashboard,
    efficiency,
    filed,
    filed_api,
    gathering,
    items,
    liaisons,
    received,
    returns,
    scores,
    topics,
)
from agent_desktop.reports.ask import Question, periods, question_of, unit_name
from agent_desktop.reports.reach import READERS, Reach, reach_of
from core.clock import beijing
from core.db import provided
from core.lines import Line
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB
from core.web.lists import export_answer
from core.web.routes import Routes
from recordings.call_story import story
from reports.breakdowns import abandons
from reports.counting import balance, figures
from reports.counting.catalogue import GROUPS
from reports.counting.figures import DENOMINATOR, NUMERATOR, Figure
from reports.counting.indicators import BY_KEY, INDICATORS, VERSION
from reports.returns.beside import beside
from reports.scores import indices
from reports.scores.indices import Index
from reports.settings import ReportSettings
from reports.words import NAMES, named

routes = Routes()
BY_UNIT = ("K-07", "K-08", "K-09", "K-11", "K-12", "K-13", "K-15", "K-16", "K-17")
"""What the table of units compares."""


@routes.get("/reports", roles=READERS, nav="统计报表")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        found = await figures.figures(session, INDICATORS, asked.of)
        context: dict[str, Any] = {
            "whole": await balance.balance(session, asked.of),
            "indices": indices.indices(
                provided(session, ReportSettings), {one.indicator.key: one for one in found}
            ),
            "splits": await _splits(session, reach, asked),
            "units": await _units(session, reach, asked),
            "reported": await _reported(session, asked, found),
            "abandoned": await abandons.by_node(session, asked.of),
            "lines": (await session.execute(select(Line.number, Line.name))).all(),
        }
    if kind := request.query.get("export", ""):
        return await _export(request, asked, found, context["indices"], kind)
    groups = [
        (
            text,
            [one for one in found if one.applies and one.indicator.group == key],
            [one for one in context["indices"] if one.group == key],
        )
        for key, text in GROUPS.items()
    ]
    return render(
        request, "reports/index.html", asked=asked, reach=reach, groups=[part for part in groups if part[1]],
        periods=periods(beijing(request.app[CLOCK].now()).date()), number=figures.number_text, link=items.link_to,
        compared=[BY_KEY[key] for key in BY_UNIT], unit_name=unit_name, version=VERSION,
        node_name=story.node_name, all_calls=BY_KEY["K-03"], **context,
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
    """The registered questions by each split, as far as it divides them."""
    names: dict[str, Any] = NAMES | {
        "region": {str(key): region.name for key, region in reach.regions.items()},
        "unit": {str(key): unit.short_name or unit.name for key, unit in reach.units.items()},
    }
    found = []
    for name, parts in (await balance.splits(session, asked.of)).items():
        shown = parts if name == "hour" else parts[:12]
        said = [(named(names, name, part.key), part) for part in shown]
        found.append((balance.SPLITS[name][0], said))
    return [pair for pair in found if len(pair[1]) > 1 or pair[0] == balance.SPLITS["channel"][0]]


async def _export(
    request: web.Request, asked: Question, found: Sequence[Figure], summed: Sequence[Index], kind: str
) -> web.StreamResponse:
    """The indicators as a file."""
    head = ["编号", "指标", "数值", "分子", "分母", "口径", "口径版本", "起始", "截止"]
    span = [asked.fields["from"], asked.fields["to"]]
    rows = [
        [
            one.indicator.key, one.indicator.name, one.text, figures.number_text(one, NUMERATOR), figures.number_text(one, DENOMINATOR),
            one.indicator.rule, str(one.indicator.version), *span,
        ]
        for one in found if one.applies
    ]  # fmt: skip
    rows += [["", one.name, one.text, "", "", one.formula, "", *span] for one in summed]
    return await export_answer(request, "indicators", "统计指标", [head, *rows], kind)


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.reports", prefix="reports")
    for part in (
        api,
        citations,
        contractor,
        dashboard,
        efficiency,
        filed,
        filed_api,
        gathering,
        items,
        liaisons,
        received,
        returns,
        scores,
        topics,
    ):
        part.routes.register(app)
    routes.register(app)
