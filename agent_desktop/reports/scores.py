"""`/reports/scores` (单位考评, M-77) and `/reports/scores/clerks` (窗口人员考评, M-124): sheets by class, and the weights behind them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports import items
from agent_desktop.reports.ask import periods, question_of, unit_name
from agent_desktop.reports.reach import Reach, own_region, reach_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import InvalidInput
from core.people import Role
from core.units import Region
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.lists import export_answer
from core.web.numbers import whole_number
from core.web.routes import Routes
from reports.counting import figures
from reports.counting.figures import DENOMINATOR, NUMERATOR
from reports.counting.indicators import BY_KEY
from reports.scores import clerks, sheets, weights
from reports.scores.clerks import ClerkSheet
from reports.scores.models import Judged
from reports.scores.sheets import CLASSES, NOT_JUDGED, UnitSheet
from reports.scores.weights import STANDARD, STANDARDS

routes = Routes()
Sheet = TypeVar("Sheet", UnitSheet, ClerkSheet)
READERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR})
CLERKS_READERS = (READERS - {Role.LIAISON}) | {Role.WINDOW}
OFFICE = frozenset({Role.OFFICE})
PAGES = {Judged.UNIT: "/reports/scores", Judged.CLERK: "/reports/scores/clerks"}
WEIGHT_DIGITS = 3


@routes.get("/reports/scores", roles=READERS, nav="单位考评")
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        region = await _region(session, request, reach, asked.fields["region"])
        version = await weights.holding(session, region, asked.last)
        found = await sheets.of_slice(session, asked.of, version.weights if version else STANDARD)
    return render(
        request, "reports/scores.html", asked=asked, reach=reach, region=region, version=version,
        classes=_by_class(found), weights={BY_KEY[key]: weight for key, weight in _used(version).items()},
        points=sheets.points_text, number=figures.number_text, link=items.link_to, unit_name=unit_name,
        periods=periods(beijing(request.app[CLOCK].now()).date()),
    )  # fmt: skip


@routes.get("/reports/scores/clerks", roles=CLERKS_READERS, nav="窗口人员")
async def clerks_page(request: web.Request) -> web.StreamResponse:
    """A clerk sees the own sheet, a head the unit's, the offices their level's."""
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        region = await _region(session, request, reach, asked.fields["region"])
        version = await weights.holding(session, region, asked.last, Judged.CLERK)
        held = version.weights if version else STANDARDS[Judged.CLERK]
        found = await clerks.of_slice(session, asked.of, held)
    if kind := request.query.get("export", ""):
        return await export_answer(request, "clerk-scores", "窗口人员考评", _sheet(found), kind)
    return render(
        request, "reports/clerks.html", asked=asked, reach=reach, region=region, version=version,
        classes=_by_class(found), indicators=clerks.OF_CLERKS, weights=held, points=sheets.points_text,
        number=figures.number_text, link=items.link_to, unit_name=unit_name,
        periods=periods(beijing(request.app[CLOCK].now()).date()),
    )  # fmt: skip


@routes.get("/reports/scores/weights", roles=OFFICE)
async def form(request: web.Request) -> web.StreamResponse:
    """`judged=clerk` for those of the window clerks' sheets."""
    judged = _judged(request.query.get("judged", Judged.UNIT))
    async with request.app[DB].reading() as session:
        region = await own_region(session, await who_asks(session, request))
        today = beijing(request.app[CLOCK].now()).date()
        version = await weights.holding(session, region, today, judged)
        known = await weights.versions(session, region.id, judged)
    held = version.weights if version else STANDARDS[judged]
    return render(
        request, "reports/weights.html", region=region, today=today, known=known, judged=judged, back=PAGES[judged],
        fields={key: held.get(key, 0) for key in STANDARDS[judged]}, names=weights.NAMES, less=weights.LESS_IS_BETTER,
    )  # fmt: skip


@routes.post("/reports/scores/weights", roles=OFFICE)
async def change(request: web.Request) -> web.StreamResponse:
    """A weight for each component's key; from this month on."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    judged = _judged(form.get("judged", Judged.UNIT))
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        region = await own_region(session, user)
        wanted = {key: _weight(form, key) for key in STANDARDS[judged]}
        await weights.change(session, request.app[CLOCK], user, region, wanted, judged)
    return see_other(PAGES[judged], flash="权重已保存，自本月起使用，以前各期不变。")


def _judged(text: str) -> Judged:
    if text not in set(Judged):
        raise InvalidInput(field="考评对象", reason="请选择单位或窗口人员")
    return Judged(text)


def _by_class(found: Sequence[Sheet]) -> list[tuple[str, list[Sheet]]]:
    names = [*(name for name, _ in CLASSES), NOT_JUDGED]
    return [(name, [one for one in found if one.class_name == name]) for name in names]


def _sheet(found: Sequence[ClerkSheet]) -> list[list[str]]:
    """Each component with its points, numerator and denominator."""
    shown = [part.figure.indicator for part in found[0].components] if found else []
    head = ["单位", "姓名", "用户名", "档次", "总分", "受理件数"]
    for one in shown:
        head += [one.name, "得分", "分子", "分母"]
    return [
        [*head, "应具备培训", "有效培训", "缺少的培训"],
        *(
            [one.unit.name if one.unit else "", one.user.display_name, one.user.username, one.class_name,
             sheets.points_text(one.total), str(one.taken.denominator),
             *(text for part in one.components for text in
               (part.figure.text, sheets.points_text(part.points),
                figures.number_text(part.figure, NUMERATOR), figures.number_text(part.figure, DENOMINATOR))),
             str(one.trained.share.needed), str(one.trained.share.valid), "、".join(one.trained.lacking)]
            for one in found
        ),
    ]  # fmt: skip


def _used(version: Any) -> dict[str, int]:
    held: Mapping[str, int] = version.weights if version else STANDARD
    return {key: weight for key, weight in held.items() if weight}


async def _region(session: AsyncSession, request: web.Request, reach: Reach, code: str) -> Region:
    """Whose weights hold: the region asked for, else the person's own."""
    if asked := next((one for one in reach.regions.values() if one.code == code), None):
        return asked
    user = await who_asks(session, request)
    own = reach.regions.get(user.region_id or 0) or next(iter(reach.regions.values()), None)
    return own or await own_region(session, user)


def _weight(form: Mapping[str, str], key: str) -> int:
    weight = whole_number(form.get(key, "").strip() or "0", WEIGHT_DIGITS)
    if weight is None:
        raise InvalidInput(field=weights.NAMES[key], reason=f"请填写 0 到 {weights.MOST} 的整数")
    return weight
