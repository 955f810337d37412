"""One row of an import made into an entry's fields, or told what is wrong with it, in Chinese."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.errors import HotlineError
from core.units import RegionLevel
from kb.fields import EntryFields, check, settled
from kb.kinds import FIELDS, LEVEL_NAMES, NOTICE_NAMES
from kb.models import Audience, EntryKind, InternalReason

KINDS = {
    "": EntryKind.FAQ, "常见问题": EntryKind.FAQ, "问答": EntryKind.FAQ, "文件": EntryKind.DOCUMENT,
    "规范性文件": EntryKind.DOCUMENT, "事项": EntryKind.ITEM, "服务事项": EntryKind.ITEM, "行政许可": EntryKind.ITEM,
    "单位": EntryKind.UNIT, "单位信息": EntryKind.UNIT, "公告": EntryKind.NOTICE, "通知": EntryKind.NOTICE,
    "依申请公开指南": EntryKind.GUIDE,
} | {kind.value: kind for kind in EntryKind}  # fmt: skip
AUDIENCES = {"": Audience.PUBLIC, "公开": Audience.PUBLIC, "不公开": Audience.INTERNAL} | {
    audience.value: audience for audience in Audience
}
REASONS = {
    "禁止公开": InternalReason.PROHIBITED, "商业秘密": InternalReason.TRADE_SECRET, "个人隐私": InternalReason.PRIVACY,
    "安全稳定": InternalReason.SECURITY, "内部事务": InternalReason.INTERNAL_AFFAIRS,
    "过程性信息": InternalReason.WORK_IN_PROGRESS, "执法案卷": InternalReason.CASE_FILE,
} | {reason.value: reason for reason in InternalReason}  # fmt: skip
LEVELS = (
    {"": None}
    | {name: level for level, name in LEVEL_NAMES.items()}
    | {level.value: level for level in RegionLevel}
)
NOTICES = {name: sort for sort, name in NOTICE_NAMES.items()} | {sort.value: sort for sort in NOTICE_NAMES}
YES = frozenset({"是", "热点", "1", "true", "yes", "√"})
LONGEST_ID = 120
MOST_WEIGHT = 1_000_000
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})")


class RowWrong(Exception):
    """What is wrong with a row, as a Chinese sentence."""


@dataclass(frozen=True)
class Incoming:
    """A row that can be taken in."""

    source_id: str
    source: str
    department: str
    region: str
    """Code or name of the region it holds in, empty: the department's"""
    aliases: tuple[str, ...]
    used_weight: float
    """How much it was chosen where it comes from, as of `used_on`: an entry that is new here begins with it."""
    used_on: date | None
    fields: EntryFields


def parse(row: dict[str, Any] | str, default_source: str) -> Incoming:
    """The entry a row describes; raises RowWrong."""
    if isinstance(row, str):
        raise RowWrong(row)
    source_id = _text(row, "id") or _text(row, "source_id")
    if not 0 < len(source_id) <= LONGEST_ID:
        raise RowWrong(f"缺少编号，或编号超过 {LONGEST_ID} 个字符")
    try:
        fields = settled(_fields(row))
        check(fields)
        used_weight = _weight(row)
    except HotlineError as error:
        raise RowWrong(error.message.rstrip("。")) from error
    aliases = row.get("aliases") or ()
    texts = aliases if isinstance(aliases, list) else str(aliases).replace(";", "；").split("；")
    return Incoming(
        source_id=source_id,
        source=(_text(row, "source") or default_source)[:60],
        department=_text(row, "department")[:120],
        region=_text(row, "region")[:60],
        aliases=tuple(dict.fromkeys(one for text in texts if (one := str(text).strip()[:200])))
        if aliases
        else (),
        used_weight=used_weight,
        used_on=_date(row, "used_on", "采用日期") if used_weight else None,
        fields=fields,
    )


def _fields(row: dict[str, Any]) -> EntryFields:
    audience = _known(row, "audience", AUDIENCES, "公开范围")
    reason = _known(row, "internal_reason", REASONS, "不公开理由") if row.get("internal_reason") else None
    kind = _known(row, "type", KINDS, "类型")
    return EntryFields(
        title=_text(row, "title"),
        answer=_text(row, "answer"),
        kind=kind,
        keywords=_text(row, "keywords")[:500],
        category=_text(row, "category", "、")[:120],
        subject=_text(row, "subject"),
        details=_details(row, kind),
        level=_known(row, "level", LEVELS, "办理层级"),
        valid_from_on=_date(row, "valid_from", "生效日期"),
        valid_to_on=_date(row, "valid_to", "失效日期"),
        review_by_on=_date(row, "review_by", "复核日期"),
        audience=audience,
        internal_reason=reason,
        is_hot=_text(row, "is_hot").lower() in YES,
    )


def _details(row: dict[str, Any], kind: EntryKind) -> dict[str, str]:
    """What this kind says of itself; a notice's sort by its name or key, a date however it is written."""
    found = {one.key: text for one in FIELDS[kind] if (text := _text(row, one.key))}
    for one in FIELDS[kind]:
        if one.key in found and one.input == "notice":
            found[one.key] = _known(row, one.key, NOTICES, one.label)
        elif one.key in found and one.input == "date" and (on := _date(row, one.key, one.label)):
            found[one.key] = on.isoformat()
    return found


def _weight(row: dict[str, Any]) -> float:
    value = _text(row, "used_weight")
    try:
        weight = float(value or 0)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= MOST_WEIGHT:
        raise RowWrong(f"采用热度“{value[:20]}”应是 0 到 {MOST_WEIGHT} 的数")
    return weight


def _text(row: dict[str, Any], name: str, between: str = " ") -> str:
    """A value as text: lists joined, characters no database takes left out."""
    value = row.get(name)
    if value is None:
        return ""
    joined = between.join(str(one) for one in value) if isinstance(value, list) else str(value)
    return joined.replace("\x00", "").encode("utf-8", "ignore").decode().strip()


def _known(row: dict[str, Any], name: str, known: dict[str, Any], label: str) -> Any:
    value = _text(row, name)
    if value not in known:
        allowed = "、".join(key for key in known if key and not key.isascii())
        raise RowWrong(f"{label}“{value[:20]}”无法识别，可用：{allowed}")
    return known[value]


def _date(row: dict[str, Any], name: str, label: str) -> date | None:
    value = _text(row, name)
    if not value:
        return None
    try:
        found = _DATE.match(value)
        return date(*(int(part) for part in found.groups())) if found else date.fromisoformat(value)
    except ValueError:
        raise RowWrong(f"{label}“{value[:20]}”不是日期，请写成 2026-06-01") from None
