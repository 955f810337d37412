"""`/quality` (质检): talks drawn, with what stands of each; `/quality/results`: one's own results and one's unit's."""

from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import aliased, selectinload

from agent_desktop.quality import calibration, draws, sample, sheets
from agent_desktop.quality.reach import GRADED, GRADERS, viewer_of
from agent_desktop.quality.words import ABOUTS, STATES, TONES
from core.clock import beijing
from core.people import User
from core.units import Unit
from core.web.app import add_room
from core.web.keys import DB
from core.web.lists import Column, Filter, Query, Table, period, serve_list
from core.web.numbers import whole_number
from core.web.routes import Routes
from recordings.models import Call, CallMark
from reports.quality import grading
from reports.quality.models import Appeal, DrawnSample, Grade, Sample

routes = Routes()
_Stands = aliased(Grade, select(Grade).where(grading.STANDS).subquery())
_OPEN_APPEAL = exists().where(Appeal.sample_id == Sample.id, Appeal.answered_at.is_(None))
VIEWS: dict[str, tuple[str, ColumnElement[bool]]] = {
    "waiting": (STATES["waiting"], _Stands.id.is_(None)),
    "appealed": (STATES["appealed"], _OPEN_APPEAL),
    "graded": (STATES["graded"], _Stands.id.is_not(None)),
    "": ("全部", Sample.id.is_not(None)),
}


@routes.get("/quality", roles=GRADERS, nav="质检")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
    views = Filter(
        "view", "状态", lambda key: VIEWS[key][1], {key: text for key, (text, _) in VIEWS.items()}, kind="tabs",
        default="waiting",
    )  # fmt: skip
    drawn = Filter("draw", "抽样编号", lambda text: Sample.id.in_(_of_draw(text)))
    table = _table("quality", "质检", (views, drawn, *_FILTERS))
    return await serve_list(request, table, _query(viewer.grades), "quality/index.html", results=False)


@routes.get("/quality/results", roles=GRADED, nav="质检结果")
async def results(request: web.Request) -> web.StreamResponse:
    """Results to the person graded and their head."""
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
    table = _table("quality-results", "质检结果", _FILTERS)
    return await serve_list(request, table, _query(viewer.concerns), "quality/index.html", results=True)


def _query(condition: ColumnElement[bool]) -> Query:
    return (
        select(
            Sample,
            Call,
            _Stands.points.label("points"),
            Unit.name.label("unit"),
            User.display_name.label("person"),
        )
        .join(Call, Call.id == Sample.call_id)
        .outerjoin(_Stands, _Stands.sample_id == Sample.id)
        .outerjoin(Unit, Unit.id == Sample.unit_id)
        .outerjoin(User, User.id == Sample.user_id)
        .where(condition, Call.mark != CallMark.PRACTICE)
        .options(selectinload(Sample.appeal), selectinload(Sample.grades))
    )


def _of_draw(text: str) -> Select[int]:
    return select(DrawnSample.sample_id).where(DrawnSample.draw_id == (whole_number(text) or 0))


_FILTERS = (
    Filter(
        "about", "对象", lambda key: Sample.about == key, {str(key): text for key, text in ABOUTS.items()}
    ),
    Filter("person", "人员", lambda text: User.display_name.contains(text, autoescape=True)),
    *period("call", "通话", Call.started_at),
)


def _table(name: str, title: str, filters: tuple[Filter, ...]) -> Table:
    def state(row: Any) -> str:
        return sample.state_of(row.Sample)

    return Table(
        name, title,
        columns=(
            Column("at", "通话时间", lambda row: f"{beijing(row.Call.started_at):%Y-%m-%d %H:%M}", sort=Call.started_at,
                   href=lambda row: f"/quality/samples/{row.Sample.id}"),
            Column("about", "对象", lambda row: ABOUTS[row.Sample.about], sort=Sample.about),
            Column("person", "人员", lambda row: row.person or "", sort=User.display_name),
            Column("unit", "单位", lambda row: row.unit or "", sort=Unit.name),
            Column("state", "状态", lambda row: STATES[state(row)], tone=lambda row: TONES[state(row)]),
            Column("points", "得分", lambda row: grading.say(row.points), sort=_Stands.points, number=True),
            Column("apart", "校准相差", lambda row: grading.say(grading.apart(row.Sample)), number=True),
        ),
        filters=filters, sort="-at", tie=Sample.id,
    )  # fmt: skip


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.quality", prefix="quality")
    for part in (routes, draws.routes, sample.routes, sheets.routes, calibration.routes):
        part.register(app)
