"""The ledger's writer (通话流水): takes lines in order, stores them in batches, knows each call's key.

Callers never wait for the database: lines queue here and go out together a few times a second. Only who needs a
call's key (a ticket that refers to it) waits for the next batch.
"""

import asyncio
from collections import ChainMap
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db import Database
from ivr.tracker import Line
from recordings import ledger
from recordings.models import Call, CallEvent

log = structlog.get_logger()
BATCH_PAUSE_S = 0.2
"""A transaction costs as much as a dozen of its lines. What a killed process has not stored, Asterisk's CEL still has."""
RETRY_PAUSE_S = 1.0
Facts = dict[str, Any]


class Journal:
    """`region_of` gives the region's key for a dialled line."""

    def __init__(self, db: Database, region_of: Callable[[str], int | None]) -> None:
        self._db = db
        self._region_of = region_of
        self._lines: list[Line] = []
        self._facts: dict[str, Facts] = {}
        self._ids: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._stored = asyncio.Condition()
        self._given = self._kept = 0
        """How many additions there were, and how many of them the database has."""

    def add(self, *lines: Line) -> None:
        self._lines += lines
        self._given += 1
        self._wake.set()

    def set_facts(self, linkedid: str, **facts: Any) -> None:
        """Columns of the call record to update with the next batch."""
        self._facts.setdefault(linkedid, {}).update(facts)
        self._given += 1
        self._wake.set()

    async def call_id(self, linkedid: str) -> int:
        """The call's key, as soon as its arrival is stored."""
        async with self._stored:
            await self._stored.wait_for(lambda: linkedid in self._ids)
            return self._ids[linkedid]

    async def stored(self) -> None:
        """Return when the database has everything that was added up to now."""
        given = self._given
        async with self._stored:
            await self._stored.wait_for(lambda: self._kept >= given)

    def forget(self, linkedid: str) -> None:
        """The call is over and nobody will ask for its key again."""
        self._ids.pop(linkedid, None)

    def knows(self, linkedid: str) -> bool:
        return linkedid in self._ids

    async def remember(self, linkedids: list[str]) -> None:
        """Look up the keys of calls that a controller before this one has stored."""
        async with self._db.reading() as session:
            rows = await session.execute(select(Call.linkedid, Call.id).where(Call.linkedid.in_(linkedids)))
            self._ids.update((linkedid, key) for linkedid, key in rows)

    async def run(self, beat: Callable[[], None]) -> None:
        """Write batches for ever; a batch that fails is kept and tried again."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(BATCH_PAUSE_S)
            self._wake.clear()
            beat()
            await self.flush()

    async def flush(self) -> None:
        """Store everything that waits, in order."""
        lines, self._lines = self._lines, []
        facts, self._facts = self._facts, {}
        given = self._given
        if not lines and not facts:
            return
        try:
            await self._write_or_part(lines, facts)
        except Exception:
            log.exception("ledger_write_failed", lines=len(lines))
            self._lines = lines + self._lines
            self._facts = {
                key: facts.get(key, {}) | self._facts.get(key, {}) for key in {*facts, *self._facts}
            }
            await asyncio.sleep(RETRY_PAUSE_S)
            self._wake.set()
            return
        async with self._stored:
            self._kept = max(self._kept, given)
            self._stored.notify_all()

    async def _write_or_part(self, lines: list[Line], facts: dict[str, Facts]) -> None:
        """One call whose lines the database cannot take must not hold up all the others for ever."""
        try:
            await self._write(lines, facts)
        except (IntegrityError, DataError):
            log.warning("ledger_batch_parted", lines=len(lines))
            for linkedid in dict.fromkeys([*(line.linkedid for line in lines), *facts]):
                own = [line for line in lines if line.linkedid == linkedid]
                await self._write_call(own, {key: facts[key] for key in (linkedid,) if key in facts})

    async def _write_call(self, lines: list[Line], facts: dict[str, Facts]) -> None:
        try:
            await self._write(lines, facts)
        except (IntegrityError, DataError):
            log.exception("ledger_lines_rejected", lines=[(line.kind, line.channel) for line in lines])

    async def _write(self, lines: list[Line], facts: dict[str, Facts]) -> None:
        fresh: dict[str, int] = {}
        async with self._db.unit_of_work() as session:
            connection = (
                await session.connection()
            )  # tables, not objects: half the cost for rows by the dozen
            arrivals = [self._arrival(line) for line in lines if line.kind == ledger.ARRIVED]
            if arrivals:
                # not in the order of the rows: SQLite would need a statement for each
                stored = await connection.execute(insert(Call).returning(Call.linkedid, Call.id), arrivals)
                fresh.update((linkedid, key) for linkedid, key in stored)
            known = ChainMap(fresh, self._ids)
            if rows := [_event(line, known[line.linkedid]) for line in lines if line.linkedid in known]:
                await connection.execute(insert(CallEvent), rows)
            await _update_calls(
                connection, {known[key]: value for key, value in facts.items() if key in known}
            )
        self._ids.update(fresh)

    def _arrival(self, line: Line) -> Facts:
        return {
            "linkedid": line.linkedid,
            "direction": line.data.get("direction", "in"),
            "line": line.data["line"][:20],
            "region_id": self._region_of(line.data["line"]),
            "caller_number": line.data["caller"][:32],
            "started_at": line.at,
        }


def _event(line: Line, call_id: int) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "at": line.at,
        "kind": line.kind,
        "channel": line.channel[:64],
        "data": line.data,
    }


async def _update_calls(connection: AsyncConnection, facts: dict[int, Facts]) -> None:
    """One statement for each set of columns, many rows at a time."""
    groups: dict[tuple[str, ...], list[Facts]] = {}
    for key, columns in facts.items():
        groups.setdefault(tuple(sorted(columns)), []).append(
            {"b_id": key, **{f"b_{n}": v for n, v in columns.items()}}
        )
    for names, rows in groups.items():
        statement = update(Call).where(Call.id == bindparam("b_id"))
        await connection.execute(statement.values({name: bindparam(f"b_{name}") for name in names}), rows)
