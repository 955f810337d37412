"""`/training/new` (登记培训): one course for everybody who was there, written in one go."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.training.reach import KEEPERS, Reach, reach_of
from core.clock import beijing
from core.errors import HotlineError, InvalidInput
from core.people import User
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from reports.training import register
from reports.training.columns import COLUMNS, course_of

routes = Routes()
FIELDS = tuple(column for column in COLUMNS if column.name != "person")
DATES = frozenset({"held_on", "valid_until"})
_BEGINNING = {"result": "passed", "kind": "in_service"}


@routes.get("/training/new", roles=KEEPERS)
async def form(request: web.Request) -> web.StreamResponse:
    today = beijing(request.app[CLOCK].now()).date()
    return await _show(request, {**_BEGINNING, "held_on": str(today)}, frozenset())


@routes.post("/training/new", roles=KEEPERS)
async def create(request: web.Request) -> web.StreamResponse:
    """The course's fields, and `person` (key) as often as there were people; a refusal keeps what was typed."""
    sent = await request.post()
    typed = {name: str(value) for name, value in sent.items() if name != "person"}
    chosen = frozenset(str(value) for value in sent.getall("person", []))
    try:
        async with request.app[DB].unit_of_work() as session:
            reach = await reach_of(request, session)
            people = [one for one in await _people(session, reach) if str(one.id) in chosen]
            number = await _write(request, session, reach, people, typed)
    except HotlineError as error:
        return await _show(request, typed, chosen, error)
    return see_other("/training/records", flash=f"已登记 {number} 人。")


async def _write(
    request: web.Request, session: AsyncSession, reach: Reach, people: list[User], typed: Mapping[str, str]
) -> int:
    course, faults = course_of({**typed, "person": "-"})
    if course is None:
        raise InvalidInput(field="登记内容", reason="；".join(faults))
    lines = [(one, course) for one in people]
    return len(await register.register(session, request.app[CLOCK], reach.user, lines))


async def _people(session: AsyncSession, reach: Reach) -> list[User]:
    return list((await session.scalars(reach.kept_people())).all())


async def _show(
    request: web.Request, typed: Mapping[str, str], chosen: frozenset[str], error: HotlineError | None = None
) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        people = await _people(session, await reach_of(request, session))
    by_unit: dict[str, list[Any]] = {}
    for one in people:
        by_unit.setdefault(one.unit.name if one.unit else "未归属单位", []).append(one)
    return render(
        request, "training/new.html", status=error.status if error else 200, fields=FIELDS, dates=DATES, typed=typed,
        chosen=chosen, by_unit=by_unit, error=error.message if error else "",
    )  # fmt: skip
