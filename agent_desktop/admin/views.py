"""Administration (系统管理): accounts, roles, keys; the administrator sees no content (§5.9)."""

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.admin.forms import EMPTY, AccountForm, details, form_of, form_sent, roles
from agent_desktop.admin.people import Wanted, all_regions, all_units, find_people, tokens_of
from core import accounts, audit
from core.accounts import ROLE_NAMES, By, find_user
from core.errors import HotlineError, InvalidInput, NotFound
from core.people import Role, User
from core.web.api import query_int
from core.web.app import add_room, render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.requests import source_of
from core.web.routes import Audience, Routes, declared

routes = Routes()
ADMINS = {Role.ADMIN}
CHANNELS = {"web": "网站", "window": "服务窗口", "library": "图书馆", "archive": "档案馆", "kiosk": "触摸屏"}
_SHOWN_ONCE = "admin/secret.html"


@routes.get("/admin", roles=ADMINS, nav="系统管理")
async def people(request: web.Request) -> web.StreamResponse:
    query = request.query
    wanted = Wanted(
        text=query.get("q", "").strip()[:40],
        role=Role(query["role"]) if query.get("role") in set(Role) else None,
        state=query["state"] if query.get("state") in {"active", "disabled"} else "",
        sort=query.get("sort", "username"),
        page=query_int(request, "page", 1, least=1, most=100_000),
    )
    async with request.app[DB].reading() as session:
        found = await find_people(session, wanted)
    return render(
        request,
        "admin/people.html",
        found=found,
        wanted=wanted,
        role_names=ROLE_NAMES,
        now=request.app[CLOCK].now(),
    )


@routes.get("/admin/people/new", roles=ADMINS)
async def new_person(request: web.Request) -> web.StreamResponse:
    return await _form_page(request, None, EMPTY)


@routes.post("/admin/people", roles=ADMINS)
async def create(request: web.Request) -> web.StreamResponse:
    """A new account with a first password, shown this once."""
    form, password = await request.post(), accounts.fresh_password()
    username = str(form.get("username", "")).strip()
    try:
        async with request.app[DB].unit_of_work() as session:
            user = await accounts.create_user(
                session,
                request.app[CLOCK],
                _by(request),
                username=username,
                password=password,
                details=details(form),
                roles=roles(form),
            )
    except HotlineError as error:
        return await _form_page(request, None, form_sent(form, error.message), status=error.status)
    return render(
        request, _SHOWN_ONCE, what="初始密码", whose=user.display_name, secret=password, back=_path(user)
    )


@routes.get("/admin/people/{username}", roles=ADMINS)
async def show_person(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await find_user(session, request.match_info["username"])
    return await _form_page(request, user, form_of(user))


@routes.post("/admin/people/{username}", roles=ADMINS)
async def change(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    try:
        async with request.app[DB].unit_of_work() as session:
            user = await find_user(session, request.match_info["username"])
            clock, by = request.app[CLOCK], _by(request)
            await accounts.change_user(session, clock, by, user, details=details(form), roles=roles(form))
    except NotFound:
        raise
    except HotlineError as error:
        async with request.app[DB].reading() as session:
            user = await find_user(session, request.match_info["username"])
        return await _form_page(request, user, form_sent(form, error.message), status=error.status)
    return see_other(_path(user), flash="账号已保存。")


@routes.post("/admin/people/{username}/password", roles=ADMINS)
async def reset_password(request: web.Request) -> web.StreamResponse:
    password = accounts.fresh_password()
    async with request.app[DB].unit_of_work() as session:
        user = await find_user(session, request.match_info["username"])
        await accounts.set_password(session, request.app[CLOCK], _by(request), user, password)
    return render(
        request, _SHOWN_ONCE, what="新密码", whose=user.display_name, secret=password, back=_path(user)
    )


@routes.post("/admin/people/{username}/unlock", roles=ADMINS)
async def unlock(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        user = await find_user(session, request.match_info["username"])
        await accounts.unlock(session, request.app[CLOCK], _by(request), user)
    return see_other(_path(user), flash="账号已解锁。")


@routes.post("/admin/people/{username}/active", roles=ADMINS)
async def set_active(request: web.Request) -> web.StreamResponse:
    active = (await request.post()).get("active") == "yes"
    async with request.app[DB].unit_of_work() as session:
        user = await find_user(session, request.match_info["username"])
        await accounts.set_active(session, request.app[CLOCK], _by(request), user, active=active)
    return see_other(_path(user), flash="账号已启用。" if active else "账号已停用，其登录和密钥已失效。")


@routes.post("/admin/people/{username}/tokens", roles=ADMINS)
async def issue_token(request: web.Request) -> web.StreamResponse:
    name = str((await request.post()).get("name", ""))
    async with request.app[DB].unit_of_work() as session:
        user = await find_user(session, request.match_info["username"])
        token = await accounts.issue_token(session, request.app[CLOCK], _by(request), name=name, user=user)
    return render(
        request, _SHOWN_ONCE, what="接口密钥", whose=user.display_name, secret=token, back=_path(user)
    )


@routes.get("/admin/channels", roles=ADMINS)
async def channels(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        tokens = await tokens_of(session, None)
    return render(request, "admin/channels.html", tokens=tokens, channels=CHANNELS)


@routes.post("/admin/channels", roles=ADMINS)
async def issue_key(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    channel = str(form.get("channel", ""))
    if channel not in CHANNELS:
        raise InvalidInput(field="渠道", reason="请从列表中选择")
    async with request.app[DB].unit_of_work() as session:
        key = await accounts.issue_token(
            session, request.app[CLOCK], _by(request), name=str(form.get("name", "")), channel=channel
        )
    return render(
        request, _SHOWN_ONCE, what="渠道密钥", whose=CHANNELS[channel], secret=key, back="/admin/channels"
    )


@routes.post("/admin/tokens/{token_id:[0-9]{1,9}}/revoke", roles=ADMINS)
async def revoke(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        row = await accounts.revoke_token(
            session, request.app[CLOCK], _by(request), int(request.match_info["token_id"])
        )
        user = await session.get(User, row.user_id) if row.user_id else None
    return see_other(_path(user) if user else "/admin/channels", flash="密钥已停用。")


@routes.get("/admin/roles", roles=ADMINS)
async def role_table(request: web.Request) -> web.StreamResponse:
    """Which role may open what, read from the routes themselves."""
    items = [item for item in declared(request.app) if not isinstance(item.roles, Audience)]
    return render(request, "admin/roles.html", items=items, role_names=ROLE_NAMES)


@routes.get("/admin/audit", roles=ADMINS)
async def audit_page(request: web.Request) -> web.StreamResponse:
    return render(request, "admin/audit.html", checked=False, broken=None)


@routes.post("/admin/audit", roles=ADMINS)
async def verify_audit(request: web.Request) -> web.StreamResponse:
    """The administrator verifies the log and cannot read it (§5.9 audit log: verify only)."""
    async with request.app[DB].reading() as session:
        broken = await audit.verify(session)
    return render(request, "admin/audit.html", checked=True, broken=broken)


async def _form_page(
    request: web.Request, user: User | None, form: AccountForm, status: int = 200
) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        choices = await _choices(session)
        tokens = await tokens_of(session, user.id) if user else []
    return render(
        request,
        "admin/person.html",
        status=status,
        account=user,
        form=form,
        tokens=tokens,
        role_names=ROLE_NAMES,
        now=request.app[CLOCK].now(),
        **choices,
    )


async def _choices(session: AsyncSession) -> dict[str, Any]:
    return {"units": await all_units(session), "regions": await all_regions(session)}


def _by(request: web.Request) -> By:
    return By(person(request).username, source_of(request), Role.ADMIN)


def _path(user: User) -> str:
    return f"/admin/people/{user.username}"


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.admin", prefix="admin")
    routes.register(app)
