"""What an entry says (信息内容) as one value: its checks, and its form in versions and revisions. Pure."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from core.errors import InvalidInput
from core.units import SUBJECTS, RegionLevel
from kb import personal
from kb.errors import ReasonMissing
from kb.kinds import FIELDS, NOTICE_NAMES, Notice, fields_for
from kb.models import Audience, Entry, EntryKind, InternalReason

LONGEST_TITLE = 500
LONGEST_ANSWER = 20_000
LONGEST_DETAIL = 5_000
LONGEST_SPOKEN = 200
"""A hot answer is read out to a caller."""
_DATES = ("valid_from_on", "valid_to_on", "review_by_on")


@dataclass(frozen=True)
class EntryFields:
    """Everything of an entry that its unit decides."""

    title: str
    answer: str = ""
    kind: EntryKind = EntryKind.FAQ
    keywords: str = ""
    category: str = ""
    subject: str = ""
    details: dict[str, str] = field(default_factory=dict)
    region_id: int | None = None
    """Where it holds; None: the region of its unit"""
    level: RegionLevel | None = None
    valid_from_on: date | None = None
    valid_to_on: date | None = None
    review_by_on: date | None = None
    audience: Audience = Audience.PUBLIC
    internal_reason: InternalReason | None = None
    is_hot: bool = False


NAMES = tuple(EntryFields.__dataclass_fields__)


def check(fields: EntryFields) -> None:
    """Refuse what no entry may be, draft or not; raises InvalidInput or ReasonMissing."""
    if not 0 < len(fields.title.strip()) <= LONGEST_TITLE:
        raise InvalidInput(field="标题", reason=f"请填写 1～{LONGEST_TITLE} 个字")
    if len(fields.answer) > LONGEST_ANSWER:
        raise InvalidInput(field="答复", reason=f"请不要超过 {LONGEST_ANSWER} 个字")
    if fields.subject and fields.subject not in SUBJECTS:
        raise InvalidInput(field="主题", reason="请用 s1～s8，或不填")
    if fields.valid_from_on and fields.valid_to_on and fields.valid_from_on > fields.valid_to_on:
        raise InvalidInput(field="有效期", reason="开始日期不能晚于截止日期")
    if fields.audience == Audience.INTERNAL and fields.internal_reason is None:
        raise ReasonMissing
    _check_details(fields)
    if fields.is_hot:
        _check_hot(fields)


def _check_details(fields: EntryFields) -> None:
    for known in FIELDS[fields.kind]:
        value = fields.details.get(known.key, "")
        if len(value) > LONGEST_DETAIL:
            raise InvalidInput(field=known.label, reason=f"请不要超过 {LONGEST_DETAIL} 个字")
        if value and known.input == "date":
            _check_date(known.label, value)
        if value and known.input == "notice" and value not in NOTICE_NAMES:
            raise InvalidInput(field=known.label, reason="请从列表中选择")


def _check_date(label: str, value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise InvalidInput(field=label, reason="请填写日期，如 2026-06-01") from None


def _check_hot(fields: EntryFields) -> None:
    if fields.audience != Audience.PUBLIC:
        raise InvalidInput(field="热点", reason="不公开的信息不能作为热点播报")
    if not fields.subject or not 0 < len(fields.answer) <= LONGEST_SPOKEN:
        raise InvalidInput(
            field="热点", reason=f"请选择主题，答复写成 {LONGEST_SPOKEN} 字以内、适合播报的文字"
        )


def missing(fields: EntryFields) -> list[str]:
    """Chinese names of what must be filled in before the entry can be published (M-69, M-109)."""
    needs_answer = fields.kind not in {EntryKind.ITEM, EntryKind.UNIT}
    empty = [] if fields.answer.strip() or not needs_answer else ["答复"]
    wanted = fields_for(fields.kind, fields.details)
    empty += [one.label for one in wanted if one.required and not fields.details.get(one.key, "").strip()]
    if fields.details.get("notice") == Notice.PUBLICITY and fields.kind == EntryKind.NOTICE:
        empty += [
            name
            for name, on in (("公示起始日期", fields.valid_from_on), ("公示截止日期", fields.valid_to_on))
            if on is None
        ]
    return empty


def suspicious(fields: EntryFields, public: Collection[str]) -> list[personal.Finding]:
    """Personal data that the text seems to hold; `public` as for `personal.find`."""
    office_phone = {"phone"} if fields.kind == EntryKind.UNIT else set()
    texts = {"标题": fields.title, "答复": fields.answer, "关键词": fields.keywords}
    texts |= {
        one.label: fields.details.get(one.key, "")
        for one in FIELDS[fields.kind]
        if one.key not in office_phone
    }
    return personal.in_fields(texts, public=public)


def settled(fields: EntryFields) -> EntryFields:
    """As it is stored: a hearing ends with its day where no other is given, a public entry needs no reason."""
    held = fields.details.get("held_on") if fields.details.get("notice") == Notice.HEARING else None
    ends_on = fields.valid_to_on or (date.fromisoformat(held) if held else None)
    reason = fields.internal_reason if fields.audience == Audience.INTERNAL else None
    return replace(fields, valid_to_on=ends_on, internal_reason=reason)


def fields_of(entry: Entry) -> EntryFields:
    """An entry's present fields."""
    return EntryFields(**{name: getattr(entry, name) for name in NAMES})


def columns(fields: EntryFields) -> dict[str, Any]:
    """As the columns of an entry."""
    return {name: getattr(fields, name) for name in NAMES}


def to_json(fields: EntryFields) -> dict[str, Any]:
    """The form of `EntryVersion.fields` and `Entry.pending`."""
    values = asdict(fields)
    return values | {name: values[name] and values[name].isoformat() for name in _DATES}


def from_json(data: dict[str, Any]) -> EntryFields:
    """Back from `to_json`, also from a version kept before a field existed."""
    values = {name: data[name] for name in NAMES if name in data}
    values["kind"], values["audience"] = EntryKind(values["kind"]), Audience(values["audience"])
    values["internal_reason"] = InternalReason(reason) if (reason := values["internal_reason"]) else None
    values["level"] = RegionLevel(level) if (level := values.get("level")) else None
    for name in _DATES:
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    return EntryFields(**values)
