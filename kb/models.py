"""The tables of this room: entries with their versions and other wordings, synonyms, searches."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.units import Unit

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


class EntryState(StrEnum):
    """M-68 「发布、更新」; only published entries are found."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Audience(StrEnum):
    """M-70 「公开是原则,不公开是例外」"""

    PUBLIC = "public"
    INTERNAL = "internal"


class InternalReason(StrEnum):
    """Why an entry is not public; there is no entry without one of these that is internal."""

    STATE_SECRET = "state_secret"  # noqa: S105 - a category
    TRADE_SECRET = "trade_secret"  # noqa: S105 - a category
    PRIVACY = "privacy"
    WORK_IN_PROGRESS = "work_in_progress"
    SECURITY = "security"


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
        Index("ix_kb_entries_subject_hot", "subject", "is_hot"),
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
    """A service item's six fields (M-69), keys of `kb.entries.ITEM_FIELDS`"""
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
    """A changed text of a published entry, waiting for review while the old one stays published"""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """Moves with every change that the index must know."""
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    unit: Mapped[Unit | None] = relationship()
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
