"""The tabs of `/admin` (分页): those that the signed-in person may open."""

from typing import Any

from aiohttp import web

from core.web.keys import USER
from core.web.routes import declared, may

LABELS = {
    "/admin": "人员账号",
    "/admin/directory/unit": "机构目录",
    "/admin/readiness": "就绪检查",
    "/admin/import": "导入",
    "/admin/calendar": "工作日历",
    "/admin/prompts": "提示音",
    "/admin/history": "变更记录",
    "/admin/channels": "渠道密钥",
    "/admin/webhooks": "回调通知",
    "/admin/roles": "角色权限",
    "/admin/audit": "审计校验",
    "/admin/reconciliation": "每日对账",
}


def with_tabs(request: web.Request, **context: Any) -> dict[str, Any]:
    """A page's context with its tabs: (address, label, is this one)."""
    mine = {item.path for item in declared(request.app) if may(item.roles, request[USER])}
    open_ones = [to for to in LABELS if to in mine or to == "/admin/directory/unit"]
    current = max((to for to in open_ones if _is_within(request.path, to)), key=len, default="/admin")
    return context | {"tabs": [(to, LABELS[to], to == current) for to in open_ones]}


def _is_within(path: str, tab: str) -> bool:
    folder = "/admin/directory" if tab.startswith("/admin/directory") else tab
    return path == tab or (folder != "/admin" and path.startswith(folder + "/"))
