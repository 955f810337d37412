"""Seats needed (Erlang C), against the values of printed tables and against what must hold whatever the load."""

import math

import pytest

from reports.erlang import answered_share, seats_needed, waiting_share


@pytest.mark.parametrize(
    ("load", "seats", "share"),
    [(1, 2, 1 / 3), (2, 3, 4 / 9), (10, 12, 0.4494), (10, 15, 0.1020), (0, 3, 0), (5, 5, 1)],
)
def test_the_share_that_waits_is_that_of_the_tables(load: float, seats: int, share: float):
    """C(2, 1) = 1/3, C(3, 2) = 4/9, and two of the printed values for 10 Erlang."""
    assert waiting_share(load, seats) == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("load", [0.5, 3.0, 13.8])
def test_it_equals_the_formula_written_out(load: float):
    """The recurrence gives what sums of powers and factorials give where these are small enough to reckon."""
    for seats in range(math.floor(load) + 1, math.floor(load) + 12):
        last = load**seats / math.factorial(seats) * seats / (seats - load)
        whole = sum(load**number / math.factorial(number) for number in range(seats)) + last
        assert waiting_share(load, seats) == pytest.approx(last / whole)


@pytest.mark.parametrize(("calls", "seats"), [(0, 0), (9, 3), (280, 20), (316, 23)])
def test_seats_needed_grow_with_the_calls(calls: int, seats: int):
    """180 s a call, 95 % within 15 s: the smallest number that keeps the promise, one fewer breaks it."""
    needed = seats_needed(calls, 180, 0.95, 15)
    load = calls * 180 / 3600
    assert abs(needed - seats) <= 1
    assert answered_share(load, needed, 180, 15) >= 0.95
    assert needed == 0 or answered_share(load, needed - 1, 180, 15) < 0.95


def test_a_load_of_thousands_neither_overflows_nor_runs_for_ever():
    """Ten thousand calls an hour are reckoned like ten."""
    assert 500 < seats_needed(10_000, 180, 0.9, 15) < 560
