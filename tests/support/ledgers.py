"""Ledgers written by hand (手写流水): one line per tuple of seconds, kind and data, for tests of the story."""

from datetime import UTC, datetime, timedelta
from typing import Any

from recordings.call_story.legs import LedgerLine

START = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
CALLER = "n1-100.1"
OPERATOR, LIAISON, UNIT = 11, 22, 7


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def lines(*rows: tuple[float, str, dict[str, Any]], channel: str = CALLER) -> list[LedgerLine]:
    """A `channel` key in a row's data names that line's channel."""
    return [
        LedgerLine(
            at(s), kind, data.get("channel", channel), {k: v for k, v in data.items() if k != "channel"}
        )
        for s, kind, data in rows
    ]


def attended_transfer() -> list[LedgerLine]:
    """Menu 10 s, queue 6 s, operator 20 s, caller holds 15 s while the liaison is consulted, liaison 30 s, survey."""
    operator = {"extension": "1001", "user": OPERATOR}
    liaison = {"extension": "2001", "user": LIAISON, "unit": UNIT}
    return lines(
        (0, "arrived", {"line": "96128"}),
        (0.1, "node", {"node": "WELCOME"}),
        (6, "node", {"node": "MAIN"}),
        (9, "key", {"node": "MAIN", "key": "0"}),
        (9.2, "node", {"node": "OP-QUEUE"}),
        (10, "queued", {"queue": "operators", "position": 1}),
        (11, "offered", {**operator, "channel": "n1-100.2"}),
        (16, "answered", {**operator, "role": "operator", "wait_ms": 6000, "channel": "n1-100.2"}),
        (16, "left_queue", {"why": "answered"}),
        (16, "bridged", {"bridge": "b1", "extension": "1001", "channel": "n1-100.2"}),
        (36, "unbridged", {"bridge": "b1"}),
        (36, "transfer_started", {"mode": "attended", "unit": UNIT, "extension": "2001", "by": "1001"}),
        (41, "transfer_answered", {**liaison, "channel": "n1-100.3"}),
        (51, "transfer_completed", {"mode": "attended", "unit": UNIT}),
        (51, "bridged", {"bridge": "b3", "extension": "2001", "channel": "n1-100.3"}),
        (51, "party_left", {**operator, "channel": "n1-100.2"}),
        (81, "unbridged", {"bridge": "b3"}),
        (81, "party_left", {"extension": "2001", "user": LIAISON, "channel": "n1-100.3"}),
        (81.2, "node", {"node": "CODE"}),
        (92, "code_spoken", {"times": 2}),
        (92, "node", {"node": "SURVEY"}),
        (96, "surveyed", {"about": "operator", "score": 1}),
        (96, "node", {"node": "SURVEY-UNIT"}),
        (100, "surveyed", {"about": "unit", "score": None, "unit": UNIT}),
        (102, "ended", {"cause": "caller", "node": "BYE"}),
    )
