"""How the audit log's actions read (审计操作名称): every action that is recorded, in Chinese."""

from agent_desktop.ticket.history import TEXTS
from core.organisation.tables import TABLES
from kb.lifecycle import ACTION_NAMES
from tickets.finances.marks import DEEDS as FINANCE_DEEDS

_DEEDS = {"create": "新增", "change": "修改", "remove": "删除"}
_OTHERS = {
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
    "phrases.change": "修改规范用语",
    "list.export": "导出列表",
    "report.export": "导出报表",
    "case.export": "导出案卷",
    "paper.open": "打开附件",
    "series.bounds": "设置外部数据告警界限",
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
    "prompt.change": "修改提示音",
    "prompt.default": "恢复默认提示音",
    "prompt.propose": "提出提示音修改",
    "prompt.accept": "启用提示音修改",
    "prompt.refuse": "不采用提示音修改",
    "calendar.propose": "提出日历变更",
    "calendar.confirm": "确认日历变更",
    "calendar.refuse": "不采用日历变更",
    "recording.purge_ask": "申请清除录音",
    "recording.purge_refuse": "不同意清除录音",
    "supervise.listen": "监听",
    "supervise.whisper": "耳语",
    "supervise.barge": "插话",
    "supervise.take_over": "接管通话",
    "supervise.pause": "强制示忙",
    "supervise.move": "调整排队",
    "quality.draw": "质检抽样",
    "quality.single": "指定通话质检",
    "quality.sheet": "修改评分表",
    "quality.grade.first": "质检评分",
    "quality.grade.second": "质检校准评分",
    "quality.grade.recheck": "质检复核评分",
    "quality.appeal": "质检申诉",
    "returns.file": "填报中心月报",
    "scores.weights": "修改考评权重",
    "training.register": "登记培训",
    "training.revoke": "撤销培训登记",
    "report.reckon": "重算报表",
    "report.correct": "更正报表",
    "report.sign": "签发报表",
    "report.send": "上报报表",
    "report.receive": "签收报表",
    "report.take_in": "收下其他热线的报表",
    "citations.draft": "起草表扬和通报批评",
    "citations.reckon": "重算表扬和通报批评",
    "citations.signed": "签发表扬和通报批评",
    "citations.cosigned": "会签表扬和通报批评",
    "citations.published": "公布表扬和通报批评",
    "gathering.begun": "两集中两到位：开始",
    "gathering.done": "两集中两到位：报告完成",
    "gathering.checked": "两集中两到位：核实",
    "gathering.returned": "两集中两到位：退回",
    "task.issue": "发出任务督办",
    "task.answer": "反馈任务督办",
    "task.decide": "任务督办问责",
    "finance.meeting": "登记财务公开会议结果",
    "finance.export": "导出财务公开档案",
    "finance.numbers": "设置财务公开签字人数",
    "webhook.add": "增加回调地址",
    "webhook.end": "停用回调地址",
    "webhook.retry": "重发回调",
}
ACTIONS = (
    _OTHERS
    | {f"ticket.{action}": f"工单：{text.format(to='单位')}" for action, text in TEXTS.items()}
    | {
        f"{kind}.{deed}": f"{word}{table.title}"
        for kind, table in TABLES.items()
        for deed, word in _DEEDS.items()
    }
    | {f"finance.{deed}": f"财务公开：{text}" for deed, text in FINANCE_DEEDS.items()}
    | {f"kb.{action}": f"知识库：{text}" for action, text in ACTION_NAMES.items()}
)
"""Recorded action → what people read."""
ACTORS = {"system": "系统", "public": "公众"}
