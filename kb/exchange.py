"""Import and export of entries (信息交换, M-64, M-68, M-106): re-runnable, by source and the source's own id.

A row that is the same as before changes nothing; a changed one is updated and its old text kept; rows that a source
no longer has can be retired. Wrong rows are named and passed over, the others are taken in.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from kb import tables
from kb.documents import INDEXED
from kb.entries import version_of
from kb.events import EntriesChanged
from kb.fields import columns, fields_of
from kb.models import Alias, AliasState, Entry, EntryState
from kb.rows import Incoming, RowWrong, parse

BATCH = 500
"""Rows taken in with one commit."""
MOST_ERRORS = 200
Named = TypeVar("Named")
Progress = Callable[[int], None]


@dataclass
class Report:
    """What an import did; `errors` are Chinese sentences that name the row."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    retired: int = 0
    errors: list[str] = field(default_factory=list)
    seen: dict[str, set[str]] = field(default_factory=dict, repr=False)
    """By source: the ids met"""

    @property
    def text(self) -> str:
        done = f"新增 {self.created} 条，更新 {self.updated} 条，未变 {self.unchanged} 条"
        return done + f"，撤下 {self.retired} 条，{len(self.errors)} 行有误。"


async def import_file(
    db: Database,
    clock: Clock,
    path: Path,
    *,
    source: str = "",
    retire_missing: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Take in a JSONL, CSV or XLSX file; rows without a source have `source`, or the file's name.

    `retire_missing` withdraws what the file's sources no longer have; not when any row was wrong, since a row that
    could not be read is not gone. Raises FileUnreadable.
    """
    report = Report()
    rows = tables.read(path)
    async with db.reading() as session:
        places = await _places(session)
    while batch := list(islice(rows, BATCH)):
        incoming = list(_parsed(batch, source or path.stem, report))
        async with db.unit_of_work() as session:
            await _take_in(session, clock, incoming, places, report)
        if progress:
            progress(sum(len(ids) for ids in report.seen.values()))
    if retire_missing and not report.errors:
        for name, ids in report.seen.items():
            async with db.unit_of_work() as session:
                report.retired += await _retire(session, clock, name, ids)
    return report


def _parsed(batch: list[tables.NamedRow], source: str, report: Report) -> Iterator[Incoming]:
    for name, row in batch:
        try:
            one = parse(row, source)
            _note(one, report)
        except RowWrong as error:
            if len(report.errors) < MOST_ERRORS:
                report.errors.append(f"{name}：{error}。")
        else:
            yield one


def _note(one: Incoming, report: Report) -> None:
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
    await session.flush()
    changed += await _create(session, clock, fresh, places)
    report.created += len(fresh)
    report.updated += len(changed) - len(fresh)
    if changed:
        publish(session, EntriesChanged(tuple(changed)))


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


async def _retire(session: AsyncSession, clock: Clock, source: str, kept: set[str]) -> int:
    rows = await session.execute(
        select(Entry.id, Entry.source_id).where(Entry.source == source, Entry.state.in_(INDEXED))
    )
    gone = [entry_id for entry_id, source_id in rows if source_id not in kept]
    for start in range(0, len(gone), BATCH):
        some = gone[start : start + BATCH]
        await session.execute(
            update(Entry)
            .where(Entry.id.in_(some))
            .values(state=EntryState.WITHDRAWN, changed_at=clock.now()),
            execution_options={"synchronize_session": False},
        )
        publish(session, EntriesChanged(tuple(some)))
    return len(gone)


async def export_file(db: Database, path: Path, *, source: str = "", progress: Progress | None = None) -> int:
    """Write the published entries, expired ones too, as JSONL that `import_file` takes; returns their number."""
    last = done = 0
    with path.open("w", encoding="utf-8") as file:
        while True:
            async with db.reading() as session:
                entries = await _published(session, last, source)
            if not entries:
                return done
            file.writelines(json.dumps(_row(entry), ensure_ascii=False) + "\n" for entry in entries)
            last, done = entries[-1].id, done + len(entries)
            if progress:
                progress(done)


async def _published(session: AsyncSession, after: int, source: str) -> Sequence[Entry]:
    query = select(Entry).where(Entry.state.in_(INDEXED), Entry.id > after)
    if source:
        query = query.where(Entry.source == source)
    query = query.options(selectinload(Entry.unit), selectinload(Entry.region), selectinload(Entry.aliases))
    return (await session.scalars(query.order_by(Entry.id).limit(BATCH))).all()


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
        "aliases": [alias.text for alias in entry.aliases if alias.state == AliasState.CONFIRMED],
        **fields.details,
    }
    return {name: value for name, value in row.items() if value}


def _home(entry: Entry) -> int | None:
    return entry.unit.region_id if entry.unit else None
