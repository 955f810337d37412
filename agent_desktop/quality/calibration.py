"""`/quality/calibration` (校准): talks that two people graded, and how far they are apart, by question and in sum."""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from agent_desktop.quality.reach import GRADERS, viewer_of
from core.clock import beijing
from core.people import User
from core.web.keys import DB
from core.web.lists import Column, Table, serve_list
from core.web.routes import Routes
from recordings.models import Call
from reports.quality import grading
from reports.quality.models import Grade, GradeKind, Sample

routes = Routes()
_First, _Second = aliased(Grade), aliased(Grade)
_One, _Other = aliased(User), aliased(User)
_APART = func.abs(_First.points - _Second.points)


@routes.get("/quality/calibration", roles=GRADERS)
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
        query = (
            select(
                Sample, Call.started_at, _First.points.label("first"), _Second.points.label("second"),
                _One.display_name.label("one"), _Other.display_name.label("other"),
            )
            .join(Call, Call.id == Sample.call_id)
            .join(_First, (_First.sample_id == Sample.id) & (_First.kind == GradeKind.FIRST))
            .join(_Second, (_Second.sample_id == Sample.id) & (_Second.kind == GradeKind.SECOND))
            .join(_One, _One.id == _First.grader_id)
            .join(_Other, _Other.id == _Second.grader_id)
            .where(viewer.grades)
        )  # fmt: skip
        pairs = query.with_only_columns(
            _One.display_name,
            _Other.display_name,
            func.count(),
            func.avg(_APART),
            func.max(_APART),
            maintain_column_froms=True,
        ).group_by(_One.display_name, _Other.display_name)
        shown = [Pair(*row) for row in await session.execute(pairs.order_by(_One.display_name))]
    return await serve_list(request, TABLE, query, "quality/calibration.html", pairs=shown)


@dataclass(frozen=True)
class Pair:
    """How two graders compare over all talks that both graded."""

    one: str
    other: str
    number: int
    mean: float
    most: int

    @property
    def mean_text(self) -> str:
        return grading.say(float(self.mean))

    @property
    def most_text(self) -> str:
        return grading.say(self.most)


TABLE = Table(
    "quality-calibration", "校准",
    columns=(
        Column("at", "通话时间", lambda row: f"{beijing(row.started_at):%Y-%m-%d %H:%M}", sort=Call.started_at,
               href=lambda row: f"/quality/samples/{row.Sample.id}"),
        Column("one", "评分人", lambda row: row.one, sort=_One.display_name),
        Column("first", "评分", lambda row: grading.say(row.first), sort=_First.points, number=True),
        Column("other", "校准人", lambda row: row.other, sort=_Other.display_name),
        Column("second", "校准评分", lambda row: grading.say(row.second), sort=_Second.points, number=True),
        Column("apart", "相差", lambda row: grading.say(abs(row.first - row.second)), sort=_APART, number=True),
    ),
    sort="-apart", tie=Sample.id,
)  # fmt: skip
