"""Entries as the index wants them: what is or was published, with its unit's name and its other wordings."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Unit
from kb.index import Doc
from kb.models import Alias, AliasState, Audience, Entry, EntryState

INDEXED = (EntryState.PUBLISHED, EntryState.EXPIRED)
"""Expired ones are found only where they are asked for; the search compares their last day itself."""
ALIAS_WEIGHT = {AliasState.CONFIRMED: 1.0, AliasState.PROPOSED: 0.5}
BATCH = 1_000


async def some(session: AsyncSession, ids: Iterable[int]) -> list[Doc]:
    """These entries as far as they are published; the others must not be found."""
    wanted = list(ids)
    return await _docs(session, _indexed().where(Entry.id.in_(wanted)))


async def everything(session: AsyncSession) -> AsyncIterator[list[Doc]]:
    """All published entries in batches, in order of their ids."""
    last = 0
    while True:
        docs = await _docs(session, _indexed().where(Entry.id > last).order_by(Entry.id).limit(BATCH))
        if not docs:
            return
        yield docs
        last = docs[-1].id


async def stamps(session: AsyncSession) -> dict[int, str]:
    """Every published entry with the stamp the index should have for it."""
    query = select(Entry.id, Entry.changed_at).where(Entry.state.in_(INDEXED))
    return {row[0]: row[1].isoformat() for row in (await session.execute(query)).all()}


def _indexed() -> Select[Entry, str | None, int | None]:
    query = select(Entry, Unit.name, Unit.region_id).outerjoin(Unit, Unit.id == Entry.unit_id)
    return query.where(Entry.state.in_(INDEXED))


async def _docs(session: AsyncSession, query: Select[Entry, str | None, int | None]) -> list[Doc]:
    rows = (await session.execute(query)).all()
    aliases = await _aliases(session, [row[0].id for row in rows])
    docs = [_doc(entry, unit, region_id, aliases.get(entry.id, ())) for entry, unit, region_id in rows]
    session.expunge_all()  # a rebuild reads every entry once: none is kept
    return docs


async def _aliases(session: AsyncSession, ids: Sequence[int]) -> dict[int, tuple[tuple[str, float], ...]]:
    query = select(Alias).where(Alias.entry_id.in_(ids), Alias.state.in_(ALIAS_WEIGHT))
    found: dict[int, tuple[tuple[str, float], ...]] = {}
    for alias in (await session.scalars(query.order_by(Alias.id))).all():
        weight = ALIAS_WEIGHT[AliasState(alias.state)]
        found[alias.entry_id] = (*found.get(alias.entry_id, ()), (alias.text, weight))
    return found


def _doc(
    entry: Entry, unit: str | None, region_id: int | None, aliases: tuple[tuple[str, float], ...]
) -> Doc:
    return Doc(
        id=entry.id,
        title=entry.title,
        answer="\n".join([entry.answer, *entry.details.values()]).strip(),
        stamp=entry.changed_at.isoformat(),
        source_id=entry.source_id or "",
        unit_id=entry.unit_id,
        region_id=entry.region_id or region_id,
        unit=unit or entry.department,
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
