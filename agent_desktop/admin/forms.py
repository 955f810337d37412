"""The account form (账号表单): text in, typed details out, and back again to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multidict import MultiMapping

from core.accounts import Details
from core.errors import InvalidInput
from core.people import Role, User
from core.web.numbers import read_key_if_any


@dataclass(frozen=True)
class AccountForm:
    """What the page shows in its fields; `error` is the one sentence above them."""

    values: Mapping[str, str]
    roles: frozenset[str]
    error: str = ""
    languages: tuple[str, ...] = ()


EMPTY = AccountForm({}, frozenset())
FIELDS = ("username", "display_name", "staff_number", "extension", "unit_id", "region_id")


def form_of(user: User) -> AccountForm:
    values = {name: str(getattr(user, name) or "") for name in FIELDS}
    return AccountForm(values, frozenset(user.roles), languages=tuple(user.languages))


def form_sent(form: MultiMapping[Any], error: str) -> AccountForm:
    return AccountForm(
        {name: _text(form, name) for name in FIELDS},
        frozenset(map(str, form.getall("role", []))),
        error,
        _languages(form),
    )


def details(form: MultiMapping[Any]) -> Details:
    return Details(
        display_name=_text(form, "display_name"),
        staff_number=_text(form, "staff_number"),
        extension=_text(form, "extension"),
        unit_id=read_key_if_any(_text(form, "unit_id"), "单位"),
        region_id=read_key_if_any(_text(form, "region_id"), "地区"),
        languages=_languages(form),
    )


def roles(form: MultiMapping[Any]) -> frozenset[Role]:
    """The roles ticked; raises InvalidInput for one that does not exist."""
    try:
        return frozenset(Role(str(value)) for value in form.getall("role", []))
    except ValueError:
        raise InvalidInput(field="角色", reason="请从列表中选择") from None


def _languages(form: MultiMapping[Any]) -> tuple[str, ...]:
    return tuple(map(str, form.getall("language", [])))


def _text(form: MultiMapping[Any], name: str) -> str:
    return str(form.get(name, "")).strip()
