"""`/reports/scores` (单位考评, M-77): the units by class, each with its visible components; and the weights behind them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports import items
from agent_desktop.reports.ask import periods, question_of, unit_name
from agent_desktop.reports.reach import Reach, own_region, reach_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import InvalidInput, NotFound
from core.people import Role
from core.units import Region
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.scores import sheets, weights
from reports.scores.sheets import CLASSES, NOT_JUDGED, UnitSheet
from reports.scores.weights import STANDARD

routes = Routes()
READERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR})
OFFICE = frozenset({Role.OFFICE})


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


@routes.get("/reports/scores/weights", roles=OFFICE)
async def form(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        region = await own_region(session, await who_asks(session, request))
        today = beijing(request.app[CLOCK].now()).date()
        version = await weights.holding(session, region, today)
        known = await weights.versions(session, region.id)
    return render(
        request, "reports/weights.html", region=region, today=today, known=known,
        fields={BY_KEY[key]: (version.weights if version else STANDARD).get(key, 0) for key in STANDARD}, by_key=BY_KEY,
    )  # fmt: skip


@routes.post("/reports/scores/weights", roles=OFFICE)
async def change(request: web.Request) -> web.StreamResponse:
    """A weight for each indicator's key; from this month on."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        region = await own_region(session, user)
        await weights.change(
            session, request.app[CLOCK], user, region, {key: _weight(form, key) for key in STANDARD}
        )
    return see_other("/reports/scores", flash="权重已保存，自本月起使用，以前各期不变。")


def _by_class(found: list[UnitSheet]) -> list[tuple[str, list[UnitSheet]]]:
    names = [*(name for name, _ in CLASSES), NOT_JUDGED]
    return [(name, [one for one in found if one.class_name == name]) for name in names]


def _used(version: Any) -> dict[str, int]:
    held: Mapping[str, int] = version.weights if version else STANDARD
    return {key: weight for key, weight in held.items() if weight}


async def _region(session: AsyncSession, request: web.Request, reach: Reach, code: str) -> Region:
    """Whose weights hold: the region asked for, else the person's own."""
    if asked := next((one for one in reach.regions.values() if one.code == code), None):
        return asked
    user = await who_asks(session, request)
    own = reach.regions.get(user.region_id or 0) or next(iter(reach.regions.values()), None)
    if own is None:
        raise NotFound
    return own


def _weight(form: Mapping[str, str], key: str) -> int:
    text = form.get(key, "").strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise InvalidInput(field=BY_KEY[key].name, reason=f"请填写 0 到 {weights.MOST} 的整数")
    return int(text)
