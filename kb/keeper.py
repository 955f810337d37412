"""Keeping the index in step with the database (索引更新): rebuild, follow changes, catch up after a pause.

The only writer of the index file in this process; all writing happens in one thread, never on the event loop.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog

from core.db import Database
from kb import documents, index, synonyms
from kb.events import EntriesChanged, SynonymsChanged
from kb.index import Doc, Writer

log = structlog.get_logger()
Progress = Callable[[int], None]
"""Told how many entries are done."""
CATCH_UP_S = 60.0
"""Entries changed by another process are found after this at the latest."""


class Keeper:
    def __init__(self, path: Path, db: Database) -> None:
        self._path = path
        self._db = db
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kb-index")
        self._writing = asyncio.Lock()
        self._writer: Writer | None = None
        self._changed: set[int] = set()
        self._synonyms_changed = False
        self._wake = asyncio.Event()
        self._subscriptions = [
            db.bus.subscribe(EntriesChanged, self._on_entries),
            db.bus.subscribe(SynonymsChanged, self._on_synonyms),
        ]

    async def close(self) -> None:
        for unsubscribe in self._subscriptions:
            unsubscribe()
        async with self._writing:
            if self._writer:
                await self._run(self._writer.close)
        self._thread.shutdown()

    async def open(self) -> None:
        """Bring the file up to date: made anew where it is missing, damaged or cut by another cutter."""
        if await self._run(index.is_current, self._path):
            await self.catch_up()
        else:
            await self.rebuild()

    async def rebuild(self, progress: Progress | None = None) -> int:
        """Make the index anew from the database; searches see the old one until it is done. Returns the entries."""
        async with self._writing:
            writer = await self._current_writer()
            await self._run(writer.begin)
            try:
                return await self._refill(writer, progress)
            except BaseException:
                await self._run(writer.roll_back)
                raise

    async def _refill(self, writer: Writer, progress: Progress | None) -> int:
        done = 0
        await self._run(writer.clear)
        async with self._db.reading() as session:
            await self._run(writer.set_synonyms, await synonyms.everything(session))
            async for docs in documents.everything(session):
                await self._run(writer.put_docs, docs)
                done += len(docs)
                if progress:
                    progress(done)
        await self._run(writer.fill)
        await self._run(writer.commit)
        log.info("kb_index_rebuilt", entries=done)
        return done

    async def reindex(self, entry_ids: Iterable[int]) -> None:
        """Take these entries in as they are now, or out when they may not be found."""
        ids = list(entry_ids)
        async with self._writing:
            async with self._db.reading() as session:
                docs = await documents.some(session, ids)
            await self._run(self._swap, await self._current_writer(), ids, docs)

    async def catch_up(self) -> int:
        """Compare the index with the database and mend what differs; returns the number of entries mended."""
        async with self._db.reading() as session:
            wanted = await documents.stamps(session)
            pairs = await synonyms.everything(session)
        async with self._writing:
            writer = await self._current_writer()
            there = await self._run(writer.stamps)
            await self._run(self._set_synonyms, writer, pairs)
        different = [one for one in wanted.keys() | there.keys() if wanted.get(one) != there.get(one)]
        for start in range(0, len(different), documents.BATCH):
            await self.reindex(different[start : start + documents.BATCH])
        return len(different)

    async def follow(self, beat: Callable[[], None]) -> None:
        """The background loop: take in what the bus tells of at once, and catch up now and then."""
        while True:
            beat()
            try:
                # not wait_for: in 3.11 it loses a cancellation that comes together with the event
                async with asyncio.timeout(CATCH_UP_S):
                    await self._wake.wait()
            except TimeoutError:
                await self.catch_up()
            self._wake.clear()
            await self._take_in()

    async def _take_in(self) -> None:
        ids, self._changed = self._changed, set()
        try:
            if self._synonyms_changed:
                self._synonyms_changed = False
                await self.catch_up()
            if ids:
                await self.reindex(ids)
        except Exception:
            self._changed |= ids
            raise

    def _on_entries(self, event: EntriesChanged) -> None:
        self._changed.update(event.entry_ids)
        self._wake.set()

    def _on_synonyms(self, _event: SynonymsChanged) -> None:
        self._synonyms_changed = True
        self._wake.set()

    async def _current_writer(self) -> Writer:
        if self._writer is None:
            self._writer = await self._run(self._open_writer)
        return self._writer

    def _open_writer(self) -> Writer:
        if not index.is_current(self._path):
            index.create(self._path)
        return Writer(self._path)

    @staticmethod
    def _swap(writer: Writer, ids: list[int], docs: list[Doc]) -> None:
        writer.begin()
        try:
            writer.remove(ids)
            writer.put(docs)
            writer.commit()
        except BaseException:
            writer.roll_back()
            raise

    @staticmethod
    def _set_synonyms(writer: Writer, pairs: list[tuple[str, str]]) -> None:
        writer.begin()
        try:
            writer.set_synonyms(pairs)
            writer.commit()
        except BaseException:
            writer.roll_back()
            raise

    async def _run(self, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
