"""`/inspect/audit` (审计日志, M-91, §5.9): inspectors read it; the administrator can only verify it."""

from aiohttp import web
from sqlalchemy import select

from core.accounts import ROLE_NAMES
from core.audit import AuditRow
from core.clock import beijing
from core.people import Role
from core.web.lists import Column, Filter, Table, period, serve_list
from core.web.routes import Routes

routes = Routes()
ACTIONS = {
    "login": "登录",
    "login.failed": "登录失败",
    "login.locked": "登录锁定",
    "logout": "退出",
    "number.reveal": "查看完整号码",
    "code.lookup": "按号码查工单",
    "code.alarm": "查询码试猜告警",
    "recording.play": "听录音",
    "recording.download": "下载录音",
    "recording.hold": "录音设为保留",
    "recording.release": "录音取消保留",
    "recording.purge": "清除录音",
    "calls.export": "导出通话",
    "list.export": "导出列表",
    "report.export": "导出报表",
    "case.export": "导出案卷",
    "paper.open": "打开附件",
    "account.create": "新建账号",
    "account.change": "修改账号",
    "account.password": "重设密码",
    "account.enable": "启用账号",
    "account.disable": "停用账号",
    "account.unlock": "解锁账号",
    "token.issue": "发密钥",
    "token.revoke": "停用密钥",
    "calendar.change": "修改工作日历",
    "kb.export": "导出知识库",
    "kb.import": "导入知识库",
}
"""Others are shown as they are recorded."""
AUDIT = Table(
    "audit", "审计日志",
    columns=(
        Column("at", "时间", lambda row: f"{beijing(row.at):%Y-%m-%d %H:%M:%S}", sort=AuditRow.at),
        Column("actor", "账号", lambda row: "系统" if row.actor == "system" else row.actor, sort=AuditRow.actor),
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
