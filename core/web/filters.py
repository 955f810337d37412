"""How values look on a page: Beijing time, masked numbers, spans of time."""

from datetime import date, datetime
from typing import Any

from core.clock import beijing
from core.log import mask_number

_WEEKDAYS = "一二三四五六日"


def moment(instant: datetime | None) -> str:
    """2026-06-01 10:00:05 in Beijing time."""
    return beijing(instant).strftime("%Y-%m-%d %H:%M:%S") if instant else "—"


def minute(instant: datetime | None) -> str:
    """2026-06-01 10:00 in Beijing time."""
    return beijing(instant).strftime("%Y-%m-%d %H:%M") if instant else "—"


def day(value: date | None) -> str:
    """2026年6月1日（周一）; an instant is taken as its Beijing day."""
    if value is None:
        return "—"
    local = beijing(value).date() if isinstance(value, datetime) else value
    return f"{local.year}年{local.month}月{local.day}日（周{_WEEKDAYS[local.weekday()]}）"


def span(seconds: float | None) -> str:
    """1:05:09 or 5:09, from seconds."""
    if seconds is None:
        return "—"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def code(digits: str) -> str:
    """A query code as people read it: 5720 4419 8035."""
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


FILTERS: dict[str, Any] = {
    "moment": moment,
    "minute": minute,
    "day": day,
    "span": span,
    "code": code,
    "mask": mask_number,
}
