"""Refusals of this room that people meet; those of the lifecycle stand beside its table."""

from core.errors import Conflict, InvalidInput, NotFound, TooManyRequests


class TicketNotFound(NotFound):
    """No such ticket, or not this person's to see."""

    code = "ticket_not_found"
    text = "没有找到该工单，请核对工单号。"


class DraftStale(Conflict):
    """The form was saved elsewhere in the meantime; `version` is the one stored now. Nothing was overwritten."""

    code = "draft_stale"
    text = "这份工单已在别处保存过（现为第 {version} 版），您输入的内容没有写入也没有丢失，请核对后重新保存。"


class StepTaken(Conflict):
    """Somebody finished this step a moment ago."""

    code = "step_taken"
    text = "该环节刚刚已由他人办结，请刷新后核对。"


class SeenStale(Conflict):
    """The page is older than the ticket: somebody acted meanwhile, or the same form was sent again."""

    code = "seen_stale"
    text = "该工单刚刚有新的办理记录，您的操作没有执行，请核对下方的最新情况后再提交。"


class OutcomeMissing(InvalidInput):
    """A ticket leaves wrap-up only with an outcome (M-23)."""

    code = "outcome_missing"
    text = "请先选择处理结果，再结束整理。"

    def __init__(self) -> None:
        super().__init__(field="outcome")


class UnitUnknown(InvalidInput):
    """No such unit, or it is closed; `unit` is what was asked for."""

    code = "unit_unknown"
    text = "没有这个单位，请重新选择。"

    def __init__(self, unit: object) -> None:
        super().__init__(field="unit_id", unit=unit)


class OfficeMissing(Conflict):
    """Neither the region nor any above it has a government office to dispatch."""

    code = "office_missing"
    text = "本地区及上级均未设置政府办，无法转交，请联系管理员在单位目录中设置。"


class ComplaintTooEarly(Conflict):
    """A complaint by code waits for the reply (M-48 「受理部门回复办理结束后」); other complaints need no code."""

    code = "complaint_too_early"
    text = "该问题尚在办理，答复后方可凭查询码投诉。如对办理过程有意见，请选择“其他投诉或举报”。"


class RatingTooEarly(Conflict):
    """Only a finished reply is rated."""

    code = "rating_too_early"
    text = "该问题尚未答复，答复后方可评价。"


class RatingClosed(Conflict):
    """A rating may be changed for `days` days only (M-62)."""

    code = "rating_closed"
    text = "首次评价已超过 {days} 天，不能再修改。"


class RequestPending(Conflict):
    """The same was asked for this step and is not decided yet."""

    code = "request_pending"
    text = "同样的申请正在审核，请等待审核结果。"


class NothingToDecide(Conflict):
    """No such request is open: it was decided, or never made."""

    code = "nothing_to_decide"
    text = "没有待审核的申请，可能已由他人处理，请刷新后核对。"


class TicketLocked(Conflict):
    """Handed to the judiciary: nothing is added any more (M-53)."""

    code = "ticket_locked"
    text = "该工单已移交司法机关，不能再作任何改动。"


class TooManyWrongCodes(TooManyRequests):
    """The caller number or address has used up today's wrong codes (§5.5); `wait_s` runs to Beijing midnight."""

    code = "too_many_wrong_codes"
    text = "今天输入的查询码错误次数过多，请明天再试，或在工作时间联系话务员。"
