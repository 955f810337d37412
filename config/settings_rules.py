"""Which values of the right type are still no good (设置规则): of single keys, and of keys together. Each says in Chinese what is."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from config.secrets import ADDRESS
from reports.training.models import Topic
from tickets.settings import SHORTEST_SECRET

_ENGINES = {"sqlite+aiosqlite", "postgresql+asyncpg"}


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


def plain(value: Any) -> str:
    """The rule of keys without one of their own."""
    return '要从文件读取，请写 "file:/路径"（一条斜线）' if str(value).startswith(ADDRESS) else ""


def _secret(value: bytes) -> str:
    good = f"至少 {SHORTEST_SECRET} 个字符，留空则自动生成"
    return plain(value.decode()) or ("" if not value or len(value) >= SHORTEST_SECRET else good)


def _depot(value: str) -> str:
    is_good = not value or re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/[\w./-]*)?|file:///.+", value)
    return "" if is_good else '应为 "s3://桶名/前缀" 或 "file:///目录"'


def _node_name(value: str) -> str:
    return "" if re.fullmatch(r"[A-Za-z0-9]{1,12}", value) else "应为 1～12 位字母或数字"


RULES: dict[str, Callable[[Any], str]] = {
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


def together(values: dict[str, Any], one: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, sentence) of what does not go together; `one`: every key of the sections, with defaults."""
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
