"""What a report's keys are called (报表用语): parts of the balance, splits and their values. Pure."""

from collections.abc import Mapping
from typing import Any

from tickets.words import CHANNELS, CLASSES, OUTCOMES

BALANCE = {"finished": "办结", "open": "在办", "void": "无效、并案", "out_of_scope": "超范围"}
SPLITS = {
    "channel": "渠道",
    "class": "类别",
    "subject": "主题",
    "outcome": "处理结果",
    "hour": "时刻",
    "line": "线路",
    "region": "地区",
    "unit": "单位",
}
NAMES: dict[str, dict[str, str]] = {
    "channel": {str(key): text for key, text in CHANNELS.items()},
    "class": {str(key): text for key, text in CLASSES.items()},
    "outcome": {str(key): text for key, text in OUTCOMES.items()},
    "hour": {str(hour): f"{hour} 时" for hour in range(24)},
}


def named(names: Mapping[str, Mapping[str, str]], split: str, key: Any) -> str:
    """The value of a split as people read it, by the names of each split."""
    return str(names.get(split, {}).get(str(key), "" if key is None else key) or "未填写")


def names_of(content: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """The names that a report keeps, with those that never change."""
    return {**NAMES, "region": content["regions"], "unit": content.get("unit_names", {})}
