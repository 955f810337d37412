"""Logging: structlog through the standard library, so that every dependency shares one format.

Phone numbers and secrets never reach a log (M-86): a processor masks them in every field.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_PHONE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)|(?<!\d)(0\d{2,3}-?)\d{5,6}(\d{2})(?!\d)")
_SECRET_FIELDS = frozenset({"password", "secret", "token", "query_code", "authorization", "cookie", "ha1"})


def mask_number(number: str | None) -> str:
    """A phone number as people may see it by default: 138****5678, 0872-*****78, 未显示."""
    if not number or not any(c.isdigit() for c in number):
        return "未显示"
    if number.isdigit() and len(number) == 11 and number.startswith("1"):
        return f"{number[:3]}****{number[-4:]}"
    if number.startswith("0") and len(number) >= 10:
        area = number[:3] if number[1] in "12" else number[:4]
        return f"{area}-*****{number[-2:]}"
    return number if len(number) <= 5 else "*" * (len(number) - 2) + number[-2:]


def mask_text(text: str) -> str:
    """The text with every phone number in it masked."""
    return _PHONE.sub(lambda m: f"{m[1]}****{m[2]}" if m[1] else f"{m[3]}*****{m[4]}", text)


def _mask_fields(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in fields.items():
        if key in _SECRET_FIELDS:
            fields[key] = "***"
        elif isinstance(value, str):
            fields[key] = mask_text(value)
    return fields


def configure(level: str = "INFO", *, json: bool = False) -> None:
    """Set up logging for this process; `json` for machines, otherwise for a terminal."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        _mask_fields,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("fontTools").setLevel(logging.WARNING)
