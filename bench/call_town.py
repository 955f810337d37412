"""A province full of calls (造数): call records, the lines of their transfers and ratings, in bulk, beside `ticket_town`.

Eighteen months of calls up to `NOW`, spread evenly over regions and hours. Of ten calls seven ask for an operator; most are
answered, some give up at once or later; of the answered a quarter is put through to a unit. Nothing here is random.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bench.ticket_town import NOW, Tell, Town, row_of, store
from core.db import Database

SPAN_S = 546 * 86_400
LINES = ("96128", "96129")
NUMBERS = 2_000_000
"""Different telephones that call."""
"""Calls have ids 1…n, the lines of the transfer of call n are 2n − 1 and 2n."""


async def fill(db: Database, town: Town, operator_id: int, calls: int, tell: Tell) -> None:
    """All calls, their transfers' lines and the operators' ratings; `tell` hears how far it is."""
    for name, rows in (
        ("calls", _calls(town, operator_id, calls)),
        ("call_events", _events(town, calls)),
        ("satisfaction_ratings", _ratings(operator_id, calls)),
    ):
        columns = next(rows)
        await store(db, name, columns, rows, tell)
    async with db.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("ANALYZE")


def _mixed(number: int) -> int:
    return number * 2_654_435_761 % 2**32


def _started_at(number: int, calls: int) -> Any:
    return NOW - timedelta(seconds=SPAN_S * (calls - number) // calls, milliseconds=number % 1000)


def _place(town: Town, number: int) -> tuple[int, int]:
    return town.departments[_mixed(number) % len(town.departments)]


def _is_through(number: int) -> bool:
    """Whether the call was answered and then put through to a unit."""
    return number % 10 in {0, 5}


def _calls(town: Town, operator_id: int, calls: int) -> Iterator[Any]:
    common = row_of("calls", linkedid="", line="", region_id=0, started_at=NOW, queued_at=None, answered_at=None,
                    ended_at=NOW, end="", operator_id=None, liaison_unit_id=None, talk_ms=0,
                    caller_number="")  # fmt: skip
    common["id"] = 0
    yield list(common)
    for number in range(1, calls + 1):
        at, (unit, region), way = _started_at(number, calls), _place(town, number), number % 10
        own: dict[str, Any] = {
            "id": number, "linkedid": f"b{number}", "line": LINES[number % 2], "region_id": region, "started_at": at,
            "caller_number": f"138{_mixed(number) % NUMBERS:08}",
            "ended_at": at + timedelta(seconds=90), "end": "menu" if way > 7 else "self_service",
        }  # fmt: skip
        if way < 7:
            queued = at + timedelta(seconds=8)
            own |= {
                "queued_at": queued,
                "end": "queue",
                "ended_at": queued + timedelta(seconds=3 if number % 4 else 40),
            }
        if way < 6:
            answered = queued + timedelta(milliseconds=2_000 + _mixed(number) % 18_000)
            own |= {
                "answered_at": answered, "ended_at": answered + timedelta(seconds=150), "operator_id": operator_id,
                "end": "liaison" if _is_through(number) else "operator", "talk_ms": 150_000,
                "liaison_unit_id": unit if _is_through(number) else None,
            }  # fmt: skip
        yield tuple((common | own).values())


def _events(town: Town, calls: int) -> Iterator[Any]:
    columns = ["id", "call_id", "at", "kind", "channel", "data"]
    yield columns
    for number in range(1, calls + 1):
        if not _is_through(number):
            continue
        at, (unit, _) = _started_at(number, calls) + timedelta(seconds=60), _place(town, number)
        data = json.dumps({"unit": unit})
        taken = "transfer_failed" if number % 50 == 0 else "transfer_answered"
        yield (number * 2 - 1, number, at, "transfer_started", "", data)
        yield (
            number * 2,
            number,
            at + timedelta(milliseconds=1_000 + _mixed(number) % 24_000),
            taken,
            "",
            data,
        )


def _ratings(operator_id: int, calls: int) -> Iterator[Any]:
    common = row_of("satisfaction_ratings", subject="", about="operator", call_id=0, user_id=operator_id, score=1,
                    channel="phone", first_at=NOW, changed_at=NOW)  # fmt: skip
    common["id"] = 0
    yield list(common)
    for number in range(1, calls + 1, 10):
        at = _started_at(number, calls)
        own = {"id": number, "subject": f"call:{number}:operator", "call_id": number, "score": 1 + _mixed(number) % 3,
               "first_at": at, "changed_at": at}  # fmt: skip
        yield tuple((common | own).values())
