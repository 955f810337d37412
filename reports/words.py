"""What a report's keys are called (报表用语): parts of the balance, splits and their values. Pure."""

from typing import Any

from tickets.words import CHANNELS, CLASSES

BALANCE = {"finished": "办结", "open": "在办", "void": "无效、并案", "out_of_scope": "超范围"}
SPLITS = {"channel": "渠道", "class": "类别", "subject": "主题", "region": "地区"}
NAMES: dict[str, dict[str, str]] = {
    "channel": {str(key): text for key, text in CHANNELS.items()},
    "class": {str(key): text for key, text in CLASSES.items()},
}


def named(content: dict[str, Any], split: str, key: Any) -> str:
    """The value of a split as people read it."""
    names = content["regions"] if split == "region" else NAMES.get(split, {})
    return str(names.get(str(key), key) or "未填写")
