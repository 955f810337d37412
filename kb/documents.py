"""Entries as the index wants them: what is or was published, with its unit's name and its other wordings."""

from collections.abc import AsyncIterator, Iterable, Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Unit
from kb.index import Doc
from kb.models import Alias, AliasState, Audience, Entry, EntryState

INDEXED = (EntryState.PUBLISHED, EntryState.EXPIRED)
"""Expired ones are found only where they are asked for; the search compares their last day itself."""
ALIAS_WEIGHT = {AliasState.CONFIRMED: 1.0, AliasState.PROPOSED: 0.5}
BATCH = 1_000
_COLUMNS = (
    Entry.id, Entry.title, Entry.answer, Entry.changed_at, Entry.source_id, Entry.unit_id, Entry.region_id,
    Entry.department, Entry.kind, Entry.category, Entry.keywords, Entry.valid_from_on, Entry.valid_to_on,
    Entry.review_by_on, Entry.audience, Entry.chosen_weight, Entry.chosen_on, Entry.details,
    Unit.name, Unit.region_id,
)  # fmt: skip


async def some(session: AsyncSession, ids: Iterable[int]) -> list[Doc]:
    """These entries as far as they are published; the others must not be found."""
    wanted = list(ids)
    rows = (await session.execute(_published().where(Entry.id.in_(wanted)))).all()
    aliases = await _aliases(session, wanted)
    return [_doc(row, aliases.get(row[0], ())) for row in rows]


async def everything(session: AsyncSession) -> AsyncIterator[list[Doc]]:
    """All published entries in batches, in order of their ids."""
    last = 0
    while True:
        query = _published().where(Entry.id > last).order_by(Entry.id).limit(BATCH)
        rows = (await session.execute(query)).all()
        if not rows:
            return
        aliases = await _aliases(session, [row[0] for row in rows])
        yield [_doc(row, aliases.get(row[0], ())) for row in rows]
        last = rows[-1][0]


async def stamps(session: AsyncSession) -> dict[int, str]:
    """Every published entry with the stamp the index should have for it."""
    query = select(Entry.id, Entry.changed_at).where(Entry.state.in_(INDEXED))
    return {row[0]: row[1].isoformat() for row in (await session.execute(query)).all()}


def _published() -> Select[tuple[object, ...]]:
    query = select(*_COLUMNS).outerjoin(Unit, Unit.id == Entry.unit_id)
    return query.where(Entry.state.in_(INDEXED))


async def _aliases(session: AsyncSession, ids: Sequence[int]) -> dict[int, tuple[tuple[str, float], ...]]:
    query = select(Alias.entry_id, Alias.text, Alias.state)
    rows = (await session.execute(query.where(Alias.entry_id.in_(ids), Alias.state.in_(ALIAS_WEIGHT)))).all()
    found: dict[int, tuple[tuple[str, float], ...]] = {}
    for entry_id, text, state in rows:
        found[entry_id] = (*found.get(entry_id, ()), (text, ALIAS_WEIGHT[AliasState(state)]))
    return found


def _doc(row: Sequence[object], aliases: tuple[tuple[str, float], ...]) -> Doc:
    (entry_id, title, answer, changed_at, source_id, unit_id, region_id, department, kind, category, keywords,
     valid_from, valid_to, review_by, audience, chosen, chosen_on, details, unit, unit_region_id) = row  # fmt: skip
    return Doc(
        id=entry_id, title=title, answer="\n".join([answer, *details.values()]).strip(), stamp=changed_at.isoformat(),
        source_id=source_id or "", unit_id=unit_id, region_id=region_id or unit_region_id, unit=unit or department,
        kind=kind, category=category, keywords=keywords, valid_from=valid_from and valid_from.isoformat(),
        valid_to=valid_to and valid_to.isoformat(), review_by=review_by and review_by.isoformat(),
        public=audience == Audience.PUBLIC, chosen=chosen, chosen_on=chosen_on and chosen_on.isoformat(),
        aliases=aliases,
    )  # fmt: skip
