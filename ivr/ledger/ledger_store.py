"""Ledger batches into the database (流水入库): each exactly once, however often it is tried; learns each call's key."""

from collections import ChainMap
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from core.db import Database
from ivr.ledger.spool import Batch, Facts
from ivr.models import LedgerMark
from ivr.tracking.live_call import LedgerLine
from recordings import ledger
from recordings.models import Call, CallEvent, CallMark

log = structlog.get_logger()


class LedgerStore:
    """`region_of` gives the region's key for a dialled line."""

    def __init__(self, db: Database, region_of: Callable[[str], int | None]) -> None:
        self._db = db
        self._region_of = region_of
        self.ids: dict[str, int] = {}
        """Keys of calls by linkedid."""

    async def remember(self, linkedids: Iterable[str]) -> None:
        """Look up the keys of calls that a controller before this one has stored."""
        async with self._db.reading() as session:
            self.ids.update(await _keys(await session.connection(), linkedids))

    async def stored_by(self, writer: str) -> int:
        """Number of the writer's last stored batch; a writer that is new is entered with 0."""
        async with self._db.unit_of_work() as session:
            mark = await session.get(LedgerMark, writer)
            if mark is None:
                mark = LedgerMark(writer=writer, stored=0)
                session.add(mark)
            return mark.stored

    async def put(self, writer: str, batch: Batch) -> None:
        """Store the whole batch or nothing. One that an earlier try has stored, though its commit was not answered, is left alone."""
        mark = update(LedgerMark).where(LedgerMark.writer == writer, LedgerMark.stored < batch.number)
        async with self._db.unit_of_work() as session:
            connection = await session.connection()
            marked = await connection.execute(mark.values(stored=batch.number))
            if marked.rowcount:
                fresh = await self._write_or_part(session, batch)
            else:
                fresh = await _keys(connection, batch.linkedids)
        self.ids.update(fresh)

    async def _write_or_part(self, session: AsyncSession, batch: Batch) -> dict[str, int]:
        """Store the batch, or call by call if it is refused: one call's impossible lines must not hold up all the others for ever."""
        try:
            async with session.begin_nested():
                return await self._write(await session.connection(), batch)
        except (IntegrityError, DataError):
            log.warning("ledger_batch_parted", lines=len(batch.lines))
        fresh: dict[str, int] = {}
        for linkedid in batch.linkedids:
            fresh |= await self._write_call(session, batch.of(linkedid))
        return fresh

    async def _write_call(self, session: AsyncSession, batch: Batch) -> dict[str, int]:
        try:
            async with session.begin_nested():
                return await self._write(await session.connection(), batch)
        except (IntegrityError, DataError):
            log.exception("ledger_lines_rejected", lines=[(line.kind, line.channel) for line in batch.lines])
            return {}

    async def _write(self, connection: AsyncConnection, batch: Batch) -> dict[str, int]:
        """With statements on tables instead of mapped objects, at half the cost."""
        fresh: dict[str, int] = {}
        if arrivals := [self._arrival(line) for line in batch.lines if line.kind == ledger.ARRIVED]:
            # not in the order of the rows: SQLite would need a statement for each
            stored = await connection.execute(insert(Call).returning(Call.linkedid, Call.id), arrivals)
            fresh.update((linkedid, key) for linkedid, key in stored)
        known = ChainMap(fresh, self.ids)
        if strangers := [linkedid for linkedid in batch.linkedids if linkedid not in known]:
            fresh |= await _keys(connection, strangers)
        if rows := [event_row(line, known[line.linkedid]) for line in batch.lines if line.linkedid in known]:
            await connection.execute(insert(CallEvent), rows)
        await update_calls(
            connection, {known[key]: value for key, value in batch.facts.items() if key in known}
        )
        return fresh

    def _arrival(self, line: LedgerLine) -> Facts:
        return {
            "linkedid": line.linkedid,
            "direction": line.data.get("direction", "in"),
            "line": line.data["line"][:20],
            "region_id": self._region_of(line.data["line"]),
            "caller_number": line.data["caller"][:32],
            "started_at": line.at,
            "mark": line.data.get("mark", CallMark.NONE),
        }


async def _keys(connection: AsyncConnection, linkedids: Iterable[str]) -> dict[str, int]:
    rows = await connection.execute(select(Call.linkedid, Call.id).where(Call.linkedid.in_(list(linkedids))))
    return {row.linkedid: row.id for row in rows}


def event_row(line: LedgerLine, call_id: int) -> dict[str, Any]:
    """A ledger line as the row of `CallEvent` that keeps it."""
    return {
        "call_id": call_id,
        "at": line.at,
        "kind": line.kind,
        "channel": line.channel[:64],
        "data": line.data,
    }


async def update_calls(connection: AsyncConnection, facts: dict[int, Facts]) -> None:
    """Update call records, given as columns by key; one statement for each set of columns."""
    groups: dict[tuple[str, ...], list[Facts]] = {}
    for key, columns in facts.items():
        groups.setdefault(tuple(sorted(columns)), []).append(
            {"b_id": key, **{f"b_{n}": v for n, v in columns.items()}}
        )
    for names, rows in groups.items():
        statement = update(Call).where(Call.id == bindparam("b_id"))
        await connection.execute(statement.values({name: bindparam(f"b_{name}") for name in names}), rows)
