"""`/supervise/phrases` (规范用语, M-26): what the desks show by the state of the call, changed here and seen there at once."""

from aiohttp import web

from agent_desktop.desk import phrases
from core import audit
from core.errors import InvalidInput
from core.people import Role
from core.web.keys import CLOCK, DB, person
from core.web.pages import render, see_other
from core.web.requests import source_of
from core.web.routes import Routes

routes = Routes()
PAGE = "/supervise/phrases"
EDITORS = frozenset({Role.SUPERVISOR})


@routes.get(PAGE, roles=EDITORS, nav="规范用语")
async def listing(request: web.Request) -> web.StreamResponse:
    return await _page(request)


@routes.post(PAGE, roles=EDITORS)
async def save(request: web.Request) -> web.StreamResponse:
    """`situation` and its `phrases`, one a line; `reset`: as shipped again."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    situation, text = form.get("situation", ""), form.get("phrases", "")
    try:
        async with request.app[DB].unit_of_work() as session:
            changed = await phrases.change(session, situation, None if "reset" in form else text)
            await audit.record(
                session, request.app[CLOCK], actor=person(request).username, action="phrases.change",
                target=f"phrases:{changed.id}", reason="\n".join(changed.phrases),
                source=source_of(request),
            )  # fmt: skip
    except InvalidInput as error:
        return await _page(request, error, {situation: text})
    return see_other(PAGE, flash=f"“{changed.title}”已保存，话务台随即更新。")


async def _page(
    request: web.Request, error: InvalidInput | None = None, typed: dict[str, str] | None = None
) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        situations = await phrases.current(session)
    changed = {now.id for now, shipped in zip(situations, phrases.load(), strict=True) if now != shipped}
    return render(
        request, "supervise/phrases.html", status=error.status if error else 200, error=error,
        situations=situations, changed=changed, typed=typed or {}, longest=phrases.MOST * (phrases.LONGEST + 2),
    )  # fmt: skip
