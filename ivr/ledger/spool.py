"""Ledger batches on local disk (暂存) while the database cannot take them: appended, fsynced, read again in order.

One file for each writer (one process), one JSON line for each batch. Which batches the database has is noted there
(`ivr.models.LedgerMark`); a file is removed when it has all of them. A last line that a crash has cut off is ignored: its
writer was never told that it is safe.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from core.db import UtcDateTime
from ivr.tracking.live_call import LedgerLine
from recordings.models import Call

log = structlog.get_logger()
Facts = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Lines in order, and columns of call records by linkedid; numbered by its writer from 1."""

    number: int
    lines: list[LedgerLine]
    facts: dict[str, Facts] = field(default_factory=dict)

    def of(self, linkedid: str) -> "Batch":
        """The part that concerns one call."""
        facts = {linkedid: self.facts[linkedid]} if linkedid in self.facts else {}
        return Batch(self.number, [line for line in self.lines if line.linkedid == linkedid], facts)

    @property
    def linkedids(self) -> list[str]:
        return list(dict.fromkeys([*(line.linkedid for line in self.lines), *self.facts]))


class Spool:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        """Batches set aside since the folder was last empty; of earlier processes only those already read."""
        self._whole: dict[str, int] = {}
        """Bytes of each writer's file that hold whole batches."""

    def writers(self) -> list[str]:
        """Writers with batches on disk, the oldest first."""
        return sorted(file.stem for file in self.folder.glob("*.jsonl"))

    async def append(self, writer: str, batches: list[Batch]) -> None:
        """Returns when they are on the disk; raises OSError when they are not."""
        await asyncio.to_thread(self._append, writer, b"".join(map(_dumped, batches)))
        self.count += len(batches)

    def _append(self, writer: str, data: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = self._whole.get(writer, 0)
        with (self.folder / f"{writer}.jsonl").open("ab") as file:
            if file.tell() > whole:  # a write that the disk took only in part
                file.truncate(whole)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._whole[writer] = whole + len(data)

    def read(self, writer: str) -> Iterator[Batch]:
        with (self.folder / f"{writer}.jsonl").open("rb") as file:
            for text in file:
                if not text.endswith(b"\n"):
                    log.warning("ledger_spool_cut", writer=writer)
                    return
                yield _loaded(text)

    def remove(self, writer: str) -> None:
        (self.folder / f"{writer}.jsonl").unlink()
        self._whole.pop(writer, None)
        self.count = self.count if self.writers() else 0


def _dumped(batch: Batch) -> bytes:
    lines = [[line.linkedid, line.at, line.kind, line.channel, line.data] for line in batch.lines]
    stored = {"number": batch.number, "lines": lines, "facts": batch.facts}
    return json.dumps(stored, ensure_ascii=False, default=_instant).encode() + b"\n"


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no ledger value: {value!r}")


def _loaded(text: bytes) -> Batch:
    stored = json.loads(text)
    lines = [
        LedgerLine(linkedid, datetime.fromisoformat(at), *rest) for linkedid, at, *rest in stored["lines"]
    ]
    facts = {key: {name: _column(name, value) for name, value in columns.items()}
             for key, columns in stored["facts"].items()}  # fmt: skip
    return Batch(stored["number"], lines, facts)


def _column(name: str, value: Any) -> Any:
    is_instant = isinstance(Call.__table__.c[name].type, UtcDateTime)
    return datetime.fromisoformat(value) if is_instant and value else value
