"""What people type, made safe to store: cleaned of characters nobody typed on purpose, limited in length."""

import re
import unicodedata

from core.errors import InvalidInput

LIMITS = {
    "subject": ("主题", 100),
    "question": ("问题内容", 10_000),
    "answer": ("答复内容", 10_000),
    "guidance": ("其他查询方式、程序", 2_000),
    "reason": ("理由", 1_000),
    "findings": ("调查情况", 10_000),
    "opinion": ("处理意见", 10_000),
    "result": ("办理结果", 10_000),
    "recipient": ("接收机关", 100),
    "papers": ("材料清单", 10_000),
    "note": ("备注", 2_000),
    "order": ("督办要求", 2_000),
    "order_answer": ("督办反馈", 10_000),
    "gist": ("投诉要点", 2_000),
    "explanation": ("逾期说明", 2_000),
    "their_no": ("对方编号", 40),
    "asker_name": ("提问人称呼", 40),
    "callback_number": ("回复电话", 32),
    "file_name": ("附件名称", 120),
    "address": ("通信地址或邮箱", 200),
    "notice_title": ("标题", 100),
    "notice_content": ("公开内容", 20_000),
    "village": ("村（居）委会名称", 40),
    "decision": ("集体讨论决定", 2_000),
    "person_name": ("姓名", 40),
    "place": ("说明", 200),
    "archive_no": ("档号", 40),
    "feedback": ("意见和建议", 2_000),
    "issue": ("需整改的问题", 2_000),
    "promise": ("整改承诺", 2_000),
    "proof": ("整改情况", 5_000),
    "finding": ("核查意见", 2_000),
    "minutes": ("会议结果", 10_000),
}
"""Field → its name on the screen and the most characters it takes."""

_LINE_END = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # direction marks and invisible characters
    "\ud800-\udfff]"  # halves of characters
)


class TextTooLong(InvalidInput):
    """A text is longer than its field takes; `field`, `limit` and `length` in characters."""

    code = "text_too_long"
    text = "“{field}”最多 {limit} 个字，现有 {length} 个字，请精简后再保存。"


def clean(field: str, value: object) -> str:
    """The text of `field` (a key of LIMITS), trimmed, one kind of line end, without control and direction marks.

    Raises TextTooLong, or InvalidInput when it is no text at all.
    """
    label, limit = LIMITS[field]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(field=label, reason="应为文字")
    if len(value) > limit * 4:  # not worth cleaning
        raise TextTooLong(field=label, limit=limit, length=len(value))
    cleaned = tidied(value)
    if len(cleaned) > limit:
        raise TextTooLong(field=label, limit=limit, length=len(cleaned))
    return cleaned


def tidied(text: str) -> str:
    """Trimmed, one kind of line end, without characters nobody typed on purpose."""
    return _UNWANTED.sub("", _LINE_END.sub("\n", unicodedata.normalize("NFC", text))).strip()
