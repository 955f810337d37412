"""An entry's texts over time and what changed between two of them (历史版本与比较, M-68)."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.people import User
from core.units import SUBJECTS
from kb.fields import EntryFields, fields_of, from_json
from kb.kinds import AUDIENCE_NAMES, KIND_NAMES, LEVEL_NAMES, REASON_NAMES, labelled
from kb.models import Entry, EntryVersion


@dataclass(frozen=True)
class Version:
    """One text; `until` and `by` say when and by whom it was replaced (the present one: not yet)."""

    number: int
    fields: EntryFields
    until: datetime | None = None
    by: str = ""
    is_revision: bool = False


@dataclass(frozen=True)
class Piece:
    text: str
    change: str = ""
    """`added`, `removed`, or nothing"""


@dataclass(frozen=True)
class Change:
    """One field that differs, by its Chinese name."""

    label: str
    pieces: tuple[Piece, ...]


async def history(session: AsyncSession, entry: Entry) -> list[Version]:
    """Every text of an entry, the newest first: its revision, the present one, those before."""
    query = (
        select(EntryVersion, User.display_name)
        .outerjoin(User, User.id == EntryVersion.user_id)
        .where(EntryVersion.entry_id == entry.id)
        .order_by(EntryVersion.version.desc())
    )
    kept = [
        Version(row.version, from_json(row.fields), row.at, name or "导入")
        for row, name in (await session.execute(query)).all()
    ]
    revision = (
        [Version(entry.version + 1, from_json(entry.pending), is_revision=True)] if entry.pending else []
    )
    return [*revision, Version(entry.version, fields_of(entry)), *kept]


def changes(old: EntryFields, new: EntryFields) -> list[Change]:
    """What differs, field by field; nothing for equal texts."""
    before, after = texts_of(old), texts_of(new)
    return [
        Change(label, tuple(_pieces(before.get(label, ""), after.get(label, ""))))
        for label in dict.fromkeys([*before, *after])
        if before.get(label, "") != after.get(label, "")
    ]


def texts_of(fields: EntryFields) -> dict[str, str]:
    """Everything a text says, by Chinese name, in the order of the form."""
    texts = {
        "种类": KIND_NAMES[fields.kind],
        "标题": fields.title,
        "答复": fields.answer,
        **labelled(fields.kind, fields.details),
        "关键词": fields.keywords,
        "类别": fields.category,
        "主题": SUBJECTS.get(fields.subject, ""),
        "办理层级": LEVEL_NAMES[fields.level] if fields.level else "",
        "生效日期": _day(fields.valid_from_on),
        "截止日期": _day(fields.valid_to_on),
        "复核日期": _day(fields.review_by_on),
        "公开范围": AUDIENCE_NAMES[fields.audience],
        "不公开理由": REASON_NAMES[fields.internal_reason] if fields.internal_reason else "",
        "热点": "是" if fields.is_hot else "",
    }
    return {label: text for label, text in texts.items() if text}


def _day(on: date | None) -> str:
    return on.isoformat() if on else ""


def _pieces(before: str, after: str) -> Iterator[Piece]:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield Piece(before[a:b])
        else:
            if before[a:b]:
                yield Piece(before[a:b], "removed")
            if after[c:d]:
                yield Piece(after[c:d], "added")
