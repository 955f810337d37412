"""Raw settings -> typed settings, or every fault at once as a Chinese sentence. Never repeats a value: it may be secret.

cattrs builds the dataclasses; the hooks here keep it from turning 5 into "5". Rules for single keys are in `_RULES`,
rules between keys in `_together`.
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
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from config.secrets import ADDRESS, FROM_FILE, UNSET
from config.settings_source import EnvText, Raw
from core.errors import HotlineError
from reports.training.models import Topic
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
_ENGINES = {"sqlite+aiosqlite", "postgresql+asyncpg"}


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


def _port(value: int) -> str:
    return "" if 0 < value < 65536 else "应为 1～65535 的端口号"


def _port_or_auto(value: int) -> str:
    return "" if value == 0 else _port(value)


def _positive(value: float) -> str:
    return "" if value > 0 else "应大于 0"


def _not_negative(value: float) -> str:
    return "" if value >= 0 else "不能为负数"


def _percent(value: float) -> str:
    return "" if 0 <= value <= 100 else "应为 0～100，0 为不设目标"


def _database(value: str) -> str:
    try:
        fits = not value or make_url(value).drivername in _ENGINES
    except ArgumentError:
        fits = False
    return (
        ""
        if fits
        else "应为 sqlite+aiosqlite:///文件 或 postgresql+asyncpg://用户:密码@主机/库名，留空为自带数据库"
    )


def _one_of(*choices: str) -> Callable[[str], str]:
    return lambda value: "" if value in choices else "只能是 " + "、".join(choices) + " 之一"


def _digits(value: str) -> str:
    return "" if re.fullmatch(r"\d{3,15}", value) else "应为 3～15 位数字"


def _topics(value: tuple[str, ...]) -> str:
    return "" if set(value) <= set(Topic) else "只能是 " + "、".join(Topic) + " 中的几项"


def _plain(value: Any) -> str:
    return '要从文件读取，请写 "file:/路径"（一条斜线）' if str(value).startswith(ADDRESS) else ""


def _secret(value: bytes) -> str:
    good = f"至少 {SHORTEST_SECRET} 个字符，留空则自动生成"
    return _plain(value.decode()) or ("" if not value or len(value) >= SHORTEST_SECRET else good)


def _depot(value: str) -> str:
    is_good = not value or re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/[\w./-]*)?|file:///.+", value)
    return "" if is_good else '应为 "s3://桶名/前缀" 或 "file:///目录"'


def _node_name(value: str) -> str:
    return "" if re.fullmatch(r"[A-Za-z0-9]{1,12}", value) else "应为 1～12 位字母或数字"


_RULES: dict[str, Callable[[Any], str]] = {
    "database.url": _database,
    "database.pool_size": _positive,
    "http.port": _port,
    "http.session_hours": _positive,
    "http.idle_minutes": _positive,
    "http.max_body_kb": _positive,
    "http.login_failures": _positive,
    "http.lockout_minutes": _positive,
    "http.address_failures": _positive,
    "line.number": _digits,
    "asterisk.mode": _one_of("embedded", "external"),
    "asterisk.sip_port": _port,
    "asterisk.ami_port": _port,
    "asterisk.http_port": _port_or_auto,
    "asterisk.rtp_start": _port,
    "asterisk.rtp_end": _port,
    "asterisk.system_name": _node_name,
    "calls.ring_s": _positive,
    "calls.queue_limit_s": _positive,
    "calls.menu_limit_s": _positive,
    "calls.survey_s": _positive,
    "calls.wrap_up_remind_s": _positive,
    "recordings.depot": _depot,
    "recordings.settle_ms": _not_negative,
    "recordings.leftover_s": _not_negative,
    "recordings.keep_talk_days": _positive,
    "recordings.keep_complaint_days": _positive,
    "recordings.least_free_mb": _not_negative,
    "recordings.operator_days": _not_negative,
    "tickets.code_secret": _secret,
    "tickets.code_failures_a_day": _positive,
    "tickets.code_alarm_a_minute": _positive,
    "tickets.code_slow_s": _not_negative,
    "tickets.rating_changes_days": _not_negative,
    "training.operator": _topics,
    "training.liaison": _topics,
    "training.head": _topics,
    "training.window": _topics,
    "training.warn_days": _not_negative,
    "reports.on_spot_target": _percent,
    "reports.in_time_target": _percent,
    "reports.weight_success": _not_negative,
    "reports.weight_accuracy": _not_negative,
    "reports.weight_speed": _not_negative,
    "reports.weight_answered": _not_negative,
    "reports.weight_prompt": _not_negative,
    "reports.connect_within_s": _positive,
    "prompts.timeout_s": _positive,
    "caller_phone.calls_a_minute": _positive,
    "log.level": _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
}


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
            if text := _RULES.get(f"{section}.{key}", _plain)(value):
                yield f"{section}.{key}", text
    sections = {section: hint for section, hint in get_type_hints(kind).items() if is_dataclass(hint)}
    defaults = {f"{name}.{one.name}": one.default for name, hint in sections.items() for one in fields(hint)}
    yield from _together(values, defaults | good)


def _together(values: dict[str, Any], one: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if values.get("test_clock") and values.get("mode", "production") not in ("test", "demo"):
        yield "test_clock", "测试时钟只能在 mode 为 test 或 demo 时使用"
    if one["asterisk.rtp_end"] <= one["asterisk.rtp_start"]:
        yield "asterisk.rtp_end", "应大于 asterisk.rtp_start"
    ports = ("http.port", "asterisk.sip_port", "asterisk.ami_port", "asterisk.http_port")
    for number, key in enumerate(ports):
        if same := [earlier for earlier in ports[:number] if one[earlier] and one[earlier] == one[key]]:
            yield key, f"与 {same[0]} 使用了同一端口"
    if one["asterisk.mode"] == "external":
        for key in ("asterisk.ami_secret", "asterisk.spool_dir", "asterisk.http_port"):
            if not one[key]:
                yield key, "asterisk.mode 为 external 时必须填写"
