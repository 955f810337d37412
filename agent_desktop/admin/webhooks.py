"""Callbacks of the channels (回调地址) and the messages that were given up (死信), for the administrator."""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.admin.acting import shown_once
from agent_desktop.admin.people import tokens_of
from agent_desktop.admin.tabs import with_tabs
from core import audit
from core.errors import HotlineError
from core.people import Role
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.numbers import whole_number
from core.web.requests import source_of
from core.web.routes import Routes
from tickets.webhooks import keeping

routes = Routes()
ADMINS = {Role.ADMIN}


@routes.get("/admin/webhooks", roles=ADMINS)
async def page(request: web.Request) -> web.StreamResponse:
    return await _page(request)


@routes.post("/admin/webhooks", roles=ADMINS)
async def add(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    key, url = str(form.get("token", "")), str(form.get("url", ""))
    try:
        async with request.app[DB].unit_of_work() as session:
            hook = await keeping.add(session, request.app[CLOCK], token_id=whole_number(key) or 0, url=url)
            secret = keeping.secret_of(session, hook)
            await _audit(request, session, "webhook.add", url)
    except HotlineError as error:
        return await _page(request, error=error, url=url)
    return shown_once(request, "签名密钥", url, secret, "/admin/webhooks")


@routes.post("/admin/webhooks/{webhook_id:[0-9]{1,9}}/end", roles=ADMINS)
async def end(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        await keeping.end(session, request.app[CLOCK], int(request.match_info["webhook_id"]))
        await _audit(request, session, "webhook.end", request.match_info["webhook_id"])
    return see_other("/admin/webhooks", flash="已停用，不再向该地址发送。")


@routes.post("/admin/webhooks/letters/{delivery_id:[0-9]{1,9}}/retry", roles=ADMINS)
async def retry(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        await keeping.revive(session, request.app[CLOCK], int(request.match_info["delivery_id"]))
        await _audit(request, session, "webhook.retry", request.match_info["delivery_id"])
    return see_other("/admin/webhooks", flash="将重新发送。")


async def _page(request: web.Request, error: HotlineError | None = None, url: str = "") -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        keys = [token for token in await tokens_of(session, None) if token.revoked_at is None]
        hooks, dead = await keeping.listing(session), await keeping.dead_letters(session)
    context = with_tabs(request, keys=keys, hooks=hooks, dead=dead, error=error, url=url)
    return render(request, "admin/webhooks.html", status=error.status if error else 200, **context)


async def _audit(request: web.Request, session: AsyncSession, action: str, target: str) -> None:
    await audit.record(
        session, request.app[CLOCK], actor=person(request).username, action=action, target=target[:80],
        source=source_of(request),
    )  # fmt: skip
