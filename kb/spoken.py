"""An entry as the menu reads it out (播报文字, M-18, M-109): whole where it is short, a notice with its dates. Pure."""

import re
from datetime import date

from kb.kinds import NOTICE_NAMES, Notice, labelled
from kb.models import Entry, EntryKind

LONGEST = 300
REST = "其余内容请登录网站查看，或按0由话务员为您说明。"
_DAY = re.compile(r"(\d{4})-0?(\d{1,2})-0?(\d{1,2})")
_ENDS = "。；！？\n"


def title_of(entry: Entry) -> str:
    """How a list names it: a notice with its sort in front."""
    sort = entry.details.get("notice") if entry.kind == EntryKind.NOTICE else None
    return f"{NOTICE_NAMES[Notice(sort)]}：{entry.title}" if sort else entry.title


def text_of(entry: Entry) -> str:
    """What is read out of it; of a long text the beginning, and where the rest is."""
    parts = [entry.answer.strip()]
    if entry.kind == EntryKind.NOTICE:
        said = labelled(entry.kind, entry.details)
        parts += [f"{label}：{text.strip()}" for label, text in said.items() if label != "公告种类"]
        parts += _period(entry.valid_from_on, entry.valid_to_on)
    sentences = (part if part[-1] in _ENDS else f"{part}。" for part in parts if part)
    whole = _DAY.sub(r"\1年\2月\3日", "".join(sentences))
    return whole if len(whole) <= LONGEST else _begun(whole) + REST


def _period(first: date | None, last: date | None) -> list[str]:
    if last is None:
        return []
    return [f"期限：{first.isoformat()}至{last.isoformat()}" if first else f"截止日期：{last.isoformat()}"]


def _begun(text: str) -> str:
    """Up to the last sentence that ends within LONGEST."""
    cut = max(text.rfind(end, 0, LONGEST) for end in _ENDS)
    return text[: cut + 1] if cut > 0 else text[:LONGEST] + "。"
