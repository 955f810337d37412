"""Whole numbers from forms and addresses."""

import pytest

from core.errors import InvalidInput
from core.web.numbers import read_key, read_key_if_any, whole_number


@pytest.mark.parametrize(
    ("text", "number"), [("42", 42), (" 7 ", 7), ("007", 7), ("0", 0), ("999999999", 999_999_999)]
)
def test_digits_are_a_number(text: str, number: int):
    """Spaces around it do no harm."""
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " ", "-1", "1.0", "1e9", "٣", "９", "1 2", "1234567890", "x"])
def test_anything_else_is_none(text: str):
    """Other scripts' digits, signs, and more digits than a key may have are refused as a choice that was not offered."""
    assert whole_number(text) is None
    with pytest.raises(InvalidInput, match="请从列表中选择"):
        read_key(text, "单位")


def test_nothing_chosen_is_no_key():
    """An empty select is no choice; a wrong one is still refused."""
    assert read_key_if_any(" ", "单位") is None
    with pytest.raises(InvalidInput, match="单位"):
        read_key_if_any("x", "单位")
