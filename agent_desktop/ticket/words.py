"""How tickets are called on every page (工单用语): channels, classes, clocks and the flags of a step. Pure."""

from datetime import datetime

from tickets import words
from tickets.models import ClockKind, Feedback, Step, StepResult, Ticket, TicketKind

CHANNELS, CLASSES = words.CHANNELS, words.CLASSES
FEEDBACK = {Feedback.BY_CODE: "凭查询码查询", Feedback.CALL_BACK: "电话回复"}
CLOCKS = {
    ClockKind.Q5: "一般性问题 5 个工作日",
    ClockKind.Q10: "重要复杂问题 10 个工作日",
    ClockKind.C15: "投诉 15 个工作日",
    ClockKind.G5: "政府办转发处理 5 个工作日",
    ClockKind.CC1: "登记 1 个工作日",
    ClockKind.D20: "政府信息公开申请 20 个工作日",
    ClockKind.P5: "并联事项（一般）5 个工作日",
    ClockKind.P10: "并联事项（复杂）10 个工作日",
    ClockKind.P20: "并联件（牵头汇总）20 个工作日",
}
DISCLOSURE = "依申请公开"
KINDS = {
    TicketKind.DISCLOSURE: DISCLOSURE,
    TicketKind.PARALLEL: "并联件",
    TicketKind.PART: "并联事项",
}
"""What is no question but goes a question's way."""
RESULTS = {
    StepResult.ON_SPOT: "当场答复",
    StepResult.REPLIED: "已答复",
    StepResult.PART_REPLIED: "已答复本单位部分",
    StepResult.FORWARDED: "已转发",
    StepResult.DISPATCHED: "已转交",
    StepResult.REGISTERED: "已登记转出",
    StepResult.VOIDED: "已结为无效",
    StepResult.WITHDRAWN: "已撤回",
    StepResult.REJECTED: "不予受理",
    StepResult.JUDICIAL: "已移交司法",
}


def class_of(ticket: Ticket) -> str:
    """What was asked for: its class, or that it is an application for disclosure (M-110) or a parallel case (M-129)."""
    return KINDS.get(ticket.kind, CLASSES[ticket.question_class])


def flags(
    step: Step | None, now: datetime, *, is_pending: bool = False, was_refused: bool = False
) -> list[tuple[str, str]]:
    """The flags of a step (§5.4) as (tone, text), the gravest first; none are states."""
    if step is None:
        return []
    is_open = step.finished_at is None
    late = (step.finished_at or now) > step.cut_off_at
    marks = (
        (late and is_open, "bad", "已逾期"),
        (late and not is_open, "warn", "逾期办结"),
        (late and step.explained_at is None and is_open, "bad", "未说明"),
        (not late and is_open and now >= step.warn_at, "warn", "即将到期"),
        (step.explained_at is not None, "info", "已说明"),
        (step.ping_pong, "bad", "推诿标记"),
        (is_pending, "info", "待审核"),
        (was_refused, "warn", "转发退回"),
        (step.answered_call_id is not None and is_open, "warn", "待补录"),
        (step.extended_at is not None, "info", "已延期"),
        (step.designated, "info", "指定办理"),
        (step.is_joint_part, "info", "联合回复"),
        (step.provisional and is_open, "", "暂定"),
        (step.review_wanted_at is not None and step.reviewed_at is None, "bad", "不满意待复核"),
    )
    return [(tone, text) for holds, tone, text in marks if holds]


def due_text(step: Step | None) -> str:
    """2026-06-08 or, past the published calendar, 2027-01-08（暂定）."""
    return f"{step.due_on:%Y-%m-%d}{'（暂定）' if step.provisional else ''}" if step else ""
