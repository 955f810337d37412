"""`/quality/draws` (抽样): what was drawn, by whom, with which seed; and drawing anew (M-82)."""

from collections.abc import Mapping
from datetime import timedelta
from secrets import randbelow

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.quality.reach import GRADERS, Viewer, viewer_of
from agent_desktop.quality.words import ABOUTS, METHODS
from core.clock import beijing
from core.errors import HotlineError, InvalidInput
from core.people import User
from core.web.app import see_other
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Table, serve_list
from core.web.numbers import read_key, whole_number
from core.web.routes import Routes
from reports.quality import sampling, sheets
from reports.quality.models import Draw, Method, ScoreSheet
from reports.quality.sampling import Wish

routes = Routes()
SEED_DIGITS = 10


@routes.get("/quality/draws", roles=GRADERS)
async def page(request: web.Request) -> web.StreamResponse:
    return await _page(request, {})


async def _page(
    request: web.Request, typed: Mapping[str, str], error: HotlineError | None = None
) -> web.StreamResponse:
    """What was drawn, and the form as it was `typed` when that came to nothing."""
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
        offered = await sheets.of_regions(session, viewer.regions)
    query = (
        select(Draw, ScoreSheet.name.label("sheet"), User.display_name.label("author"))
        .join(ScoreSheet, ScoreSheet.id == Draw.sheet_id)
        .join(User, User.id == Draw.author_id)
        .where(Draw.region_id.in_(viewer.regions))
    )
    today = beijing(request.app[CLOCK].now()).date()
    last = today.replace(day=1) - timedelta(days=1)
    usual = {
        "from": f"{last.replace(day=1)}",
        "to": f"{today}",
        "wanted": "10",
        "seed": str(randbelow(1_000_000)),
    }
    filled = {**dict.fromkeys(("method", "sheet", "topic", "unit"), ""), **usual, **typed}
    return await serve_list(
        request, TABLE, query, "quality/draws.html", sheets=offered, abouts=ABOUTS, methods=METHODS,
        units=viewer.reach.units.values() if viewer.reach else (), regions=viewer.reach.regions if viewer.reach else {},
        typed=filled, error=error, status=error.status if error else 200,
    )  # fmt: skip


@routes.post("/quality/draws", roles=GRADERS)
async def draw(request: web.Request) -> web.StreamResponse:
    """`sheet`, `method`, `from`, `to`, `seed`, `wanted`, and as the method needs `topic` or `unit`."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    try:
        async with request.app[DB].unit_of_work() as session:
            viewer = await viewer_of(request, session)
            made = await sampling.draw(
                session, request.app[CLOCK], viewer.user, await _wish(session, viewer, form)
            )
    except HotlineError as error:
        return await _page(request, form, error)
    told = f"从 {made.found} 次通话中抽取 {made.drawn} 次。"
    return see_other(f"/quality?view=&draw={made.id}", flash=told)


async def _wish(session: AsyncSession, viewer: Viewer, form: Mapping[str, str]) -> Wish:
    sheet = await sheets.find(session, read_key(form.get("sheet", ""), "评分表"), viewer.regions)
    method = form.get("method", "")
    if method not in set(Method):
        raise InvalidInput(field="抽查方式", reason="请从列表中选择")
    unit_id = read_key(form["unit"], "单位") if form.get("unit") and method == Method.UNIT else None
    if unit_id is not None and (viewer.reach is None or unit_id not in viewer.reach.units):
        raise InvalidInput(field="单位", reason="请从列表中选择")
    return Wish(
        region_id=viewer.own_region or 0, region_ids=viewer.regions, sheet=sheet, method=Method(method),
        first=read_day(form.get("from", ""), "起始日期"), last=read_day(form.get("to", ""), "截止日期"),
        seed=_number(form, "seed", "随机种子"), wanted=_number(form, "wanted", "抽查数量"),
        topic=form.get("topic", "").strip()[:100] if method == Method.TOPIC else "", unit_id=unit_id,
    )  # fmt: skip


def _number(form: Mapping[str, str], name: str, label: str) -> int:
    number = whole_number(form.get(name, ""), SEED_DIGITS)
    if number is None:
        raise InvalidInput(field=label, reason="请填写整数")
    return number


TABLE = Table(
    "quality-draws", "抽样记录",
    columns=(
        Column("at", "抽样时间", lambda row: f"{beijing(row.Draw.made_at):%Y-%m-%d %H:%M}", sort=Draw.made_at,
               href=lambda row: f"/quality?view=&draw={row.Draw.id}"),
        Column("method", "方式", lambda row: METHODS[row.Draw.method], sort=Draw.method),
        Column("topic", "主题", lambda row: row.Draw.topic),
        Column("period", "通话时段", lambda row: f"{row.Draw.first_on} 至 {row.Draw.last_on}", sort=Draw.first_on),
        Column("sheet", "评分表", lambda row: row.sheet, sort=ScoreSheet.name),
        Column("seed", "随机种子", lambda row: str(row.Draw.seed), number=True),
        Column("drawn", "抽取", lambda row: f"{row.Draw.drawn} / {row.Draw.found}", number=True),
        Column("author", "抽样人", lambda row: row.author, sort=User.display_name),
    ),
    sort="-at", tie=Draw.id,
)  # fmt: skip
