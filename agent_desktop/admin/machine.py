"""Keys of other channels, the table of roles, the check of the audit log: the administrator's alone (§5.9)."""

from aiohttp import web

from agent_desktop.admin.acting import acting, shown_once
from agent_desktop.admin.people import tokens_of
from agent_desktop.admin.tabs import with_tabs
from core import accounts, audit
from core.accounts import ROLE_NAMES
from core.errors import InvalidInput
from core.people import Role
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import Audience, Routes, declared

routes = Routes()
CHANNELS = {"web": "网站", "window": "服务窗口", "library": "图书馆", "archive": "档案馆", "kiosk": "触摸屏"}


@routes.get("/admin/channels", roles={Role.ADMIN})
async def channels(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        tokens = await tokens_of(session, None)
    return render(request, "admin/channels.html", **with_tabs(request, tokens=tokens, channels=CHANNELS))


@routes.post("/admin/channels", roles={Role.ADMIN})
async def issue_key(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    channel = str(form.get("channel", ""))
    if channel not in CHANNELS:
        raise InvalidInput(field="渠道", reason="请从列表中选择")
    async with request.app[DB].unit_of_work() as session:
        key = await accounts.issue_token(
            session, request.app[CLOCK], acting(request), name=str(form.get("name", "")), channel=channel
        )
    return shown_once(request, "渠道密钥", CHANNELS[channel], key, "/admin/channels")


@routes.get("/admin/roles", roles={Role.ADMIN})
async def role_table(request: web.Request) -> web.StreamResponse:
    """Which role may open what, read from the routes themselves."""
    items = [item for item in declared(request.app) if not isinstance(item.roles, Audience)]
    return render(request, "admin/roles.html", **with_tabs(request, items=items, role_names=ROLE_NAMES))


@routes.get("/admin/audit", roles={Role.ADMIN})
async def audit_page(request: web.Request) -> web.StreamResponse:
    return render(request, "admin/audit.html", **with_tabs(request, checked=False, broken=None))


@routes.post("/admin/audit", roles={Role.ADMIN})
async def verify_audit(request: web.Request) -> web.StreamResponse:
    """The administrator verifies the log and cannot read it (§5.9 audit log: verify only)."""
    async with request.app[DB].reading() as session:
        broken = await audit.verify(session)
    return render(request, "admin/audit.html", **with_tabs(request, checked=True, broken=broken))
