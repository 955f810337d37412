"""The entry form (信息表单): text in, `EntryFields` out, and back again to be shown as it was typed."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from multidict import MultiMapping

from core.errors import InvalidInput
from core.units import RegionLevel
from core.web.days import read_day, read_day_if_any
from core.web.numbers import read_key_if_any
from kb.fields import EntryFields
from kb.kinds import FIELDS
from kb.models import Audience, EntryKind, InternalReason

Choice = TypeVar("Choice", bound=StrEnum)
DATES = {"valid_from_on": "生效日期", "valid_to_on": "截止日期", "review_by_on": "复核日期"}
_TEXTS = ("title", "answer", "keywords", "category", "subject")
_LIMITS = {"keywords": ("关键词", 500), "category": ("类别", 120)}


def kind_of(value: str) -> EntryKind:
    """The kind asked for in an address; anything else is a frequent question."""
    return EntryKind(value) if value in set(EntryKind) else EntryKind.FAQ


def fields_sent(form: MultiMapping[Any], kind: EntryKind) -> EntryFields:
    """What was typed; raises InvalidInput for a choice that was not offered or a date that is none."""
    for name, (label, most) in _LIMITS.items():
        if len(_text(form, name)) > most:
            raise InvalidInput(field=label, reason=f"请不要超过 {most} 个字")
    details = {one.key: value for one in FIELDS[kind] if (value := _text(form, f"detail_{one.key}"))}
    typed: dict[str, Any] = {name: _text(form, name) for name in _TEXTS}
    typed |= {name: read_day_if_any(_text(form, name), label) for name, label in DATES.items()}
    return EntryFields(
        **typed,
        kind=kind,
        details=details,
        region_id=read_key_if_any(_text(form, "region_id"), "适用地区"),
        level=_choice(form, "level", RegionLevel, "办理层级"),
        audience=_choice(form, "audience", Audience, "公开范围") or Audience.PUBLIC,
        internal_reason=_choice(form, "internal_reason", InternalReason, "不公开理由"),
        is_hot=bool(_text(form, "is_hot")),
    )


def aliases_sent(form: MultiMapping[Any]) -> list[str]:
    """One wording a line."""
    return [line.strip() for line in _text(form, "aliases").splitlines() if line.strip()]


def values_sent(form: MultiMapping[Any]) -> dict[str, str]:
    """The form as it was typed, to be shown again beside the refusal."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def values_of(fields: EntryFields, aliases: list[str]) -> dict[str, str]:
    """An entry's text as the form shows it."""
    plain: Mapping[str, Any] = {name: getattr(fields, name) for name in (*_TEXTS, *DATES)}
    values = {name: str(value) if value else "" for name, value in plain.items()}
    values |= {f"detail_{key}": text for key, text in fields.details.items()}
    return values | {
        "region_id": str(fields.region_id or ""),
        "level": fields.level or "",
        "audience": fields.audience,
        "internal_reason": fields.internal_reason or "",
        "is_hot": "on" if fields.is_hot else "",
        "aliases": "\n".join(aliases),
    }


def date_sent(form: MultiMapping[Any], name: str, label: str) -> date:
    """A date that must be there."""
    return read_day(_text(form, name), label)


def _text(form: MultiMapping[Any], name: str) -> str:
    value = form.get(name, "")
    return value.replace("\x00", "").replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def _choice(form: MultiMapping[Any], name: str, kind: type[Choice], label: str) -> Choice | None:
    value = _text(form, name)
    try:
        return kind(value) if value else None
    except ValueError:
        raise InvalidInput(field=label, reason="请从列表中选择") from None
