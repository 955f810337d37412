"""Moving an entry along (发布流程, M-68): one function for every action of `kb.lifecycle`, and the clock's own sweep.

A state changes by compare-and-set; each move leaves a step with name, time and reason, and the index hears of what
was published or taken down.
"""

import asyncio
from collections.abc import Callable
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import publish as announce
from core.clock import Clock, beijing
from core.db import Database
from core.errors import Conflict, InvalidInput
from core.units import published_numbers
from kb.access import Editor, actors, allow
from kb.entries import find, save, stage_of, step, touch, version_of
from kb.events import EntriesChanged
from kb.fields import EntryFields, columns, fields_of, from_json, missing, suspicious
from kb.lifecycle import ON_THE_PUBLIC_TEXT, TABLE, Action, Actor, Facts, check, transition
from kb.models import OWN, Entry, EntryState, EntryStep
from kb.personal import Finding, Kind

SWEEP_EVERY_S = 60
_WRITING = (Action.CREATE, Action.EDIT, Action.REVISE, Action.SUBMIT)


async def act(
    session: AsyncSession,
    clock: Clock,
    editor: Editor,
    entry_id: int,
    action: Action,
    *,
    reason: str = "",
    checked: bool = False,
) -> Entry:
    """Submit, recall, pass, send back, publish, withdraw or discard; `checked`: the suspicions were looked at one by one.

    Raises WrongState, NotYourUnit, ReadOnlyEntry, or the error of the guard that does not hold.
    """
    entry = await find(session, entry_id)
    before = EntryState(entry.state) if action in ON_THE_PUBLIC_TEXT else stage_of(entry)
    row = transition(before, action)
    await allow(session, editor, entry, row.who)
    reason = reason.strip()
    check(row.guards, await _facts(session, clock, editor, entry, reason, checked=checked))
    if action == Action.PUBLISH:
        await _publish(session, clock, entry, editor.user_id)
    elif action == Action.DISCARD and entry.pending is not None:
        await save(session, entry, entry.edit_no, pending=None, pending_state=None)
    elif entry.pending is not None and action not in ON_THE_PUBLIC_TEXT:
        await _move_revision(session, entry, before, row.target)
    else:
        await _move(session, clock, entry, before, row.target, action)
    if action == Action.WITHDRAW:
        entry.held_back = True
    session.add(step(entry, clock, action, before, row.target, editor.user_id, reason))
    await session.flush()
    return entry


async def confirm(
    session: AsyncSession, clock: Clock, editor: Editor, entry_id: int, review_by_on: date
) -> Entry:
    """The text is still right (复核无误): it stays, and is looked at again by this later day."""
    entry = await find(session, entry_id)
    row = transition(EntryState(entry.state), Action.CONFIRM)
    await allow(session, editor, entry, row.who)
    if review_by_on <= beijing(clock.now()).date():
        raise InvalidInput(field="下次复核日期", reason="请选择今天以后的日期")
    session.add(version_of(entry, clock, editor.user_id))
    await save(session, entry, entry.edit_no, review_by_on=review_by_on, version=entry.version + 1)
    touch(session, clock, entry)
    session.add(step(entry, clock, Action.CONFIRM, entry.state, entry.state, editor.user_id))
    await session.flush()
    return entry


async def expire_due(session: AsyncSession, clock: Clock) -> list[int]:
    """Mark published entries whose last day is over; returns their ids. They were not found since that midnight."""
    now = clock.now()
    over = (Entry.state == EntryState.PUBLISHED, Entry.valid_to_on < beijing(now).date())
    due = (await session.scalars(select(Entry).where(*over))).all()
    if due:
        await session.execute(
            update(Entry).where(*over).values(state=EntryState.EXPIRED, changed_at=now),
            execution_options={"synchronize_session": False},
        )
        session.add_all(
            step(entry, clock, Action.EXPIRE, EntryState.PUBLISHED, EntryState.EXPIRED, None) for entry in due
        )
        announce(session, EntriesChanged(tuple(entry.id for entry in due)))
    return [entry.id for entry in due]


async def keep_expiring(db: Database, clock: Clock, beat: Callable[[], None]) -> None:
    """The background loop that marks what is past its last day."""
    while True:
        beat()
        async with db.unit_of_work() as session:
            await expire_due(session, clock)
        await asyncio.sleep(SWEEP_EVERY_S)


async def possible(session: AsyncSession, editor: Editor, entry: Entry) -> frozenset[Action]:
    """What this person may try on an entry now, guards aside."""
    who = await actors(session, editor, entry)
    states = {
        action: EntryState(entry.state) if action in ON_THE_PUBLIC_TEXT else stage_of(entry)
        for action in Action
    }
    found = {row.action for row in TABLE if row.source and row.source == states[row.action] and row.who & who}
    if entry.pending is not None:
        found -= {Action.REVISE}
    if entry.source != OWN:
        found &= {Action.WITHDRAW} if Actor.SEC in who else set()
    return frozenset(found)


def prepared(entry: Entry) -> EntryFields:
    """The text that is being worked on: the revision's, where there is one."""
    return from_json(entry.pending) if entry.pending is not None else fields_of(entry)


async def suspicions(session: AsyncSession, fields: EntryFields) -> list[Finding]:
    """Personal data that a text seems to hold; the offices' own published telephones are none."""
    return suspicious(fields, await published_numbers(session))


async def _facts(
    session: AsyncSession, clock: Clock, editor: Editor, entry: Entry, reason: str, *, checked: bool
) -> Facts:
    fields = prepared(entry)
    findings = await suspicions(session, fields)
    authors, checker = await _people(session, entry)
    return Facts(
        actor_id=editor.user_id,
        author_ids=authors,
        checker_id=checker,
        missing=tuple(missing(fields)),
        findings=tuple(one.sentence for one in findings),
        has_id_card=any(one.kind == Kind.ID_CARD for one in findings),
        is_checked=checked,
        last_day=fields.valid_to_on,
        today=beijing(clock.now()).date(),
        reason=reason,
    )


async def _people(session: AsyncSession, entry: Entry) -> tuple[frozenset[int], int | None]:
    """Who wrote at the text since it was last published, and who checked it for the unit."""
    query = select(EntryStep).where(EntryStep.entry_id == entry.id).order_by(EntryStep.id)
    authors, checker = set[int](), None
    for one in (await session.scalars(query)).all():
        if one.action == Action.PUBLISH:
            authors, checker = set(), None
        elif one.action in _WRITING and one.user_id:
            authors.add(one.user_id)
        elif one.action == Action.PASS_UNIT:
            checker = one.user_id
    return frozenset(authors), checker


async def _publish(session: AsyncSession, clock: Clock, entry: Entry, user_id: int) -> None:
    now = clock.now()
    public = {
        "state": EntryState.PUBLISHED,
        "published_at": now,
        "changed_at": now,
        "held_back": False,
        "pending": None,
        "pending_state": None,
    }
    if entry.pending is not None:
        session.add(version_of(entry, clock, user_id))
        public |= columns(from_json(entry.pending)) | {"version": entry.version + 1}
    await save(session, entry, entry.edit_no, **public)
    announce(session, EntriesChanged((entry.id,)))


async def _move(
    session: AsyncSession, clock: Clock, entry: Entry, before: EntryState, after: EntryState, action: Action
) -> None:
    moved = await session.scalar(
        update(Entry)
        .where(Entry.id == entry.id, Entry.state == before)
        .values(state=after, changed_at=clock.now())
        .returning(Entry.id)
    )
    await session.refresh(entry)
    if moved is None:
        transition(EntryState(entry.state), action)  # says what it is now
        raise Conflict
    announce(session, EntriesChanged((entry.id,)))


async def _move_revision(session: AsyncSession, entry: Entry, before: EntryState, after: EntryState) -> None:
    moved = await session.scalar(
        update(Entry)
        .where(Entry.id == entry.id, Entry.pending_state == before)
        .values(pending_state=after)
        .returning(Entry.id)
    )
    await session.refresh(entry)
    if moved is None:
        raise Conflict
