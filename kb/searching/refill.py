"""Filling an empty generation of the index from the database (重建索引), with every core of the machine."""

import asyncio
import multiprocessing
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from core.db import Database
from kb.searching import documents, synonyms
from kb.searching.prepare import Doc, Prepared, prepare
from kb.searching.writer import Writer

Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""
FEW = 5_000
"""Up to so many entries are prepared faster than processes start."""


async def refill(folder: Path, db: Database, progress: Progress | None = None) -> int:
    """Put every entry into this generation; returns how many."""
    async with db.reading() as session:
        total = await documents.count(session)
    pairs = await db.look(synonyms.everything)
    done = 0
    with ThreadPoolExecutor(1) as thread, _preparers(total) as preparers:
        loop = asyncio.get_running_loop()
        writer = await loop.run_in_executor(thread, Writer, folder)
        try:
            await loop.run_in_executor(thread, writer.set_synonyms, pairs)
            async with db.reading() as session:
                async for some in _prepared(preparers, documents.everything(session)):
                    await loop.run_in_executor(thread, writer.put, some)
                    done += len(some)
                    if progress:
                        progress(done, max(done, total))
            await loop.run_in_executor(thread, writer.commit)
        finally:
            await loop.run_in_executor(thread, writer.close)
    return done


def _preparers(total: int) -> Executor:
    if total <= FEW:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn"))


async def _prepared(preparers: Executor, batches: AsyncIterator[list[Doc]]) -> AsyncIterator[list[Prepared]]:
    """The batches prepared, in order, a few ahead of their use."""
    loop, ahead = asyncio.get_running_loop(), deque[asyncio.Future[list[Prepared]]]()
    async for docs in batches:
        ahead.append(loop.run_in_executor(preparers, prepare, docs))
        if len(ahead) > 2 * (os.cpu_count() or 1):
            yield await ahead.popleft()
    while ahead:
        yield await ahead.popleft()
