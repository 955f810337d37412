"""Dates that people type (日期): one way to read them, and one sentence for what is none."""

from datetime import date

from core.errors import InvalidInput

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""Beyond these a working day or an offset may leave what a date can be."""


def read_day(text: str, label: str) -> date:
    """`2026-06-01`; raises InvalidInput in the name of the field `label`."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(field=label, reason="请填写日期，如 2026-06-01") from None
    if not EARLIEST <= day <= LATEST:
        raise InvalidInput(field=label, reason=f"请填写 {EARLIEST.year} 年到 {LATEST.year} 年之间的日期")
    return day


def read_day_if_any(text: str, label: str) -> date | None:
    """As `read_day`; nothing typed is None."""
    return read_day(text, label) if text.strip() else None
