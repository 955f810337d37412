"""Query codes and the text people type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.web import filters
from tickets.query_codes.codes import (
    QueryCodeInvalid,
    QueryCodeUnknown,
    check_digit,
    is_well_formed,
    new_code,
    normalised,
)
from tickets.settings import TicketSettings
from tickets.text import LIMITS, TextTooLong, clean

codes = st.builds(new_code)


def test_known_check_digit():
    """Damm's own example: 572 has check digit 4."""
    assert check_digit("572") == "4"


@given(codes)
def test_codes_are_twelve_digits_that_survive_a_spreadsheet(code: str):
    """Twelve digits, the first not zero, the last the check digit."""
    assert len(code) == 12
    assert code.isdigit()
    assert code[0] != "0"
    assert is_well_formed(code)


@given(codes, st.integers(0, 11), st.integers(1, 9))
def test_every_wrong_digit_is_caught(code: str, place: int, shift: int):
    """One wrong digit never makes another good code."""
    wrong = str((int(code[place]) + shift) % 10)
    assert not is_well_formed(code[:place] + wrong + code[place + 1 :])


@given(codes, st.integers(0, 10))
def test_every_swap_of_neighbours_is_caught(code: str, place: int):
    """Two neighbouring digits swapped never make another good code."""
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert swapped == code or not is_well_formed(swapped)


@given(codes)
def test_spaces_and_dashes_are_ignored(code: str):
    """The printed form 4-4-4 and what people make of it is the same code."""
    printed = filters.code(code)
    assert printed.count(" ") == 2
    for typed in (code, printed, printed.replace(" ", "-"), f" {code} "):
        assert normalised(typed) == code


@pytest.mark.parametrize(
    "typed", ["", "1", "1234567890123", "０" * 12, "0" * 12, "abc", "²" * 12, "1" * 100_000]
)
def test_what_is_no_code_is_refused_quietly(typed: str):
    """Anything else is one refusal, the same sentence as for an unknown code."""
    with pytest.raises(QueryCodeInvalid) as refused:
        normalised(typed)
    assert refused.value.message == QueryCodeUnknown().message
    assert refused.value.code == QueryCodeUnknown.code


def test_a_short_secret_is_refused_and_never_shown():
    """The key of the hash has a least length and stays out of logs."""
    with pytest.raises(ValueError, match="16 bytes"):
        TicketSettings(code_secret=b"short")
    assert "secret of" not in repr(TicketSettings(code_secret=b"secret of sixteen bytes"))


@given(st.text(max_size=300))
def test_cleaning_is_final_and_storable(text: str):
    """Cleaned text has no control or direction marks, is stable, and can be stored as UTF-8."""
    once = clean("question", text)
    assert clean("question", once) == once
    assert not set(once) & set("\x00\x07\x7f\x85\u202a\u202e\u2066\u2069\u200e\u200f\u061c\ufeff\r")
    once.encode()


def test_each_field_has_its_limit():
    """A text as long as its limit is kept whole, one character more is refused with the field's name."""
    for field, (label, limit) in LIMITS.items():
        assert len(clean(field, "字" * limit)) == limit
        with pytest.raises(TextTooLong, match=label):
            clean(field, "字" * (limit + 1))


@pytest.mark.parametrize("value", [1, 1.5, ["x"], {"a": 1}, b"x", True])
def test_only_text_is_text(value: object):
    """Numbers, lists and bytes are refused, nothing stands for empty."""
    with pytest.raises(InvalidInput, match="应为文字"):
        clean("question", value)
    assert clean("question", None) == ""


def test_codes_do_not_repeat_in_practice():
    """Random codes come from the whole space."""
    assert len({new_code() for _ in range(5_000)}) == 5_000
