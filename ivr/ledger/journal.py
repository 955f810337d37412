"""The ledger's writer (通话流水): takes lines in order, stores them in batches; what cannot be stored waits on disk.

No caller on the telephone waits for the database: lines gather here and are stored together a few times a second. Only what
needs the call's key (a ticket that refers to it) waits for the next batch. A batch that the database does not take goes to
the spool on disk, and so do those after it, until everything is stored in order (M-14); only while the disk fails too do
batches wait in memory.
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.db import Database
from core.errors import why
from ivr.ledger.ledger_store import LedgerStore
from ivr.ledger.spool import Batch, Facts, Spool
from ivr.tracking.live_call import LedgerLine

log = structlog.get_logger()
BATCH_PAUSE_S = 0.2
"""Between two batches: a transaction costs as much as a dozen lines. What a killed process had not stored is in Asterisk's CEL."""
RETRY_PAUSE_S = 1.0
STORE_LIMIT_S = 5.0
"""A database that has not answered by then is treated as one that is down."""


class Journal:
    def __init__(self, db: Database, region_of: Callable[[str], int | None], spool: Spool) -> None:
        self._store = LedgerStore(db, region_of)
        self.spool = spool
        self.database_fault = ""
        """Why the last batch could not be stored; empty when it could."""
        self.disk_fault = ""
        """Why the spool could not be written either."""
        self._writer = ""
        self._lines: list[LedgerLine] = []
        self._facts: dict[str, Facts] = {}
        self._batches: list[Batch] = []
        """Numbered, and neither stored nor on disk yet."""
        self._number = 0
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._stored = asyncio.Condition()
        self._given = self._kept = 0
        """How many additions there were, and how many of them the database has."""

    def add(self, *lines: LedgerLine) -> None:
        """Take lines in, to be stored with the next batch; never waits."""
        self._lines += lines
        self._given += 1
        self._wake.set()

    def set_facts(self, linkedid: str, **facts: Any) -> None:
        """Take in columns of the call's record, to be updated with the next batch."""
        self._facts.setdefault(linkedid, {}).update(facts)
        self._given += 1
        self._wake.set()

    async def call_id(self, linkedid: str) -> int:
        """The call's key, as soon as its arrival is stored."""
        async with self._stored:
            await self._stored.wait_for(lambda: self.knows(linkedid))
            return self._store.ids[linkedid]

    async def stored(self) -> None:
        """Wait until the database has everything that was added before."""
        given = self._given
        async with self._stored:
            await self._stored.wait_for(lambda: self._kept >= given)

    def knows(self, linkedid: str) -> bool:
        """Whether the database has a record of this call."""
        return linkedid in self._store.ids

    async def remember(self, linkedids: list[str]) -> None:
        """Look up the keys of calls that a controller before this one has stored."""
        await self._store.remember(linkedids)

    async def recover(self) -> None:
        """Store what an earlier process has left on disk; the database must be there."""
        async with self._turn:
            await self._replay()

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`: write batches; one that fails is kept and tried again."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(BATCH_PAUSE_S)
            self._wake.clear()
            beat()
            await self.flush()

    async def flush(self) -> None:
        """Store everything that waits, in order; what the database does not take is on disk when this returns."""
        async with self._turn:
            given = self._given
            self._close_batch()
            if not self._batches and not self.spool.count:
                return
            is_stored = await self._store_all()
        if not is_stored:
            await asyncio.sleep(RETRY_PAUSE_S)
            self._wake.set()
            return
        async with self._stored:
            self._kept = max(self._kept, given)
            self._stored.notify_all()

    async def _store_all(self) -> bool:
        try:
            await self._replay()
            await self._store_batches()
        except Exception as error:  # noqa: BLE001 - whatever it is, no line may be lost over it
            await self._set_aside(error)
            return False
        self.database_fault = self.disk_fault = ""
        return True

    def _close_batch(self) -> None:
        if self._lines or self._facts:
            self._number += 1
            self._batches.append(Batch(self._number, self._lines, self._facts))
            self._lines, self._facts = [], {}

    async def _replay(self) -> None:
        """Store what is on disk, this process's own batches and those that earlier ones have left."""
        for writer in await asyncio.to_thread(self.spool.writers):
            last = await self._stored_by(writer)
            for batch in self.spool.read(writer):
                # one's own batch is put even if it is stored: its calls' keys are still to be learned
                if batch.number > last or writer == self._writer:
                    await self._put(writer, batch)
            self.spool.remove(writer)
            log.info("ledger_spool_replayed", writer=writer)

    async def _store_batches(self) -> None:
        if self._batches and not self._writer:
            writer = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
            await self._stored_by(writer)
            self._writer = writer
        while self._batches:
            await self._put(self._writer, self._batches[0])
            del self._batches[0]

    async def _stored_by(self, writer: str) -> int:
        """Number of the writer's last stored batch; a writer that is new is entered with 0."""
        async with asyncio.timeout(STORE_LIMIT_S):
            return await self._store.stored_by(writer)

    async def _put(self, writer: str, batch: Batch) -> None:
        async with asyncio.timeout(STORE_LIMIT_S):
            await self._store.put(writer, batch)

    async def _set_aside(self, error: Exception) -> None:
        """The database has failed: put the batches on disk, or keep them in memory if that fails too."""
        if not self.database_fault:
            log.error("ledger_write_failed", batches=len(self._batches), exc_info=error)
        self.database_fault = _reason(error)
        try:
            if self._batches and self._writer:
                await self.spool.append(self._writer, self._batches)
                self._batches = []
            self.disk_fault = ""
        except OSError as fault:
            log.error("ledger_spool_failed", reason=fault.strerror)  # noqa: TRY400 - a full disk needs no trace
            self.disk_fault = why(fault)


def _reason(error: Exception) -> str:
    """What kind of error it was; its text could hold addresses and data."""
    cause = error.orig if isinstance(error, SQLAlchemyError) and hasattr(error, "orig") else error
    return type(cause).__name__
