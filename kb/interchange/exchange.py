"""Taking entries in (信息导入, M-64, M-68, M-106): re-runnable, by source and the source's own id.

A file is read to its end before anything is changed: one that breaks off changes nothing. A row that is the same as
before changes nothing; a changed one is updated and its old text kept; rows that a source no longer has can be retired.
Wrong rows are named and passed over, the others are taken in. The form is described in docs/kb-exchange.md.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.bus import publish
from core.clock import Clock, beijing
from core.db import Database
from core.units import Region, Unit
from kb.entries import version_of
from kb.events import EntriesChanged
from kb.fields import columns, fields_of
from kb.interchange import tables
from kb.interchange.rows import Incoming, RowWrong, parse
from kb.models import OWN, Alias, AliasState, Entry, EntryState
from kb.searching.documents import INDEXED
from kb.searching.documents import windows as windows_of

BATCH = 500
"""Rows taken in with one commit."""
MOST_ERRORS = 200
Named = TypeVar("Named")
Progress = Callable[[int, int], None]
"""Told how many rows of how many are done."""


@dataclass
class Report:
    """What an import did; `errors` are Chinese sentences that name the row."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    retired: int = 0
    wrong: int = 0
    errors: list[str] = field(default_factory=list)
    """The first MOST_ERRORS of the wrong rows"""
    seen: dict[str, set[str]] = field(default_factory=dict, repr=False)
    """By source: the ids met"""

    @property
    def text(self) -> str:
        done = f"新增 {self.created} 条，更新 {self.updated} 条，未变 {self.unchanged} 条"
        return done + f"，撤下 {self.retired} 条，{self.wrong} 行有误。"


async def import_file(
    db: Database,
    clock: Clock,
    path: Path,
    *,
    source: str = "",
    retire_missing: bool = False,
    dry_run: bool = False,
    allow_own: bool = True,
    total: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Take in a JSONL, JSON, CSV or XLSX file; rows without a source have `source`, or the file's name.

    `retire_missing` withdraws what the file's sources no longer have; not when any row was wrong, since a row that
    could not be read is not gone. `dry_run` reports and changes nothing. `allow_own` False refuses rows that claim to
    be written here. `total`: the rows of a file that a trial has read to its end. Raises FileUnreadable, before anything
    has changed.
    """
    report, done = Report(), 0
    if total is None:
        total = await asyncio.to_thread(lambda: sum(1 for _ in tables.read(path)))
    async with db.reading() as session:
        places = await _places(session)
    async for rows, incoming in _batches(path, source or path.stem, report, allow_own=allow_own):
        if dry_run:
            async with db.reading() as session:
                await _compare(session, clock, incoming, places, report)
        else:
            async with db.unit_of_work() as session:
                await _take_in(session, clock, incoming, places, report)
        done += rows
        if progress:
            progress(done, total)
    if retire_missing and not report.wrong:
        for one, ids in report.seen.items():
            report.retired += await _retire_missing(db, clock, one, ids, dry_run=dry_run)
    return report


async def _batches(
    path: Path, source: str, report: Report, *, allow_own: bool
) -> AsyncIterator[tuple[int, list[Incoming]]]:
    """The file some rows at a time: how many they were, and those of them that can be taken in."""
    rows = tables.read(path)

    def read() -> tuple[int, list[Incoming]]:
        batch = list(islice(rows, BATCH))
        return len(batch), list(_parsed(batch, source, report, allow_own=allow_own))

    while (batch := await asyncio.to_thread(read))[0]:
        yield batch


def _parsed(
    batch: list[tables.NamedRow], source: str, report: Report, *, allow_own: bool
) -> Iterator[Incoming]:
    for name, row in batch:
        try:
            one = parse(row, source)
            _note(one, report, allow_own=allow_own)
        except RowWrong as error:
            report.wrong += 1
            if len(report.errors) < MOST_ERRORS:
                report.errors.append(f"{name}：{error}。")
        else:
            yield one


def _note(one: Incoming, report: Report, *, allow_own: bool) -> None:
    if one.source == OWN and not allow_own:
        raise RowWrong("来源为 own 的信息由本系统编写，不能在网页上导入")
    ids = report.seen.setdefault(one.source, set())
    if one.source_id in ids:
        raise RowWrong(f"编号“{one.source_id}”在文件中重复，只取第一次出现的")
    ids.add(one.source_id)


@dataclass(frozen=True)
class Places:
    """Our units by name and short name, our regions by name and code; a name that two of them have means neither."""

    units: dict[str, Unit]
    regions: dict[str, int]

    def of(self, one: Incoming) -> dict[str, Any]:
        """Which of our units a department is: by its name, or by its name after 省, 市, 州, 县 or 区."""
        place, name = one.department[:1], one.department[1:]
        unit = self.units.get(one.department) or (self.units.get(name) if place in "省市州县区" else None)
        return {
            "unit_id": unit.id if unit else None,
            "region_id": self.regions.get(one.region) or (unit.region_id if unit else None),
            "department": one.department,
        }


async def _places(session: AsyncSession) -> Places:
    units = (await session.scalars(select(Unit).where(Unit.is_active))).all()
    regions = (await session.scalars(select(Region))).all()
    return Places(
        _unambiguous((name, unit) for unit in units for name in {unit.name, unit.short_name}),
        _unambiguous((name, region.id) for region in regions for name in (region.code, region.name)),
    )


def _unambiguous(pairs: Iterable[tuple[str, Named]]) -> dict[str, Named]:
    found: dict[str, Named | None] = {}
    for name, thing in pairs:
        found[name] = None if name in found else thing
    return {name: thing for name, thing in found.items() if name and thing is not None}


async def _take_in(
    session: AsyncSession, clock: Clock, incoming: Sequence[Incoming], places: Places, report: Report
) -> None:
    fresh, changed = await _compare(session, clock, incoming, places, report)
    await session.flush()
    changed += await _create(session, clock, fresh, places)
    if changed:
        publish(session, EntriesChanged(tuple(changed)))


async def _compare(
    session: AsyncSession, clock: Clock, incoming: Sequence[Incoming], places: Places, report: Report
) -> tuple[list[Incoming], list[int]]:
    """Count what a batch brings; gives the new rows and the ids of the entries changed in the session, not yet stored."""
    known = await _known(session, incoming)
    fresh: list[Incoming] = []
    changed: list[int] = []
    for one in incoming:
        entry = known.get((one.source, one.source_id))
        if entry is None:
            fresh.append(one)
        elif _update(session, clock, entry, one, places):
            changed.append(entry.id)
        else:
            report.unchanged += 1
    report.created += len(fresh)
    report.updated += len(changed)
    return fresh, changed


async def _known(session: AsyncSession, incoming: Sequence[Incoming]) -> dict[tuple[str, str], Entry]:
    ids = {one.source_id for one in incoming}
    sources = {one.source for one in incoming}
    query = select(Entry).where(Entry.source.in_(sources), Entry.source_id.in_(ids))
    rows = (await session.scalars(query.options(selectinload(Entry.aliases)))).all()
    return {(row.source, row.source_id or ""): row for row in rows}


def _state(one: Incoming, clock: Clock) -> EntryState:
    """What comes in is published at its source, unless its last day is over."""
    last = one.fields.valid_to_on
    return EntryState.EXPIRED if last and last < beijing(clock.now()).date() else EntryState.PUBLISHED


def _update(session: AsyncSession, clock: Clock, entry: Entry, one: Incoming, places: Places) -> bool:
    place = places.of(one)
    aliases = {alias.text for alias in entry.aliases if alias.state == AliasState.CONFIRMED}
    added = [text for text in one.aliases if text not in aliases]
    fields = replace(one.fields, region_id=place["region_id"])
    differs = fields_of(entry) != fields
    same = not differs and all(getattr(entry, name) == value for name, value in place.items())
    state = EntryState.WITHDRAWN if entry.held_back else _state(one, clock)
    if same and not added and entry.state == state:
        return False
    if differs:
        session.add(version_of(entry, clock, None))
        entry.version += 1
        entry.edit_no += 1
    for name, value in (columns(fields) | place).items():
        setattr(entry, name, value)
    entry.state, entry.changed_at = state, clock.now()
    learnt = {alias.text: alias for alias in entry.aliases}
    for text in added:
        if text in learnt:
            learnt[text].state = AliasState.CONFIRMED
        else:
            session.add(Alias(entry_id=entry.id, text=text))
    return True


async def _create(
    session: AsyncSession, clock: Clock, fresh: Sequence[Incoming], places: Places
) -> list[int]:
    if not fresh:
        return []
    now = clock.now()
    common = {"created_at": now, "changed_at": now, "published_at": now}
    values = [
        columns(one.fields)
        | places.of(one)
        | common
        | {"source": one.source, "source_id": one.source_id, "state": _state(one, clock)}
        | {"chosen_weight": one.used_weight, "chosen_on": one.used_on}
        for one in fresh
    ]
    ids = list(
        (await session.scalars(insert(Entry).returning(Entry.id, sort_by_parameter_order=True), values)).all()
    )
    aliases = [
        {"entry_id": key, "text": text} for key, one in zip(ids, fresh, strict=True) for text in one.aliases
    ]
    if aliases:
        await session.execute(insert(Alias), aliases)
    return ids


async def _retire_missing(db: Database, clock: Clock, source: str, kept: set[str], *, dry_run: bool) -> int:
    """Withdraw the published entries that a source no longer has, some with each commit; returns how many."""
    async with db.reading() as session:
        windows = await windows_of(session, BATCH)
    retired = 0
    for window in windows:
        published = (Entry.source == source, Entry.state.in_(INDEXED), window)
        async with db.reading() as session:
            rows = (await session.execute(select(Entry.id, Entry.source_id).where(*published))).all()
        gone = [entry_id for entry_id, source_id in rows if source_id not in kept]
        retired += len(gone)
        if gone and not dry_run:
            async with db.unit_of_work() as session:
                await _retire(session, clock, gone)
    return retired


async def _retire(session: AsyncSession, clock: Clock, gone: Sequence[int]) -> None:
    await session.execute(
        update(Entry)
        .where(Entry.id.in_(gone), Entry.state.in_(INDEXED))
        .values(state=EntryState.WITHDRAWN, changed_at=clock.now()),
        execution_options={"synchronize_session": False},
    )
    publish(session, EntriesChanged(tuple(gone)))
