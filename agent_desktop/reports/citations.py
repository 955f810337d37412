"""`/reports/citations` (表扬和通报批评, M-78): lists of one's level, drafted and signed by the office, cosigned by 监察."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.reports.reach import LEVELS, own_region, reach_of
from agent_desktop.reports.steps import Steps, take_step
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import InvalidInput
from core.people import Role, User
from core.units import Region
from core.web.app import render, see_other
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Table, serve_list
from core.web.routes import Routes
from reports.models import CitationList, PeriodKind
from reports.signed import citations, classes
from reports.signed.periods import just_ended, period

routes = Routes()
OFFICE = frozenset({Role.OFFICE})
SIGNERS = frozenset({Role.OFFICE, Role.INSPECTOR})
KINDS = {PeriodKind.MONTH: "月", PeriodKind.QUARTER: "季", PeriodKind.HALF: "半年", PeriodKind.YEAR: "年"}
TONES = {"draft": "", "signed": "info", "cosigned": "info", "published": "ok"}


@routes.get("/reports/citations", roles=LEVELS, nav="表扬通报")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        user = await who_asks(session, request)
    query = (
        select(CitationList).join(Region, Region.id == CitationList.region_id)
        .where(CitationList.region_id.in_(reach.regions)).options(selectinload(CitationList.region))
    )  # fmt: skip
    today = beijing(request.app[CLOCK].now()).date()
    return await serve_list(
        request, TABLE, query, "reports/citations.html", may_draft=Role.OFFICE in user.roles, kinds=KINDS,
        last=just_ended(today)[0].first,
    )  # fmt: skip


@routes.post("/reports/citations", roles=OFFICE)
async def draft(request: web.Request) -> web.StreamResponse:
    """The list of one's own region for the period of `kind` that holds `day`."""
    form = await request.post()
    kind = str(form.get("kind", ""))
    if kind not in set(PeriodKind):
        raise InvalidInput(field="报告期", reason="请从列表中选择")
    wanted = period(PeriodKind(kind), read_day(str(form.get("day", "")), "日期"))
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        region = await own_region(session, user)
        made = await citations.draft(session, request.app[CLOCK], user, region, wanted)
        number = made.id
    return see_other(f"/reports/citations/{number}", flash="名单已起草，请核对后签发。")


@routes.get("/reports/citations/{id:[0-9]{1,9}}", roles=LEVELS)
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        one = await _found(request, session)
        user = await who_asks(session, request)
        people = select(User.id, User.display_name).where(
            User.id.in_({one.signer_id, one.cosigner_id} - {None})
        )
        names = {key: name for key, name in await session.execute(people)}  # noqa: C416 (types)
    return render(
        request, "reports/citation.html", one=one, period=citations.period_of(one), names=names,
        state=citations.STATES[citations.state_of(one)], may=_may(one, user),
    )  # fmt: skip


@routes.post("/reports/citations/{id:[0-9]{1,9}}/{step}", roles=SIGNERS)
async def step(request: web.Request) -> web.StreamResponse:
    """One step of the list's way; whose it is depends on the step."""
    return await take_step(request, STEPS, _found, _whose)


STEPS: Steps[CitationList] = {
    "reckon": (citations.reckon_anew, "已按现在的数据重新计算。"),
    "sign": (citations.sign, "已签发，等待监察机关会签。"),
    "cosign": (citations.cosign, "已会签，可以公布。"),
    "publish": (citations.publish, "名单已公布。"),
}
_AT = {"reckon": "draft", "sign": "draft", "cosign": "signed", "publish": "cosigned"}
"""The state in which each step is next."""


async def _found(request: web.Request, session: AsyncSession) -> CitationList:
    reach = await reach_of(request, session)
    return await citations.find(session, int(request.match_info["id"]), frozenset(reach.regions))


def _whose(one: CitationList, user: User) -> dict[str, bool]:
    """The office's and the inspectors' own level only."""
    is_own = user.region_id == one.region_id
    office, inspector = is_own and Role.OFFICE in user.roles, is_own and Role.INSPECTOR in user.roles
    return {"reckon": office, "sign": office, "cosign": inspector, "publish": office}


def _may(one: CitationList, user: User) -> dict[str, bool]:
    state = citations.state_of(one)
    return {name: allowed and _AT[name] == state for name, allowed in _whose(one, user).items()}


TABLE = Table(
    "citations", "表扬和通报批评",
    columns=(
        Column("period", "报告期", lambda one: citations.period_of(one).name, sort=CitationList.first_on,
               href=lambda one: f"/reports/citations/{one.id}"),
        Column("region", "地区", lambda one: one.region.name, sort=Region.code),
        Column("praise", "表扬", lambda one: str(classes.named(one.content, praise=True)), number=True),
        Column("criticism", "通报批评", lambda one: str(classes.named(one.content, praise=False)), number=True),
        Column("state", "状态", lambda one: citations.STATES[citations.state_of(one)],
               tone=lambda one: TONES[citations.state_of(one)]),
    ),
    filters=(Filter("kind", "报告期", lambda key: CitationList.kind == key, {str(key): text for key, text in KINDS.items()}),),
    sort="-period", tie=CitationList.id,
)  # fmt: skip
