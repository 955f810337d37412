"""One's own account (我的账号): who I am here, and a new password."""

import asyncio

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.accounts import ROLE_NAMES, By, find_user, set_password
from core.errors import HotlineError, InvalidInput
from core.people import password_matches
from core.web.keys import CLOCK, DB, SESSION_ID, person
from core.web.pages import render, see_other
from core.web.requests import source_of
from core.web.routes import SIGNED_IN, Routes

routes = Routes()


@routes.get("/account", roles=SIGNED_IN)
async def account(request: web.Request) -> web.StreamResponse:
    return await _page(request, "")


@routes.post("/account/password", roles=SIGNED_IN)
async def change_password(request: web.Request) -> web.StreamResponse:
    """A new password ends every other sign-in of the person."""
    form = await request.post()
    try:
        async with request.app[DB].unit_of_work() as session:
            await _change(request, session, *(str(form.get(n, "")) for n in ("old", "new", "again")))
    except HotlineError as error:
        return await _page(request, error.message, status=error.status)
    return see_other("/account", flash="密码已修改，其他地方的登录已退出。")


async def _change(request: web.Request, session: AsyncSession, old: str, new: str, again: str) -> None:
    clock, me = request.app[CLOCK], person(request)
    user = await find_user(session, me.username)
    if not await asyncio.to_thread(password_matches, user, old):
        raise InvalidInput(field="原密码", reason="不正确，请重新输入")
    if new != again:
        raise InvalidInput(field="新密码", reason="两次输入不一致，请重新输入")
    by = By(me.username, source_of(request))
    await set_password(session, clock, by, user, new, kept_session_id=request[SESSION_ID])


async def _page(request: web.Request, error: str, status: int = 200) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await find_user(session, person(request).username)
    return render(request, "account.html", status=status, account=user, error=error, role_names=ROLE_NAMES)
