"""Recorded AMI traces (AMI 轨迹): reads them, feeds the tracker with them, gives back the story it tells."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ivr.tracking.live_call import LedgerLine, Party, TransferState
from ivr.tracking.tracker import Tracker

FOLDER = Path(__file__).parents[1] / "traces"
Row = dict[str, Any]
START = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.jsonl"))


def read(name: str) -> list[Row]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def feed(rows: Iterable[Row], tracker: Tracker) -> list[LedgerLine]:
    """Every line of the rows, in order; a step of the desk is done where it was recorded."""
    lines: list[LedgerLine] = []
    for number, row in enumerate(rows):
        if "Did" in row:
            _transfer(row, tracker)
        else:
            lines += tracker.handle(row, _instant(row, number))
    return lines


def _instant(row: Row, number: int) -> datetime:
    stamp = row.get("Timestamp", "")
    return datetime.fromtimestamp(float(stamp), UTC) if stamp else START + timedelta(milliseconds=number)


def _transfer(row: Row, tracker: Tracker) -> None:
    call = tracker.calls.get(row["linkedid"])
    if call and row["Did"] == "cancel":
        call.transfer = None
    elif call:
        names = ("mode", "unit_id", "unit_name", "liaison_name", "by", "back_to")
        parties = tuple(Party(**{**one, "dials": tuple(one["dials"])}) for one in row["parties"])
        call.transfer = TransferState(
            **{name: row[name] for name in names}, extensions=tuple(row["extensions"]), parties=parties
        )
        call.phase = "transferring"


def story(lines: Iterable[LedgerLine]) -> list[str]:
    """Each line as a word or two: kind, and what distinguishes it."""
    return [" ".join([line.kind, *(str(line.data[key]) for key in ("extension", "to", "why", "mode") if key in line.data)])
            for line in lines]  # fmt: skip
