"""Keeping entries (信息维护, M-67…M-70): write, review, publish, withdraw, expire; each change keeps the text before it.

Each function works in the caller's unit of work and says on the bus what the index must follow. Who may review is
the caller's matter; whose entry it is, is decided here.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.bus import publish as announce
from core.clock import Clock, beijing
from core.errors import Conflict, InvalidInput, NotFound
from kb.errors import EntryIncomplete, NotYourUnit, ReadOnlyEntry, ReasonMissing, WrongState
from kb.events import EntriesChanged
from kb.models import (
    OWN,
    Alias,
    AliasState,
    Audience,
    Entry,
    EntryKind,
    EntryState,
    EntryVersion,
    InternalReason,
)

ITEM_FIELDS = {
    "basis": "办理依据",
    "conditions": "办理条件",
    "procedure": "办理程序",
    "time_limit": "办理时限",
    "guide": "服务指南",
    "fee": "收费标准",
}
"""What a service item must say to be published (M-69, 「办理依据、条件、程序、时限及服务指南、收费标准」)."""
STATE_NAMES = {
    EntryState.DRAFT: "草稿",
    EntryState.REVIEW: "待审核",
    EntryState.PUBLISHED: "已发布",
    EntryState.EXPIRED: "已过期",
    EntryState.WITHDRAWN: "已撤下",
}
SUBJECTS = frozenset({"", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"})
LONGEST_TITLE = 500
LONGEST_ANSWER = 20_000
LONGEST_SPOKEN = 200
"""A hot answer is read out to a caller."""
_DATES = ("valid_from_on", "valid_to_on", "review_by_on")


@dataclass(frozen=True)
class Editor:
    """Who writes, and for which unit."""

    user_id: int
    unit_id: int


@dataclass(frozen=True)
class EntryFields:
    """Everything of an entry that its unit decides."""

    title: str
    answer: str = ""
    kind: EntryKind = EntryKind.FAQ
    keywords: str = ""
    category: str = ""
    subject: str = ""
    details: dict[str, str] = field(default_factory=dict)
    valid_from_on: date | None = None
    valid_to_on: date | None = None
    review_by_on: date | None = None
    audience: Audience = Audience.PUBLIC
    internal_reason: InternalReason | None = None
    is_hot: bool = False


async def create(session: AsyncSession, clock: Clock, editor: Editor, fields: EntryFields) -> Entry:
    """A new draft of the editor's unit; raises InvalidInput or ReasonMissing."""
    check(fields)
    now = clock.now()
    entry = Entry(
        **_values(fields),
        unit_id=editor.unit_id,
        source_id=secrets.token_hex(8),
        created_at=now,
        changed_at=now,
    )
    session.add(entry)
    await session.flush()
    return entry


async def edit(
    session: AsyncSession, clock: Clock, editor: Editor, entry_id: int, fields: EntryFields, *, version: int
) -> Entry:
    """Change an entry of the editor's own unit, seen at `version`.

    The text of a published one stays until the new text has been reviewed; others change at once.
    """
    check(fields)
    entry = await _own(session, editor, entry_id)
    if entry.state == EntryState.PUBLISHED:
        entry.pending = _json(fields)
        await session.flush()
        return entry
    await _replace(session, clock, entry, fields, version, editor.user_id)
    return entry


async def submit(session: AsyncSession, clock: Clock, editor: Editor, entry_id: int) -> Entry:
    """Hand a draft (or what was withdrawn or has expired) to review."""
    entry = await _own(session, editor, entry_id)
    before = (EntryState.DRAFT, EntryState.WITHDRAWN, EntryState.EXPIRED)
    await _move(session, clock, entry, before, EntryState.REVIEW, "送审")
    return entry


async def send_back(session: AsyncSession, clock: Clock, entry_id: int) -> Entry:
    """The reviewer refuses: back to draft, or the pending change of a published entry is dropped."""
    entry = await find(session, entry_id)
    if entry.state == EntryState.PUBLISHED and entry.pending is not None:
        entry.pending = None
        await session.flush()
        return entry
    await _move(session, clock, entry, (EntryState.REVIEW,), EntryState.DRAFT, "退回")
    return entry


async def publish(session: AsyncSession, clock: Clock, reviewer_id: int, entry_id: int) -> Entry:
    """Publish what waits for review; raises EntryIncomplete or WrongState."""
    entry = await find(session, entry_id)
    if entry.state == EntryState.PUBLISHED and entry.pending is not None:
        fields = fields_from_json(entry.pending)
        _check_complete(fields)
        await _replace(session, clock, entry, fields, entry.version, reviewer_id)
        return entry
    _check_complete(fields_of(entry))
    await _move(session, clock, entry, (EntryState.REVIEW,), EntryState.PUBLISHED, "发布")
    entry.published_at = clock.now()
    await session.flush()
    return entry


async def withdraw(session: AsyncSession, clock: Clock, editor: Editor, entry_id: int) -> Entry:
    """Take an own entry off every channel at once."""
    entry = await _own(session, editor, entry_id)
    before = (EntryState.PUBLISHED, EntryState.REVIEW, EntryState.EXPIRED)
    await _move(session, clock, entry, before, EntryState.WITHDRAWN, "撤下")
    return entry


async def expire_due(session: AsyncSession, clock: Clock) -> list[int]:
    """Mark published entries whose last day is over; returns their ids. They were not found since that midnight."""
    now = clock.now()
    over = (Entry.state == EntryState.PUBLISHED, Entry.valid_to_on < beijing(now).date())
    ids = list((await session.scalars(select(Entry.id).where(*over))).all())
    if ids:
        await session.execute(
            update(Entry).where(*over).values(state=EntryState.EXPIRED, changed_at=now),
            execution_options={"synchronize_session": False},
        )
        announce(session, EntriesChanged(tuple(ids)))
    return ids


async def set_aliases(
    session: AsyncSession, clock: Clock, editor: Editor, entry_id: int, texts: Sequence[str]
) -> None:
    """The other ways to ask for an own entry, as the editor wants them; proposals not named are refused for good."""
    entry = await _own(session, editor, entry_id)
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
    entry = await session.scalar(query.options(selectinload(Entry.unit), selectinload(Entry.aliases)))
    if entry is None:
        raise NotFound
    return entry


async def hot(session: AsyncSession, today: date, subject: str | None = None) -> Sequence[Entry]:
    """Published public hot entries (热点, M-18) valid today, those asked for most first; of one subject or all."""
    query = select(Entry).where(Entry.is_hot, *visible(today), Entry.audience == Audience.PUBLIC)
    if subject:
        query = query.where(Entry.subject == subject)
    return (await session.scalars(query.order_by(Entry.chosen_weight.desc(), Entry.id))).all()


async def due_for_review(session: AsyncSession, today: date, unit_id: int | None = None) -> Sequence[Entry]:
    """Published entries whose review-by date has come (M-68), oldest first; of one unit or all."""
    query = select(Entry).where(Entry.state == EntryState.PUBLISHED, Entry.review_by_on <= today)
    if unit_id is not None:
        query = query.where(Entry.unit_id == unit_id)
    return (await session.scalars(query.order_by(Entry.review_by_on, Entry.id))).all()


def visible(today: date) -> tuple[Any, ...]:
    """What anybody may be told on this Beijing date."""
    return (
        Entry.state == EntryState.PUBLISHED,
        or_(Entry.valid_from_on.is_(None), Entry.valid_from_on <= today),
        or_(Entry.valid_to_on.is_(None), Entry.valid_to_on >= today),
    )


def touch(session: AsyncSession, clock: Clock, entry: Entry) -> None:
    """The index must look at this entry again."""
    entry.changed_at = clock.now()
    announce(session, EntriesChanged((entry.id,)))


def check(fields: EntryFields) -> None:
    """Refuse what no entry may be, draft or not; raises InvalidInput or ReasonMissing."""
    if not 0 < len(fields.title.strip()) <= LONGEST_TITLE:
        raise InvalidInput(field="标题", reason=f"请填写 1～{LONGEST_TITLE} 个字")
    if len(fields.answer) > LONGEST_ANSWER:
        raise InvalidInput(field="答复", reason=f"请不要超过 {LONGEST_ANSWER} 个字")
    if fields.subject not in SUBJECTS:
        raise InvalidInput(field="主题", reason="请用 s1～s8，或不填")
    if fields.valid_from_on and fields.valid_to_on and fields.valid_from_on > fields.valid_to_on:
        raise InvalidInput(field="有效期", reason="开始日期不能晚于截止日期")
    if fields.audience == Audience.INTERNAL and fields.internal_reason is None:
        raise ReasonMissing
    if fields.is_hot:
        _check_hot(fields)


def _check_hot(fields: EntryFields) -> None:
    if fields.audience != Audience.PUBLIC:
        raise InvalidInput(field="热点", reason="不公开的信息不能作为热点播报")
    if not fields.subject or not 0 < len(fields.answer) <= LONGEST_SPOKEN:
        raise InvalidInput(
            field="热点", reason=f"请选择主题，答复写成 {LONGEST_SPOKEN} 字以内、适合播报的文字"
        )


def _check_complete(fields: EntryFields) -> None:
    missing = [] if fields.answer.strip() or fields.kind == EntryKind.ITEM else ["答复"]
    if fields.kind == EntryKind.ITEM:
        missing += [name for key, name in ITEM_FIELDS.items() if not fields.details.get(key, "").strip()]
    if missing:
        raise EntryIncomplete(missing="、".join(missing))


def fields_of(entry: Entry) -> EntryFields:
    """An entry's present fields."""
    return EntryFields(**{name: getattr(entry, name) for name in EntryFields.__dataclass_fields__})


def fields_from_json(data: dict[str, Any]) -> EntryFields:
    """Back from `EntryVersion.fields` or `Entry.pending`."""
    values = dict(data)
    values["kind"], values["audience"] = EntryKind(values["kind"]), Audience(values["audience"])
    values["internal_reason"] = InternalReason(reason) if (reason := values["internal_reason"]) else None
    for name in _DATES:
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    return EntryFields(**values)


def version_of(entry: Entry, clock: Clock, user_id: int | None) -> EntryVersion:
    """The entry as it is now, to be kept before it is changed by this person (None: an import)."""
    return EntryVersion(
        entry_id=entry.id,
        version=entry.version,
        fields=_json(fields_of(entry)),
        user_id=user_id,
        at=clock.now(),
    )


def _json(fields: EntryFields) -> dict[str, Any]:
    values = asdict(fields)
    return values | {name: values[name] and values[name].isoformat() for name in _DATES}


def _values(fields: EntryFields) -> dict[str, Any]:
    return {name: getattr(fields, name) for name in EntryFields.__dataclass_fields__}


async def _own(session: AsyncSession, editor: Editor, entry_id: int) -> Entry:
    entry = await find(session, entry_id)
    if entry.unit_id != editor.unit_id:
        raise NotYourUnit(unit=entry.unit.name if entry.unit else entry.department)
    if entry.source != OWN:
        raise ReadOnlyEntry(source=entry.source)
    return entry


async def _replace(
    session: AsyncSession, clock: Clock, entry: Entry, fields: EntryFields, version: int, user_id: int | None
) -> None:
    """Keep the text there was and put the new one, unless somebody was faster (Conflict)."""
    kept = version_of(entry, clock, user_id)
    changed = await session.execute(
        update(Entry)
        .where(Entry.id == entry.id, Entry.version == version)
        .values(**_values(fields), version=version + 1, pending=None, changed_at=clock.now())
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict
    session.add(kept)
    await session.flush()
    await session.refresh(entry)
    announce(session, EntriesChanged((entry.id,)))


async def _move(
    session: AsyncSession,
    clock: Clock,
    entry: Entry,
    before: tuple[EntryState, ...],
    after: EntryState,
    action: str,
) -> None:
    """Compare and set the state; raises WrongState with what was wanted."""
    moved = await session.execute(
        update(Entry)
        .where(Entry.id == entry.id, Entry.state.in_(before))
        .values(state=after, changed_at=clock.now())
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise WrongState(state=STATE_NAMES[EntryState(entry.state)], action=action)
    await session.refresh(entry)
    announce(session, EntriesChanged((entry.id,)))
