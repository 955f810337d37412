"""`/finances` (财务公开): the notices of one's own unit, for inspectors those of the units they supervise; a new one; papers."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.finances import archive, deeds, feedback, letter_box, prints, rectifications, units
from agent_desktop.finances.forms import draft_of
from agent_desktop.finances.page import WORDS, form_of, notice_id_of, show
from agent_desktop.papers import shown
from agent_desktop.ticket.page import who_asks
from core import audit
from core.errors import HotlineError
from core.units import Unit
from core.web.app import add_room, render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Table, period, serve_list
from core.web.numbers import read_key
from core.web.requests import source_of
from core.web.routes import Routes
from core.web.uploads import Form
from tickets.finances import way
from tickets.finances.access import PEOPLE, WORKERS, Reach, find, reach_of
from tickets.finances.models import FinanceNotice
from tickets.finances.papers import paper_of
from tickets.finances.stages import LEVELS, STAGES, Stage

routes = Routes()


@routes.get("/finances", roles=PEOPLE, nav="财务公开")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await _reach(session, request)
    query = (
        select(FinanceNotice)
        .join(Unit, Unit.id == FinanceNotice.unit_id)
        .where(FinanceNotice.unit_id.in_(reach.seen))
        .options(selectinload(FinanceNotice.unit))
    )
    return await serve_list(
        request, TABLE, query, "finances/index.html", may_begin=bool(person(request).roles & WORKERS)
    )


@routes.get("/finances/new", roles=WORKERS)
async def blank(request: web.Request) -> web.StreamResponse:
    return await _new(request, Form())


@routes.post("/finances/new", roles=WORKERS)
async def begin(request: web.Request) -> web.StreamResponse:
    """`unit` and every field of the draft."""
    form = await form_of(request)
    try:
        draft, unit_id = draft_of(form), read_key(form.text("unit"), "公开单位")
        async with request.app[DB].unit_of_work() as session:
            user = await who_asks(session, request)
            notice = await way.begin(session, request.app[CLOCK], user=user, unit_id=unit_id, draft=draft)
    except HotlineError as error:
        if error.status not in {409, 422}:
            raise
        return await _new(request, form, error)
    return see_other(f"/finances/{notice.id}", flash="已起草，请继续填写本阶段的内容。")


@routes.get("/finances/{id:[0-9]{1,9}}", roles=PEOPLE)
async def page(request: web.Request) -> web.StreamResponse:
    return await show(request)


@routes.get("/finances/{id:[0-9]{1,9}}/papers/{paper}", roles=PEOPLE)
async def paper(request: web.Request) -> web.StreamResponse:
    """Each look is written down: names and hands stand on them."""
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        notice, _ = await find(session, user, notice_id_of(request))
        found = await paper_of(session, notice.id, request.match_info["paper"])
        await audit.record(
            session, request.app[CLOCK], actor=user.username, action="paper.open",
            target=f"finance:{notice.public_id}", source=source_of(request),
        )  # fmt: skip
    return shown(request, found.public_id, found.media_type)


async def _new(request: web.Request, given: Form, error: HotlineError | None = None) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await _reach(session, request)
        own = select(Unit).where(Unit.id.in_(reach.own)).order_by(Unit.code)
        units = (await session.scalars(own)).all()
    return render(
        request, "finances/new.html", status=error.status if error else 200, error=error, units=units,
        typed=lambda _, field, stored="": given.text(field) or stored, **WORDS,
    )  # fmt: skip


async def _reach(session: AsyncSession, request: web.Request) -> Reach:
    return await reach_of(session, await who_asks(session, request))


_VIEWS = {
    "open": ("办理中", FinanceNotice.stage != Stage.FILED),
    "filed": ("已建档", FinanceNotice.stage == Stage.FILED),
    "": ("全部", FinanceNotice.id.is_not(None)),
}
TABLE = Table(
    "finances", "财务公开",
    columns=(
        Column("title", "标题", lambda row: row.title, sort=FinanceNotice.title, href=lambda row: f"/finances/{row.id}", long=True),
        Column("unit", "公开单位", lambda row: row.unit.name, sort=Unit.name),
        Column("level", "层面", lambda row: row.village or LEVELS[row.level]),
        Column("period", "公开期间", lambda row: f"{row.first_on:%Y-%m-%d} 至 {row.last_on:%Y-%m-%d}", sort=FinanceNotice.last_on, whole=True),
        Column("stage", "阶段", lambda row: STAGES[row.stage], sort=FinanceNotice.stage, tone=lambda row: "ok" if row.stage == Stage.FILED else "info"),
    ),
    filters=(
        Filter("view", "范围", lambda key: _VIEWS[key][1], {key: label for key, (label, _) in _VIEWS.items()}, kind="tabs", default="open"),
        Filter("q", "标题", lambda text: FinanceNotice.title.contains(text, autoescape=True)),
        Filter("stage", "阶段", lambda key: FinanceNotice.stage == key, STAGES),
        *period("last", "截止", FinanceNotice.last_on),
    ),
    sort="-period", tie=FinanceNotice.id,
)  # fmt: skip


PARTS = (
    routes,
    *(part.routes for part in (units, rectifications, letter_box, prints, feedback, archive, deeds)),
)


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.finances", prefix="finances")
    for part in PARTS:
        part.register(app)
