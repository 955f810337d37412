"""Raw settings -> typed settings, or every fault at once as a Chinese sentence. Never repeats a value: it may be secret.

cattrs builds the dataclasses; the hooks here keep it from turning 5 into "5". The rules for values of the right type are `settings_rules`'.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
)
from cattrs.gen import make_dict_structure_fn, override

from config.secrets import ADDRESS, FROM_FILE, UNSET
from config.settings_rules import RULES, plain, together
from config.settings_source import EnvText, Raw
from core.errors import HotlineError
from tickets.settings import SHORTEST_SECRET, TicketSettings

T = TypeVar("T")
_SWITCH = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


class SettingsInvalid(HotlineError):
    """The settings cannot be used; `faults` lists each as `key: what is expected`."""

    code = "settings_invalid"
    text = "设置有 {count} 处错误：\n{list}"

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__(count=len(faults), list="\n".join(f"  · {fault}" for fault in faults))


class _Refused(ValueError):
    """A value that does not fit; says in Chinese what would."""


def structure(raw: Raw, kind: type[T], derived: frozenset[str]) -> T:
    """An instance of `kind`, or SettingsInvalid."""
    faults: dict[str, str] = {}
    settings = None
    converter = _converter(kind, derived)
    try:
        settings = converter.structure(raw.values, kind)
    except ClassValidationError as error:
        faults |= _walk(error, kind, "")
    faults |= {key: text for key, text in _broken_rules(raw.values, converter, kind) if key not in faults}
    said = [f"{_named(key, raw)}：{text}" for key, text in sorted(faults.items())]
    if raw.faults or said or settings is None:
        raise SettingsInvalid([*raw.faults, *said])
    return settings


def _named(key: str, raw: Raw) -> str:
    return f"{key}（环境变量 {raw.origin[key]}）" if key in raw.origin else key


# --- building ---------------------------------------------------------------------------------------------------------


def _converter(kind: type, derived: frozenset[str]) -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    hooks: dict[type, Callable[[Any, Any], Any]] = {
        str: _text, int: _whole, float: _number, bool: _switch, bytes: _bytes, Path: _path, datetime: _instant,
    }  # fmt: skip
    for leaf, hook in hooks.items():
        converter.register_structure_hook(leaf, hook)
    converter.register_structure_hook_func(partial(_same, Path | None), _path_or_none)
    converter.register_structure_hook_func(partial(_same, datetime | None), _instant_or_none)
    converter.register_structure_hook_func(partial(_same, tuple[str, ...]), _texts)
    converter.register_structure_hook_func(_is_choice, _choice)
    _register(converter, kind, "", derived)
    return converter


def _same(wanted: Any, found: Any) -> bool:
    return bool(found == wanted)


def _is_choice(found: Any) -> bool:
    return str(found).startswith("typing.Literal")


def _register(converter: Converter, kind: Any, prefix: str, derived: frozenset[str]) -> None:
    """Structure each dataclass without its derived fields, the innermost first."""
    hints = get_type_hints(kind)
    omitted = {}
    for one in fields(kind):
        if is_dataclass(hints[one.name]):
            _register(converter, hints[one.name], f"{prefix}{one.name}.", derived)
        if f"{prefix}{one.name}" in derived:
            omitted[one.name] = override(omit=True)
    build = make_dict_structure_fn(kind, converter, **omitted)  # type: ignore[arg-type]
    converter.register_structure_hook(kind, partial(_section, build))


def _section(build: Callable[[Any, Any], Any], value: Any, kind: Any) -> Any:
    if not isinstance(value, dict):
        raise _Refused("应为一节（[…]），其下再写各键")
    if kind is TicketSettings:
        value = _long_enough(value)
    return build(value, kind)


def _long_enough(value: dict[str, Any]) -> dict[str, Any]:
    """No secret, or one too short, must not raise inside the room: it is generated, or told of as a broken rule."""
    try:
        secret = _bytes(value.get("code_secret"), bytes)
    except _Refused:
        return value
    return value if len(secret) >= SHORTEST_SECRET else value | {"code_secret": UNSET.decode()}


# --- leaves -----------------------------------------------------------------------------------------------------------


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise _Refused("应为文字，请加引号")
    if value.startswith(FROM_FILE) and not value.startswith(ADDRESS):
        return _file_content(value.removeprefix(FROM_FILE))
    return str(value)


def _file_content(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise _Refused("所指的文件无法读取") from None


def _bytes(value: Any, kind: Any) -> bytes:
    return _text(value, kind).encode()


def _whole(value: Any, _: Any) -> int:
    if isinstance(value, EnvText) and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Refused("应为整数，不加引号")
    return value


def _number(value: Any, _: Any) -> float:
    if isinstance(value, EnvText) and re.fullmatch(r"-?\d{1,9}(\.\d+)?", value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused("应为数字，不加引号")
    return float(value)


def _switch(value: Any, _: Any) -> bool:
    if isinstance(value, EnvText) and value.lower() in _SWITCH:
        return _SWITCH[value.lower()]
    if not isinstance(value, bool):
        raise _Refused("应为 true 或 false，不加引号")
    return value


def _path(value: Any, kind: Any) -> Path:
    if text := _text(value, kind):
        return Path(text)
    raise _Refused("应为目录或文件的路径，不能为空")


def _path_or_none(value: Any, kind: Any) -> Path | None:
    return Path(text) if (text := _text(value, kind)) else None


def _instant(value: Any, kind: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(_text(value, kind))
    except ValueError:
        instant = datetime.min  # noqa: DTZ901 - refused in the next line
    if instant.tzinfo is None:
        raise _Refused("应为带时区的时刻，如 2026-06-01T10:00:00+08:00")
    return instant


def _instant_or_none(value: Any, kind: Any) -> datetime | None:
    return None if value is None or value == "" else _instant(value, kind)


def _texts(value: Any, _: Any) -> tuple[str, ...]:
    if isinstance(value, EnvText):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _Refused('应为文字的列表，如 ["甲", "乙"]')
    return tuple(value)


def _choice(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise _Refused("只能是 " + "、".join(get_args(kind)) + " 之一")
    return str(value)


# --- faults -----------------------------------------------------------------------------------------------------------


def _walk(error: BaseException, kind: Any, path: str) -> dict[str, str]:
    """Every fault below this one: key path -> what is expected."""
    found: dict[str, str] = {}
    if isinstance(error, ForbiddenExtraKeysError):
        known = [one.name for one in fields(kind)]
        prefix = f"{path}." if path else ""
        return {f"{prefix}{name}": _unknown(name, known) for name in error.extra_fields}
    if isinstance(error, ClassValidationError | IterableValidationError):
        for inner in error.exceptions:
            name = next(
                (n.name for n in getattr(inner, "__notes__", ()) if isinstance(n, AttributeValidationNote)),
                "",
            )
            below = ".".join(part for part in (path, name) if part)
            found |= _walk(inner, get_type_hints(kind).get(name, kind), below)
        return found
    return {
        path: str(error) if isinstance(error, _Refused) else "此项不可用，请对照 config/hotline.example.toml"
    }


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"没有这一项，是否应为 {close[0]}？" if close else "没有这一项，请对照 config/hotline.example.toml"


def _broken_rules(values: dict[str, Any], converter: Converter, kind: Any) -> Iterator[tuple[str, str]]:
    """Each key whose type is right and whose value is not; then what does not go together."""
    good: dict[str, Any] = {}
    for section, hint in get_type_hints(kind).items():
        given = values.get(section, {})
        for key, leaf in get_type_hints(hint).items() if is_dataclass(hint) else ():
            if not isinstance(given, dict) or key not in given:
                continue
            try:
                value = good[f"{section}.{key}"] = converter.structure(given[key], leaf)
            except (ValueError, ClassValidationError, IterableValidationError):
                continue
            if text := RULES.get(f"{section}.{key}", plain)(value):
                yield f"{section}.{key}", text
    sections = {section: hint for section, hint in get_type_hints(kind).items() if is_dataclass(hint)}
    defaults = {f"{name}.{one.name}": one.default for name, hint in sections.items() for one in fields(hint)}
    yield from together(values, defaults | good)
