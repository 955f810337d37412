"""Whole numbers that forms and addresses hold (整数): one way to read them, and one sentence for a choice that is none."""

from core.errors import InvalidInput

KEY_DIGITS = 9
"""More than any table's key has, and within what PostgreSQL takes for one."""


def whole_number(text: str, digits: int = KEY_DIGITS) -> int | None:
    """`42`; None for anything but one to `digits` of the digits 0 to 9."""
    bare = text.strip()
    return int(bare) if bare.isascii() and bare.isdigit() and len(bare) <= digits else None


def read_key(text: str, label: str) -> int:
    """The key that a select or hidden field holds; raises InvalidInput in the name of the field `label`."""
    key = whole_number(text)
    if key is None:
        raise InvalidInput(field=label, reason="请从列表中选择")
    return key


def read_key_if_any(text: str, label: str) -> int | None:
    """As `read_key`; nothing chosen is None."""
    return read_key(text, label) if text.strip() else None
