"""Giving entries out (信息导出, M-68, M-106): the published ones, in every form that `kb.interchange.exchange` takes in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.db import Database
from kb.fields import fields_of
from kb.interchange import tables
from kb.interchange.exchange import Progress
from kb.models import OWN, AliasState, Audience, Entry
from kb.searching import documents
from kb.searching.documents import INDEXED

BATCH = 500
Batch = list[dict[str, Any]]


async def export_file(
    db: Database, path: Path, *, source: str = "", public_only: bool = False, progress: Progress | None = None
) -> int:
    """Write the published entries, expired ones too, in the form of the file's ending; returns their number.

    Raises FileUnreadable for an ending that is none of the forms.
    """
    async with _writing(path) as write:
        done = 0
        async with db.reading() as session:
            conditions = _wanted(source, public_only=public_only)
            total = await session.scalar(select(func.count()).select_from(Entry).where(*conditions)) or 0
        async for batch in rows(db, source=source, public_only=public_only):
            await write(batch)
            done += len(batch)
            if progress:
                progress(done, total)
    return done


@asynccontextmanager
async def _writing(path: Path) -> AsyncIterator[Callable[[Batch], Awaitable[None]]]:
    """Writes in a thread: a workbook of 100 000 rows is a minute's work, in which pages are served."""
    with ThreadPoolExecutor(1) as thread:
        run = partial(asyncio.get_running_loop().run_in_executor, thread)
        writer = tables.Writer(path)
        out = await run(writer.__enter__)
        try:
            yield lambda batch: run(out.write, batch)
        except BaseException as error:
            await run(writer.__exit__, type(error))
            raise
        await run(writer.__exit__, None)


async def rows(
    db: Database, *, source: str = "", public_only: bool = False, own_as: str = OWN
) -> AsyncIterator[list[dict[str, Any]]]:
    """The same, some rows at a time; `own_as` is the source that entries written here bear elsewhere."""
    async for entries in _batches(db, _wanted(source, public_only=public_only)):
        yield [_row(entry) | ({"source": own_as} if entry.source == OWN else {}) for entry in entries]


def _wanted(source: str, *, public_only: bool) -> list[Any]:
    conditions: list[Any] = [Entry.state.in_(INDEXED)]
    conditions += [Entry.source == source] if source else []
    conditions += [Entry.audience == Audience.PUBLIC] if public_only else []
    return conditions


async def _batches(db: Database, conditions: Sequence[Any]) -> AsyncIterator[Sequence[Entry]]:
    async with db.reading() as session:
        windows = await documents.windows(session, BATCH)
    for window in windows:
        async with db.reading() as session:
            entries = await _in_order(session, [*conditions, window])
        if entries:
            yield entries


async def _in_order(session: AsyncSession, conditions: Sequence[Any]) -> Sequence[Entry]:
    query = select(Entry).where(*conditions).order_by(Entry.id)
    query = query.options(selectinload(Entry.unit), selectinload(Entry.region), selectinload(Entry.aliases))
    return (await session.scalars(query)).all()


def _row(entry: Entry) -> dict[str, Any]:
    """The shared corpus form, what is empty left out."""
    fields = fields_of(entry)
    row: dict[str, Any] = {
        "id": entry.source_id,
        "source": entry.source,
        "type": fields.kind,
        "title": fields.title,
        "answer": fields.answer,
        "department": entry.unit.name if entry.unit else entry.department,
        "category": fields.category,
        "keywords": fields.keywords,
        "subject": fields.subject,
        "region": entry.region.code if entry.region and entry.region_id != _home(entry) else "",
        "level": fields.level,
        "valid_from": fields.valid_from_on and fields.valid_from_on.isoformat(),
        "valid_to": fields.valid_to_on and fields.valid_to_on.isoformat(),
        "review_by": fields.review_by_on and fields.review_by_on.isoformat(),
        "audience": fields.audience,
        "internal_reason": fields.internal_reason,
        "is_hot": fields.is_hot,
        "used_weight": round(entry.chosen_weight, 6),
        "used_on": entry.chosen_on and entry.chosen_on.isoformat(),
        "aliases": [alias.text for alias in entry.aliases if alias.state == AliasState.CONFIRMED],
        **fields.details,
    }
    return {name: value for name, value in row.items() if value}


def _home(entry: Entry) -> int | None:
    return entry.unit.region_id if entry.unit else None
