"""How many seats a stream of calls needs (座席需求): Erlang C, M/M/c with callers who wait. Pure.

Erlang C takes callers as endlessly patient, so it asks for a little more than real callers do; 「15秒应答率」 is the promise
that it is asked for. The recurrence for Erlang B keeps every number between 0 and 1, so that no load overflows.
"""

import math

MOST_SEATS = 2000


def waiting_share(load: float, seats: int) -> float:
    """The share of callers who have to wait (Erlang C) when `load` Erlang meet so many seats; 1 when they cannot cope."""
    if load <= 0:
        return 0.0
    if seats <= load:
        return 1.0
    blocked = 1.0
    for number in range(1, seats + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / seats * (1 - blocked))


def answered_share(load: float, seats: int, handling_s: float, within_s: float) -> float:
    """The share of callers answered within so many seconds."""
    if load <= 0:
        return 1.0
    if seats <= load:
        return 0.0
    return 1 - waiting_share(load, seats) * math.exp(-(seats - load) * within_s / handling_s)


def seats_needed(calls_per_hour: float, handling_s: float, share: float, within_s: float) -> int:
    """The fewest seats that answer this share of the callers within so many seconds; 0 without calls."""
    load = calls_per_hour * handling_s / 3600
    if load <= 0:
        return 0
    seats = math.floor(load) + 1
    while answered_share(load, seats, handling_s, within_s) < share and seats < MOST_SEATS:
        seats += 1
    return seats
