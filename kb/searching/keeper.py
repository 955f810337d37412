"""Keeping the index in step with the database (索引更新): rebuild, follow changes, catch up after a pause.

The processes of one machine share an index: whoever came first keeps it, the others read it and one of them takes over
when the keeper has ended. All writing happens in one thread, never on the event loop.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from core.db import Database
from kb.errors import RebuildRunning
from kb.events import EntriesChanged, SynonymsChanged
from kb.searching import documents, index, synonyms
from kb.searching.refill import Progress, refill
from kb.searching.writer import IndexKept, Writer

log = structlog.get_logger()
LOOK_S = 0.5
"""Entries changed by another process are found after this at the latest."""
SLACK = timedelta(seconds=30)
"""A change may be committed so long after the instant it is stamped with."""


class Keeper:
    def __init__(self, path: Path, db: Database) -> None:
        self._path = path
        self._db = db
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kb-index")
        self._writing = asyncio.Lock()
        self._writer: Writer | None = None
        self._changed: set[int] = set()
        self._seen_at: datetime | None = None
        self._rests_at = 0.0
        self._synonyms_seen: object = None
        self._wake = asyncio.Event()
        self._subscriptions = [
            db.bus.subscribe(EntriesChanged, self._on_entries),
            db.bus.subscribe(SynonymsChanged, self._on_synonyms),
        ]

    async def close(self) -> None:
        for unsubscribe in self._subscriptions:
            unsubscribe()
        async with self._writing:
            await self._drop_writer()
        self._thread.shutdown()

    async def open(self) -> None:
        """Bring the index up to date: made anew where it is missing, damaged or of another form."""
        if await self._run(index.current, self._path):
            await self.catch_up()
            return
        try:
            await self.rebuild()
        except RebuildRunning:
            log.info("kb_index_made_elsewhere")  # searches find nothing until it is done

    async def rebuild(self, progress: Progress | None = None) -> int:
        """Make the index anew from the database; searches see the old one until it is done. Returns the entries."""
        with index.rebuilding(self._path):
            folder = await self._run(index.create, self._path)
            begun_at = await self._db.look(documents.newest)
            done = await refill(folder, self._db, progress)
            async with self._writing:
                await self._drop_writer()
                await self._run(index.switch, folder)
        self._saw(begun_at)  # what changed meanwhile is taken in
        await self._look()
        await self._take_in()
        await self._take_synonyms()
        log.info("kb_index_rebuilt", entries=done)
        return done

    async def reindex(self, entry_ids: Iterable[int]) -> None:
        """Take these entries in as they are now, or out when they may not be found."""
        ids = list(entry_ids)
        async with self._writing:
            if (writer := await self._keeping()) is None:
                return
            async with self._db.reading() as session:
                docs = await documents.some(session, ids)
            await self._write(writer, lambda: writer.replace(ids, docs))

    async def catch_up(self) -> int:
        """Compare the index with the database and mend what differs; returns the number of entries mended."""
        self._saw(await self._db.look(documents.newest))
        async with self._db.reading() as session:
            wanted = await documents.stamps(session)
        different = await self._different(wanted, everything=True)
        for start in range(0, len(different), documents.BATCH):
            await self.reindex(different[start : start + documents.BATCH])
        await self._take_synonyms()
        return len(different)

    async def follow(self, beat: Callable[[], None]) -> None:
        """The background loop: take in what the bus tells of at once, and look for other processes' changes."""
        while True:
            beat()
            try:
                # not wait_for: in 3.11 it loses a cancellation that comes together with the event
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                await self._look()
            self._wake.clear()
            await self._take_in()
            await self._take_synonyms()

    async def _look(self) -> None:
        """Find entries that changed lately and are not in the index as they are now; while nothing changes, one query only."""
        kept = self._writer
        async with self._writing:
            writer = await self._keeping()
        newest = await self._db.look(documents.newest)
        if writer is None or newest is None:
            return
        if newest == self._seen_at and writer is kept and time.monotonic() > self._rests_at:
            return
        since = min(self._seen_at or newest, newest) - SLACK
        async with self._db.reading() as session:
            wanted = await documents.stamps(session, since)
        if different := await self._different(wanted, everything=False):
            self._db.bus.deliver(EntriesChanged(tuple(different)))  # as if it had been told here
        if newest != self._seen_at:
            self._saw(newest)

    def _saw(self, newest: datetime | None) -> None:
        self._seen_at, self._rests_at = newest, time.monotonic() + SLACK.total_seconds()

    async def _different(self, wanted: dict[int, str | None], *, everything: bool) -> list[int]:
        async with self._writing:
            if (writer := await self._keeping()) is None:
                return []
            there = await self._run(writer.stamps, None if everything else list(wanted))
        known = wanted.keys() | there.keys() if everything else wanted.keys()
        return sorted(one for one in known if wanted.get(one) != there.get(one))

    async def _take_in(self) -> None:
        """Some at a time: after an import they may be more than one statement takes."""
        while ids := set(islice(self._changed, documents.BATCH)):
            self._changed -= ids
            try:
                await self.reindex(ids)
            except Exception:
                self._changed |= ids
                raise

    async def _take_synonyms(self) -> None:
        pairs = await self._db.look(synonyms.everything)
        if pairs == self._synonyms_seen:
            return
        async with self._writing:
            if (writer := await self._keeping()) is None:
                return
            await self._write(writer, lambda: writer.set_synonyms(pairs))
        self._synonyms_seen = pairs

    def _on_entries(self, event: EntriesChanged) -> None:
        self._changed.update(event.entry_ids)
        self._wake.set()

    def _on_synonyms(self, _event: SynonymsChanged) -> None:
        self._wake.set()

    async def _keeping(self) -> Writer | None:
        """The writer of the generation in use; None where another process keeps the index."""
        folder = await self._run(index.current, self._path)
        if self._writer and self._writer.folder != folder:  # another process made the index anew
            await self._drop_writer()
        if self._writer is None and folder:
            try:
                self._writer = await self._run(Writer, folder)
            except IndexKept:
                return None
        return self._writer

    async def _drop_writer(self) -> None:
        if self._writer:
            await self._run(self._writer.close)
            self._writer, self._synonyms_seen = None, None

    async def _write(self, writer: Writer, change: Callable[[], None]) -> None:
        def whole() -> None:
            try:
                change()
                writer.commit()
            except BaseException:
                writer.roll_back()
                raise

        await self._run(whole)

    async def _run(self, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
