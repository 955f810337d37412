"""Entries as the index wants them: what is or was published, with its unit's name and its other wordings."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from core.units import Unit
from kb.models import Alias, AliasState, Audience, Entry, EntryState
from kb.searching.prepare import Doc

INDEXED = (EntryState.PUBLISHED, EntryState.EXPIRED)
"""Expired ones are found only where they are asked for; the search compares their last day itself."""
ALIAS_WEIGHT = {AliasState.CONFIRMED: 1.0, AliasState.PROPOSED: 0.5}
BATCH = 1_000
_COLUMNS = (
    "id", "kind", "unit_id", "region_id", "department", "source", "source_id", "title", "answer", "keywords", "category", "details",
    "valid_from_on", "valid_to_on", "review_by_on", "audience", "chosen_weight", "chosen_on", "changed_at",
)  # fmt: skip


async def some(session: AsyncSession, ids: Iterable[int]) -> list[Doc]:
    """These entries as far as they are published; the others must not be found."""
    wanted = list(ids)
    return await _docs(session, _indexed().where(Entry.id.in_(wanted)))


async def everything(session: AsyncSession) -> AsyncIterator[list[Doc]]:
    """All published entries in batches, in order of their ids."""
    for window in await windows(session, BATCH):
        if docs := await _docs(session, _indexed().where(window).order_by(Entry.id)):
            yield docs


async def windows(session: AsyncSession, size: int) -> list[ColumnElement[bool]]:
    """Conditions that take all entries apart by their ids.

    With a limit instead, SQLite reads and sorts for every batch all that is left.
    """
    last = await session.scalar(select(func.max(Entry.id))) or 0
    return [Entry.id.between(before + 1, before + size) for before in range(0, last, size)]


async def stamps(session: AsyncSession, since: datetime | None = None) -> dict[int, str | None]:
    """Entries (changed since an instant, or all) with the stamp the index should have for them; None: not there."""
    query = select(Entry.id, Entry.changed_at, Entry.state)
    query = query.where(Entry.changed_at >= since) if since else query.where(Entry.state.in_(INDEXED))
    rows = (await session.execute(query)).all()
    return {row[0]: row[1].isoformat() if row[2] in INDEXED else None for row in rows}


def newest(session: Session) -> datetime | None:
    """When an entry changed last; asked twice a second, by a quick look."""
    return session.scalar(select(func.max(Entry.changed_at)))


async def count(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).where(Entry.state.in_(INDEXED))) or 0


def _indexed() -> Select[Any]:
    """Columns rather than objects: a rebuild reads every entry once."""
    columns = (getattr(Entry, name) for name in _COLUMNS)
    query = select(*columns, Unit.name.label("unit_name"), Unit.region_id.label("unit_region_id"))
    return query.outerjoin(Unit, Unit.id == Entry.unit_id).where(Entry.state.in_(INDEXED))


async def _docs(session: AsyncSession, query: Select[Any]) -> list[Doc]:
    rows = (await session.execute(query)).all()
    aliases = await _aliases(session, [row.id for row in rows])
    return [_doc(row, aliases.get(row.id, ())) for row in rows]


async def _aliases(session: AsyncSession, ids: Sequence[int]) -> dict[int, tuple[tuple[str, float], ...]]:
    query = select(Alias.entry_id, Alias.text, Alias.state)
    query = query.where(Alias.entry_id.in_(ids), Alias.state.in_(ALIAS_WEIGHT)).order_by(Alias.id)
    found: dict[int, tuple[tuple[str, float], ...]] = {}
    for entry_id, text, state in await session.execute(query):
        found[entry_id] = (*found.get(entry_id, ()), (text, ALIAS_WEIGHT[AliasState(state)]))
    return found


def _doc(entry: Row[Any], aliases: tuple[tuple[str, float], ...]) -> Doc:
    return Doc(
        id=entry.id,
        title=entry.title,
        answer="\n".join([entry.answer, *entry.details.values()]).strip(),
        stamp=entry.changed_at.isoformat(),
        source=entry.source,
        source_id=entry.source_id or "",
        unit_id=entry.unit_id,
        region_id=entry.region_id or entry.unit_region_id,
        unit=entry.unit_name or entry.department,
        kind=entry.kind,
        category=entry.category,
        keywords=entry.keywords,
        valid_from=_iso(entry.valid_from_on),
        valid_to=_iso(entry.valid_to_on),
        review_by=_iso(entry.review_by_on),
        public=entry.audience == Audience.PUBLIC,
        chosen=entry.chosen_weight,
        chosen_on=_iso(entry.chosen_on),
        aliases=aliases,
    )


def _iso(on: date | None) -> str | None:
    return on.isoformat() if on else None
