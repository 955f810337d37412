"""`/inspect/audit` (审计日志, M-91, §5.9): inspectors read it; the administrator can only verify it."""

from aiohttp import web
from sqlalchemy import select

from agent_desktop.inspect.audit_words import ACTIONS, ACTORS
from core.accounts import ROLE_NAMES
from core.audit import AuditRow
from core.clock import beijing
from core.people import Role
from core.web.lists import Column, Filter, Table, period, serve_list
from core.web.routes import Routes

routes = Routes()
AUDIT = Table(
    "audit", "审计日志",
    columns=(
        Column("at", "时间", lambda row: f"{beijing(row.at):%Y-%m-%d %H:%M:%S}", sort=AuditRow.at, whole=True),
        Column("actor", "账号", lambda row: ACTORS.get(row.actor, row.actor), sort=AuditRow.actor),
        Column("role", "角色", lambda row: "、".join(ROLE_NAMES.get(role, role) for role in row.role.split("、"))),
        Column("action", "操作", lambda row: ACTIONS.get(row.action, row.action), sort=AuditRow.action),
        Column("target", "对象", lambda row: row.target, sort=AuditRow.target),
        Column("reason", "说明", lambda row: row.reason),
        Column("source", "来源地址", lambda row: row.source),
    ),
    filters=(
        Filter("actor", "账号", lambda text: AuditRow.actor == text),
        Filter("action", "操作", lambda key: AuditRow.action == key, ACTIONS),
        Filter("target", "对象", lambda text: AuditRow.target.endswith(text, autoescape=True)),
        *period("at", "时间", AuditRow.at),
    ),
    sort="-at", tie=AuditRow.id,
)  # fmt: skip


@routes.get("/inspect/audit", roles=(Role.INSPECTOR,), nav="审计日志")
async def page(request: web.Request) -> web.StreamResponse:
    return await serve_list(request, AUDIT, select(AuditRow), "inspect/audit.html")
