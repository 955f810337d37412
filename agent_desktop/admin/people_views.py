"""Accounts (人员账号, M-90): each keeper within reach, the administrator all; an account out of reach does not exist."""

from dataclasses import replace

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.admin.acting import acting, shown_once
from agent_desktop.admin.forms import EMPTY, AccountForm, details, form_of, form_sent, roles
from agent_desktop.admin.people import accounts_within, regions_within, table, tokens_of, units_within
from agent_desktop.admin.reach import KEEPERS, Reach, reach_of
from agent_desktop.admin.tabs import with_tabs
from agent_desktop.supervise.alarms import alarms_for
from core import accounts
from core.accounts import ROLE_NAMES, Details, find_user
from core.errors import HotlineError, InvalidInput, NotFound
from core.languages import LANGUAGES
from core.people import Role, User
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.lists import serve_list
from core.web.routes import Routes

routes = Routes()


@routes.get("/admin", roles=KEEPERS, nav="系统管理")
async def people(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        alarms = await alarms_for(request, session)
    listed = table(request.app[CLOCK].now())
    return await serve_list(
        request, listed, accounts_within(reach), "admin/people.html", **with_tabs(request, alarms=alarms)
    )


@routes.get("/admin/people/new", roles=KEEPERS)
async def new_person(request: web.Request) -> web.StreamResponse:
    return await _form_page(request, None, EMPTY)


@routes.post("/admin/people", roles=KEEPERS)
async def create(request: web.Request) -> web.StreamResponse:
    """A new account with a first password, shown this once."""
    form, password = await request.post(), accounts.fresh_password()
    username = str(form.get("username", "")).strip()
    try:
        async with request.app[DB].unit_of_work() as session:
            reach = await reach_of(request, session)
            wanted = _given_roles(reach, roles(form))
            about = await _placed(session, reach, details(form))
            user = await accounts.create_user(
                session, request.app[CLOCK], acting(request),
                username=username, password=password, details=about, roles=wanted,
            )  # fmt: skip
    except HotlineError as error:
        return await _form_page(request, None, form_sent(form, error.message), status=error.status)
    return shown_once(request, "初始密码", user.display_name, password, _path(user))


@routes.get("/admin/people/{username}", roles=KEEPERS)
async def show_person(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await _within(request, session)
    return await _form_page(request, user, form_of(user))


@routes.post("/admin/people/{username}", roles=KEEPERS)
async def change(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    try:
        async with request.app[DB].unit_of_work() as session:
            user, reach = await _within(request, session), await reach_of(request, session)
            clock, by = request.app[CLOCK], acting(request)
            wanted = _given_roles(reach, roles(form))
            about = await _placed(session, reach, details(form))
            await accounts.change_user(session, clock, by, user, details=about, roles=wanted)
    except NotFound:
        raise
    except HotlineError as error:
        async with request.app[DB].reading() as session:
            user = await _within(request, session)
        return await _form_page(request, user, form_sent(form, error.message), status=error.status)
    return see_other(_path(user), flash="账号已保存。")


@routes.post("/admin/people/{username}/password", roles=KEEPERS)
async def reset_password(request: web.Request) -> web.StreamResponse:
    password = accounts.fresh_password()
    async with request.app[DB].unit_of_work() as session:
        user = await _within(request, session)
        await accounts.set_password(session, request.app[CLOCK], acting(request), user, password)
    return shown_once(request, "新密码", user.display_name, password, _path(user))


@routes.post("/admin/people/{username}/unlock", roles=KEEPERS)
async def unlock(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        user = await _within(request, session)
        await accounts.unlock(session, request.app[CLOCK], acting(request), user)
    return see_other(_path(user), flash="账号已解锁。")


@routes.post("/admin/people/{username}/active", roles=KEEPERS)
async def set_active(request: web.Request) -> web.StreamResponse:
    active = (await request.post()).get("active") == "yes"
    async with request.app[DB].unit_of_work() as session:
        user = await _within(request, session)
        await accounts.set_active(session, request.app[CLOCK], acting(request), user, active=active)
    return see_other(_path(user), flash="账号已启用。" if active else "账号已停用，其登录和密钥已失效。")


@routes.post("/admin/people/{username}/tokens", roles=KEEPERS)
async def issue_token(request: web.Request) -> web.StreamResponse:
    name = str((await request.post()).get("name", ""))
    async with request.app[DB].unit_of_work() as session:
        user = await _within(request, session)
        token = await accounts.issue_token(session, request.app[CLOCK], acting(request), name=name, user=user)
    return shown_once(request, "接口密钥", user.display_name, token, _path(user))


@routes.post("/admin/tokens/{token_id:[0-9]{1,9}}/revoke", roles=KEEPERS)
async def revoke(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        reach = await reach_of(request, session)
        row = await accounts.revoke_token(
            session, request.app[CLOCK], acting(request), int(request.match_info["token_id"])
        )
        user = await session.scalar(accounts_within(reach).where(User.id == row.user_id))
        if user is None and (row.user_id or Role.ADMIN not in reach.roles):
            raise NotFound
    return see_other(_path(user) if user else "/admin/channels", flash="密钥已停用。")


async def _within(request: web.Request, session: AsyncSession) -> User:
    """The account of the address; raises NotFound when it is out of the keeper's reach."""
    reach = await reach_of(request, session)
    user = await find_user(session, request.match_info["username"])
    if await session.scalar(accounts_within(reach).where(User.id == user.id)) is None:
        raise NotFound
    return user


def _given_roles(reach: Reach, wanted: frozenset[Role]) -> frozenset[Role]:
    if beyond := sorted(wanted - reach.gives):
        raise InvalidInput(field="角色", reason=f"您不能授予“{ROLE_NAMES[beyond[0]]}”，请联系系统管理员")
    return wanted


async def _placed(session: AsyncSession, reach: Reach, about: Details) -> Details:
    """The details with a unit and region within reach; raises InvalidInput for others."""
    if Role.ADMIN in reach.roles:
        return about
    units = {unit.id: unit for group in (await units_within(session, reach)).values() for unit in group}
    if about.unit_id not in units:
        raise InvalidInput(field="单位", reason="请从列表中选择")
    return replace(about, region_id=units[about.unit_id].region_id)


async def _form_page(
    request: web.Request, user: User | None, form: AccountForm, status: int = 200
) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        context = with_tabs(
            request,
            account=user,
            form=form,
            tokens=await tokens_of(session, user.id) if user else [],
            languages=LANGUAGES,
            role_names={role: ROLE_NAMES[role] for role in Role if role in reach.gives},
            now=request.app[CLOCK].now(),
            units=await units_within(session, reach),
            regions=await regions_within(session, reach),
        )
    return render(request, "admin/person.html", status=status, **context)


def _path(user: User) -> str:
    return f"/admin/people/{user.username}"
