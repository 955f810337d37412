"""Entries (信息条目, M-64…M-70): written, found by key, listed; what may happen to them when is `kb.workflow`'s.

Each function works in the caller's unit of work and says on the bus what the index must follow.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.bus import publish as announce
from core.clock import Clock
from core.errors import Conflict, NotFound
from core.units import Unit
from kb.access import Editor, allow
from kb.events import EntriesChanged
from kb.fields import EntryFields, check, columns, fields_of, settled, to_json
from kb.kinds import Notice, is_case
from kb.lifecycle import BEEN_PUBLIC, Action, transition
from kb.models import OWN, Alias, AliasState, Audience, Entry, EntryKind, EntryState, EntryStep, EntryVersion


async def create(
    session: AsyncSession,
    clock: Clock,
    editor: Editor,
    fields: EntryFields,
    *,
    unit_id: int | None = None,
    ticket_no: str | None = None,
) -> Entry:
    """A new draft of this unit (by default the editor's own); raises InvalidInput, ReasonMissing or NotYourUnit."""
    check(fields)
    now = clock.now()
    unit = await session.get(Unit, unit_id or editor.unit_id or 0)
    entry = Entry(
        **columns(settled(fields)),
        unit_id=unit.id if unit else None,
        unit=unit,
        source_id=secrets.token_hex(8),
        created_at=now,
        changed_at=now,
        ticket_no=ticket_no,
    )
    row = transition(None, Action.CREATE)
    await allow(session, editor, entry, row.who)
    session.add(entry)
    await session.flush()
    session.add(step(entry, clock, Action.CREATE, None, EntryState.DRAFT, editor.user_id))
    await session.flush()
    return entry


async def may_edit(session: AsyncSession, editor: Editor, entry: Entry) -> None:
    """Raises NotYourUnit or ReadOnlyEntry unless the entry's text is this person's to change."""
    await allow(session, editor, entry, transition(EntryState.DRAFT, Action.EDIT).who)


async def edit(
    session: AsyncSession, clock: Clock, editor: Editor, entry_id: int, fields: EntryFields, *, seen: int
) -> Entry:
    """Save a new text of an entry that the editor saw at `edit_no` `seen`; raises Conflict when it has moved on.

    A draft changes at once; of what was published a revision is kept, and the public text stays until it is published.
    """
    check(fields)
    entry = await find(session, entry_id)
    stage = stage_of(entry)
    action = Action.REVISE if stage in BEEN_PUBLIC else Action.EDIT
    row = transition(stage, action)
    await allow(session, editor, entry, row.who)
    if entry.state in BEEN_PUBLIC:
        revision = {"pending": to_json(settled(fields)), "pending_state": EntryState.DRAFT}
        await save(session, entry, seen, **revision)
    else:
        session.add(version_of(entry, clock, editor.user_id))
        await save(session, entry, seen, **columns(settled(fields)), version=entry.version + 1)
    session.add(step(entry, clock, action, stage, EntryState.DRAFT, editor.user_id))
    await session.flush()
    return entry


async def save(session: AsyncSession, entry: Entry, seen: int, **values: Any) -> None:
    """Write a text unless somebody was faster (Conflict)."""
    saved = await session.scalar(
        update(Entry)
        .where(Entry.id == entry.id, Entry.edit_no == seen)
        .values(**values, edit_no=seen + 1)
        .returning(Entry.id)
    )
    if saved is None:
        raise Conflict
    await session.flush()
    await session.refresh(entry)


def stage_of(entry: Entry) -> EntryState:
    """How far the text in preparation is: the revision's, where there is one."""
    return EntryState(entry.pending_state or entry.state)


def step(
    entry: Entry,
    clock: Clock,
    action: Action,
    before: EntryState | None,
    after: EntryState,
    user_id: int | None,
    reason: str = "",
) -> EntryStep:
    """One line of the entry's record."""
    return EntryStep(
        entry_id=entry.id, action=action, before=before, after=after, user_id=user_id, at=clock.now(),
        reason=reason[:500], version=entry.version,
    )  # fmt: skip


async def set_aliases(
    session: AsyncSession, clock: Clock, editor: Editor, entry_id: int, texts: Sequence[str]
) -> None:
    """The other ways to ask for an own entry, as the editor wants them; proposals not named are refused for good."""
    entry = await find(session, entry_id)
    await may_edit(session, editor, entry)
    wanted = dict.fromkeys(text.strip()[:200] for text in texts if text.strip())
    for alias in (await session.scalars(select(Alias).where(Alias.entry_id == entry.id))).all():
        alias.state = AliasState.CONFIRMED if alias.text in wanted else AliasState.REFUSED
        wanted.pop(alias.text, None)
    session.add_all(Alias(entry_id=entry.id, text=text) for text in wanted)
    touch(session, clock, entry)
    await session.flush()


async def find(session: AsyncSession, entry_id: int) -> Entry:
    """The entry with its unit and aliases; raises NotFound."""
    query = select(Entry).where(Entry.id == entry_id)
    entry = await session.scalar(
        query.options(selectinload(Entry.unit), selectinload(Entry.region), selectinload(Entry.aliases))
    )
    if entry is None:
        raise NotFound
    return entry


async def hot(session: AsyncSession, today: date, subject: str | None = None) -> Sequence[Entry]:
    """Published public hot entries (热点, M-18) valid today, those asked for most first; of one subject or all."""
    query = select(Entry).where(Entry.is_hot, *visible(today), Entry.audience == Audience.PUBLIC)
    if subject:
        query = query.where(Entry.subject == subject)
    return (await session.scalars(query.order_by(Entry.chosen_weight.desc(), Entry.id))).all()


async def notices(session: AsyncSession, today: date) -> Sequence[Entry]:
    """Public notices (公告, M-109) in force today, the newest first, without the case notes."""
    return [entry for entry in await _all_notices(session, today) if not is_case(entry)]


async def case_notes(session: AsyncSession, today: date, sort: Notice) -> Sequence[Entry]:
    """Public case notes (典型案例, M-135) of one sort, the newest first."""
    return [entry for entry in await _all_notices(session, today) if entry.details.get("notice") == sort]


async def _all_notices(session: AsyncSession, today: date) -> Sequence[Entry]:
    is_notice = Entry.kind == literal_column(f"'{EntryKind.NOTICE}'")  # literal: SQLite's partial index
    query = select(Entry).where(is_notice, *visible(today), Entry.audience == Audience.PUBLIC)
    newest = query.options(selectinload(Entry.unit)).order_by(Entry.published_at.desc(), Entry.id.desc())
    return (await session.scalars(newest)).all()


async def public_entry(session: AsyncSession, today: date, entry_id: int) -> Entry | None:
    """The entry, if it may be told to anybody on this day; None once it is withdrawn or expired."""
    public = (*visible(today), Entry.audience == Audience.PUBLIC)
    return await session.scalar(select(Entry).where(Entry.id == entry_id, *public))


async def due_for_review(
    session: AsyncSession, today: date, unit_ids: Collection[int] | None = None, limit: int | None = None
) -> Sequence[Entry]:
    """Published entries whose review-by date has come (M-68), oldest first; of these units or all.

    What comes from elsewhere is reviewed there (M-64) and is not among them.
    """
    query = select(Entry).where(
        Entry.state == EntryState.PUBLISHED, Entry.review_by_on <= today, Entry.source == OWN
    )
    if unit_ids is not None:
        query = query.where(Entry.unit_id.in_(unit_ids))
    return (await session.scalars(query.order_by(Entry.review_by_on, Entry.id).limit(limit))).all()


def visible(today: date) -> tuple[Any, ...]:
    """Conditions of the entries that are in force on this Beijing date; the audience is another matter."""
    return (
        Entry.state == EntryState.PUBLISHED,
        or_(Entry.valid_from_on.is_(None), Entry.valid_from_on <= today),
        or_(Entry.valid_to_on.is_(None), Entry.valid_to_on >= today),
    )


def touch(session: AsyncSession, clock: Clock, entry: Entry) -> None:
    """The index must look at this entry again; what it says is as before."""
    entry.changed_at = clock.now()
    announce(session, EntriesChanged((entry.id,), is_said=False))


def version_of(entry: Entry, clock: Clock, user_id: int | None) -> EntryVersion:
    """The entry as it is now, to be kept before it is changed by this person (None: an import)."""
    return EntryVersion(
        entry_id=entry.id,
        version=entry.version,
        fields=to_json(fields_of(entry)),
        user_id=user_id,
        at=clock.now(),
    )
