"""What the desk itself refuses."""

from core.errors import Conflict, InvalidInput, NotAllowed


class NotYourCall(NotAllowed):
    """The call is over, or is another operator's."""

    code = "not_your_call"
    text = "这不是您正在处理的来电，不能查看完整号码。"


class ReasonUnknown(InvalidInput):
    """A pause needs one of the listed reasons."""

    code = "pause_reason"
    text = "请选择暂停原因：小休、会议、培训或用餐。"


class WishUnknown(InvalidInput):
    """The page asked for something the desk does not know: it is older than the server."""

    code = "wish_unknown"
    text = "页面版本与服务器不一致，请刷新页面后重试。"


class PracticeOnly(Conflict):
    """A complaint of a sample caller is nobody's."""

    code = "practice_only"
    text = "这是练习来电，不登记真实的投诉；请在工单里写明投诉的内容。"


class WrapUpUnfinished(Conflict):
    """The ticket in hand has no outcome yet (M-23)."""

    code = "wrap_up_unfinished"
    text = "工单 {ticket_no} 还没有处理结果，请先填写处理结果，再结束话后处理。"
