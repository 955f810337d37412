"""The tables of this room: entries with versions, steps, files and other wordings; to-dos, synonyms, searches."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime, only_where
from core.people import User
from core.units import Region, RegionLevel, Unit

OWN = "own"
"""Source of the entries written here; every other source is read-only (M-64)."""


class EntryKind(StrEnum):
    """M-69"""

    FAQ = "faq"
    DOCUMENT = "document"
    """规范性文件 and other base information"""
    ITEM = "item"
    """行政许可、服务事项"""
    UNIT = "unit"
    """单位信息"""
    NOTICE = "notice"
    """听证、公示、通报 (M-109)"""
    GUIDE = "guide"
    """依申请公开指南 (M-110)"""


class EntryState(StrEnum):
    """M-68 「发布、更新」; only published entries are found. The legal moves are in `kb.lifecycle`."""

    DRAFT = "draft"
    UNIT_CHECK = "unit_check"
    SECRECY_CHECK = "secrecy"
    PUBLISHED = "published"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Audience(StrEnum):
    """M-70 「公开是原则,不公开是例外」"""

    PUBLIC = "public"
    INTERNAL = "internal"


class InternalReason(StrEnum):
    """Why an entry is not public; there is no entry without one of these that is internal."""

    PROHIBITED = "prohibited"
    """法律、行政法规禁止公开; a state secret is not among these: it must not be in this system at all"""
    TRADE_SECRET = "trade_secret"  # noqa: S105 - a category
    PRIVACY = "privacy"
    WORK_IN_PROGRESS = "work_in_progress"
    SECURITY = "security"
    INTERNAL_AFFAIRS = "internal_affairs"
    CASE_FILE = "case_file"


class AliasState(StrEnum):
    PROPOSED = "proposed"
    """Learnt from searches: counts half until an editor confirms it."""
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    """Never proposed again."""


class Entry(Base):
    """One piece of published knowledge (信息条目)."""

    __tablename__ = "kb_entries"
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_kb_entries_is_hot_subject", "is_hot", "subject"),
        Index("ix_kb_entries_notices", "published_at", **only_where("kind = 'notice'")),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    kind: Mapped[EntryKind] = mapped_column(String(12))
    state: Mapped[EntryState] = mapped_column(String(12), index=True, default=EntryState.DRAFT)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    department: Mapped[str] = mapped_column(String(120), default="")
    """The unit's name as the source writes it, where it is none of ours."""
    source: Mapped[str] = mapped_column(String(60), default=OWN)
    source_id: Mapped[str | None] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(String(500))
    answer: Mapped[str] = mapped_column(Text, default="")
    keywords: Mapped[str] = mapped_column(String(500), default="")
    category: Mapped[str] = mapped_column(String(120), default="")
    subject: Mapped[str] = mapped_column(String(8), default="")
    """`s1` … `s8` of the menu, or empty"""
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """What only this kind of entry says, keys of `kb.kinds.FIELDS` (M-69: a service item's six)"""
    level: Mapped[RegionLevel | None] = mapped_column(String(20))
    """The level that handles it; None: any"""
    valid_from_on: Mapped[date | None] = mapped_column(Date)
    valid_to_on: Mapped[date | None] = mapped_column(Date, index=True)
    """The last day"""
    review_by_on: Mapped[date | None] = mapped_column(Date)
    audience: Mapped[Audience] = mapped_column(String(8), default=Audience.PUBLIC)
    internal_reason: Mapped[InternalReason | None] = mapped_column(String(20))
    is_hot: Mapped[bool] = mapped_column(default=False)
    """热点: spoken in the menu of its subject (M-18)"""
    chosen_count: Mapped[int] = mapped_column(default=0)
    chosen_weight: Mapped[float] = mapped_column(default=0.0)
    """Times chosen, halved every 90 days, as of `chosen_on`"""
    chosen_on: Mapped[date | None] = mapped_column(Date)
    version: Mapped[int] = mapped_column(default=1)
    pending: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The revision (修订稿): a new text of an entry that was published, while the old one stays"""
    pending_state: Mapped[EntryState | None] = mapped_column(String(12))
    """How far the revision has come"""
    edit_no: Mapped[int] = mapped_column(default=1)
    """Counts every text saved; an editor who saw an older one is told (Conflict)."""
    held_back: Mapped[bool] = mapped_column(default=False)
    """Withdrawn here by a person: an import does not bring it back"""
    ticket_no: Mapped[str | None] = mapped_column(String(20), index=True)
    """The ticket whose answer it grew out of (M-66)"""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """Moves with every change that the index must know."""
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    unit: Mapped[Unit | None] = relationship()
    region: Mapped[Region | None] = relationship()
    aliases: Mapped[list["Alias"]] = relationship(order_by="Alias.id", viewonly=True)


class EntryVersion(Base):
    """An entry as it was before a change (历史版本)."""

    __tablename__ = "kb_entry_versions"
    __table_args__ = (UniqueConstraint("entry_id", "version"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("kb_entries.id"))
    version: Mapped[int]
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who changed it; None: an import"""
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class EntryStep(Base):
    """One move of an entry (流程记录, M-68): who did what, when, and why; append-only."""

    __tablename__ = "kb_entry_steps"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("kb_entries.id"), index=True)
    action: Mapped[str] = mapped_column(String(20))
    before: Mapped[EntryState | None] = mapped_column(String(12))
    after: Mapped[EntryState] = mapped_column(String(12))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the clock, or an import"""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int]

    user: Mapped[User | None] = relationship()


class Attachment(Base):
    """A file of an entry (附件); the bytes are in a folder, named by their checksum."""

    __tablename__ = "kb_attachments"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(24), unique=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("kb_entries.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    added_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TodoKind(StrEnum):
    """What an editor is asked to do (M-84)."""

    GAP = "gap"
    """Searched for and not found"""
    QUESTION = "question"
    """A question on a ticket that could not be answered"""
    SUGGESTION = "suggestion"
    """An operator's or liaison's remark, perhaps on one entry"""


class TodoState(StrEnum):
    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


class Todo(Base):
    """One line of the editors' to-do list (待办), with the unit that is asked and the day until when."""

    __tablename__ = "kb_todos"
    __table_args__ = (Index("ix_kb_todos_state_unit", "state", "unit_id"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    kind: Mapped[TodoKind] = mapped_column(String(12))
    state: Mapped[TodoState] = mapped_column(String(8), default=TodoState.OPEN)
    text: Mapped[str] = mapped_column(String(500))
    normal: Mapped[str] = mapped_column(String(200), default="", index=True)
    """The search's words as the index knows them: one line per gap"""
    times: Mapped[int] = mapped_column(default=1)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """None: nobody has been asked yet"""
    due_on: Mapped[date | None] = mapped_column(Date)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("kb_entries.id"))
    """The entry it is about, or that answers it"""
    ticket_no: Mapped[str | None] = mapped_column(String(20))
    raised_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")

    unit: Mapped[Unit | None] = relationship()


class Alias(Base):
    """Another way to ask for an entry (别名)."""

    __tablename__ = "kb_aliases"
    __table_args__ = (UniqueConstraint("entry_id", "text"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("kb_entries.id"))
    text: Mapped[str] = mapped_column(String(200))
    state: Mapped[AliasState] = mapped_column(String(12), default=AliasState.CONFIRMED)


class Synonym(Base):
    """What callers say => what offices write (同义词); beside the list that ships with the program."""

    __tablename__ = "kb_synonyms"
    __table_args__ = (UniqueConstraint("say", "official"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    say: Mapped[str] = mapped_column(String(24))
    official: Mapped[str] = mapped_column(String(60))


class SearchLog(Base):
    """What became of a search (M-84): an entry chosen, or nothing found. Typing alone leaves no row."""

    __tablename__ = "kb_searches"
    __table_args__ = (Index("ix_kb_searches_normal_entry", "normal", "chosen_id"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    query: Mapped[str] = mapped_column(String(200))
    normal: Mapped[str] = mapped_column(String(200))
    shown_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    chosen_id: Mapped[int | None] = mapped_column(ForeignKey("kb_entries.id"))
    not_found: Mapped[bool] = mapped_column(default=False)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the public"""
    ticket_no: Mapped[str | None] = mapped_column(String(20), index=True)
    """The ticket into whose answer the chosen entry went"""


class Reading(Base):
    """An entry that was read for a ticket, or read out to a caller by the menu (查阅、播报)."""

    __tablename__ = "kb_readings"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("kb_entries.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the menu read it out (M-18)"""
    ticket_no: Mapped[str | None] = mapped_column(String(20), index=True)
    linkedid: Mapped[str | None] = mapped_column(String(64), index=True)
    """The call in which it was read out"""
