"""A ticket's whole way as a timeline (办理轨迹, M-54): the trail, what was asked for and refused, the calls. Pure wording."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from recordings.models import Call
from tickets.lifecycle import Action
from tickets.models import RequestKind, Stage, Step, StepRequest, StepResult, TrailRow

TEXTS: dict[str, str] = {
    Action.OPEN: "登记",
    Action.ANSWER_ON_SPOT: "当场答复",
    Action.FILL_IN: "补录电话中的答复",
    Action.ASSIGN: "转{to}办理",
    Action.SEND_TO_OFFICE: "无法明确部门，转{to}区分",
    Action.VOID: "结为无效、并案或超出范围",
    Action.DISPATCH: "转交{to}办理",
    Action.DISPATCH_LEVEL: "转交{to}区分",
    Action.ASK_FORWARD: "申请转发至{to}",
    Action.FORWARD: "同意转发至{to}",
    Action.FORWARD_TO_OFFICE: "同意转发至{to}区分",
    Action.REFUSE_FORWARD: "不同意转发",
    Action.EXTEND: "同意延期",
    Action.CHANGE_CLASS: "同意调整问题类别",
    Action.REPLY: "答复",
    Action.ARCHIVE: "办结归档",
    Action.COMPLAIN: "提问人凭查询码投诉",
    Action.SETTLE_COMPLAINT: "投诉办结，维持答复",
    Action.REDO: "投诉属实，责成{to}重办",
    Action.REWORK: "提问人不满意，{to}重新办理",
    Action.EXPLAIN: "公开逾期说明",
    Action.HOLD_ACCOUNTABLE: "问责",
    Action.LODGE: "提出投诉",
    Action.ACCEPT: "受理投诉",
    Action.REJECT: "不予受理",
    Action.REPLY_TO_COMPLAINT: "答复投诉人",
    Action.CLOSE_COMPLAINT: "投诉归档",
    Action.TO_JUDICIARY: "移交司法机关",
    Action.LEAD: "受理并联件并牵头办理",
    Action.INVOLVE: "请{to}并联办理",
    Action.RETURN_PART: "退回{to}补充",
    Action.WITHDRAW_PART: "撤回{to}的事项",
    Action.FINISH_CASE: "各单位办结，汇总答复",
    "coordinate": "协调记录",
    Stage.DUE_SOON: "即将到期",
    Stage.OVERDUE: "逾期",
    Stage.UNEXPLAINED: "逾期未说明，列入问责清单",
    "order": "督办{to}",
    "order_answered": "督办反馈",
    "order_overdue": "督办逾期未反馈",
    "classify": "填写投诉事由",
    "gist": "告知被投诉单位要点",
    "seal": "封存",
    "unseal": "解除封存",
    "take_over": "由另一位话务员接办",
    "note": "备注",
    "reissue_code": "重新发放查询码",
    "review": "负责人复核“不满意”评价",
    "attach": "添加附件",
    "mayor_out": "移交市长热线（信箱）",
    "mayor_in": "市长热线（信箱）转来",
    "mayor_number": "登记对方编号",
    "mayor_answered": "市长热线（信箱）往来的回复",
    "call_back": "回拨提问人",
    "call_back_ended": "回拨结果",
}
REQUESTS = {
    RequestKind.FORWARD: "转发",
    RequestKind.LEVEL: "转交上一级或下一级政府办",
    RequestKind.EXTEND: "延期",
    RequestKind.CHANGE_CLASS: "调整问题类别",
    RequestKind.EXPLAIN: "公开逾期说明",
    RequestKind.JUDICIARY: "移交司法机关",
}
_TONES: dict[str, str] = {
    Action.REPLY: "ok", Action.FINISH_CASE: "ok", Action.FILL_IN: "ok", Action.ANSWER_ON_SPOT: "ok", Action.REPLY_TO_COMPLAINT: "ok",
    Action.REFUSE_FORWARD: "warn", Stage.DUE_SOON: "warn", Stage.OVERDUE: "bad", Stage.UNEXPLAINED: "bad",
    Action.COMPLAIN: "bad", Action.HOLD_ACCOUNTABLE: "bad",
}  # fmt: skip
_ANSWERS = frozenset(
    {Action.REPLY, Action.FINISH_CASE, Action.FILL_IN, Action.REPLY_TO_COMPLAINT, Action.REJECT}
)
_IN_TRAIL = {RequestKind.FORWARD}
"""Asking and refusing these is a line of the trail already."""


@dataclass(frozen=True)
class Entry:
    at: datetime
    title: str
    who: str = ""
    text: str = ""
    tone: str = ""
    call: Call | None = None


@dataclass(frozen=True)
class Names:
    users: Mapping[int, str]
    units: Mapping[int, str]


def timeline(
    trail: Iterable[TrailRow],
    requests: Iterable[StepRequest],
    calls: Iterable[Call],
    steps: Iterable[Step],
    names: Names,
) -> list[Entry]:
    """Everything that happened, oldest first."""
    by_id = {step.id: step for step in steps}
    found = [_of_row(row, by_id, names) for row in trail]
    for request in requests:
        found += _of_request(request, names)
    found += [
        Entry(call.started_at, "来电" if call.direction == "in" else "回拨", call=call) for call in calls
    ]
    return sorted(found, key=lambda entry: entry.at)


def _of_row(row: TrailRow, steps: Mapping[int, Step], names: Names) -> Entry:
    title = TEXTS.get(row.action, row.action).format(to=names.units.get(row.to_unit_id or 0, ""))
    step = steps.get(row.step_id or 0)
    who = names.users.get(row.actor_id or 0, "")
    is_arrival = row.from_unit_id is None and row.to_unit_id is not None
    unit_id = row.from_unit_id or (step.unit_id if step and not is_arrival else None)
    unit = names.units.get(unit_id or 0, "")
    parts = [row.text]
    if step and _gave_words(row, step) and step.reply != row.text:
        parts.append(step.reply)
    text = "\n\n".join(part for part in parts if part)
    return Entry(row.at, title, " ".join(filter(None, (unit, who))), text, _TONES.get(row.action, ""))


def _gave_words(row: TrailRow, step: Step) -> bool:
    """Whether this line is the one at which the step's reply, or its part of a joint one, was given."""
    if row.action in _ANSWERS:
        return True
    return row.action in {Action.FORWARD, Action.FORWARD_TO_OFFICE} and step.result == StepResult.PART_REPLIED


def _of_request(request: StepRequest, names: Names) -> list[Entry]:
    if request.kind in _IN_TRAIL:
        return []
    what = REQUESTS[RequestKind(request.kind)]
    asked = Entry(
        request.requested_at, f"申请{what}", names.users.get(request.requester_id, ""), request.reason
    )
    if request.decided_at is None or request.approved:
        return [asked]
    decider = names.users.get(request.decider_id or 0, "")
    return [asked, Entry(request.decided_at, f"不同意{what}", decider, request.refusal, "warn")]
