"""The tables of this room: calls, their ledger, their audio."""

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime, only_where


class CallEnd(StrEnum):
    """How a call ended (M-57)."""

    MENU = "menu"
    """abandoned in a menu; `end_node` says where"""
    QUEUE = "queue"
    """abandoned in the operator queue"""
    SELF_SERVICE = "self_service"
    """served by the menus alone, to their end"""
    CALL_BACK = "call_back"
    """left the queue to be called back, keeping their place"""
    VOICEMAIL = "voicemail"
    COMPLAINT = "complaint"
    OPERATOR = "operator"
    """served by an operator"""
    LIAISON = "liaison"
    """served by a liaison (after an operator or straight from the menu)"""
    UNSEEN = "unseen"
    """ended while nobody watched: nothing better is known"""


class CallMark(StrEnum):
    """A call that no figure counts (M-135 「明察暗访」)."""

    NONE = ""
    TEST = "test"
    """试拨"""
    MYSTERY = "mystery"
    """暗访: kept out of satisfaction, judged by quality alone"""
    PRACTICE = "practice"
    """练习: a sample caller at a trainee's seat (M-89), marked from its first ledger line"""


GRADED = (CallMark.NONE, CallMark.MYSTERY)
"""The marks of calls whose grades count as quality (K-21)."""


class Call(Base):
    """One inbound or outbound call: the call record (通话记录, M-57)."""

    __tablename__ = "calls"
    __table_args__ = (
        Index("ix_calls_mark", "mark", **only_where("mark <> ''")),
        Index("ix_calls_region_id_started_at", "region_id", "started_at"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    linkedid: Mapped[str] = mapped_column(String(64), unique=True)
    direction: Mapped[str] = mapped_column(String(3), default="in")
    """`in`, or `out` for a call back."""
    line: Mapped[str] = mapped_column(String(20), index=True)
    """The number dialled."""
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    caller_number: Mapped[str] = mapped_column(String(32), default="", index=True)
    """In full; masked wherever it is shown."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    queued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the first operator answered."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end: Mapped[CallEnd | None] = mapped_column(String(20))
    end_node: Mapped[str] = mapped_column(String(30), default="")
    node_path: Mapped[str] = mapped_column(Text, default="")
    """Menu nodes in the order walked, joined by `>`."""
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    """The operator who had the caller last, in charge of what came of the call; the ledger names every one."""
    liaison_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    liaison_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)
    talk_ms: Mapped[int] = mapped_column(default=0)
    """Time the caller was bridged with a person."""
    mark: Mapped[CallMark] = mapped_column(String(8), default=CallMark.NONE)

    events: Mapped[list["CallEvent"]] = relationship(order_by="CallEvent.id", viewonly=True)
    recordings: Mapped[list["Recording"]] = relationship(order_by="Recording.id", viewonly=True)


class CallEvent(Base):
    """One line of the ledger, append-only: the truth every figure comes from.

    `kind` is one of the constants in `recordings.ledger`; `data` holds the few fields that kind names there.
    """

    __tablename__ = "call_events"
    __table_args__ = (
        Index("ix_call_events_call_id_id", "call_id", "id"),
        Index("ix_call_events_transfer_started", "call_id", **only_where("kind = 'transfer_started'")),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    kind: Mapped[str] = mapped_column(String(24))
    channel: Mapped[str] = mapped_column(String(64), default="")
    """Asterisk's uniqueid of the channel concerned."""
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class RecordingKind(StrEnum):
    TALK = "talk"
    """the caller on the left channel, everybody else on the right, from the first bridge to the last"""
    CONSULT = "consult"
    """operator (left) and liaison (right) while the caller holds"""
    VOICEMAIL = "voicemail"
    COMPLAINT = "complaint"


def new_public_id() -> str:
    """The name a recording has outside: random, so that nobody counts or guesses recordings."""
    return secrets.token_urlsafe(12)


class Recording(Base):
    """One audio file in the archive, outside the web root, named without any phone number."""

    __tablename__ = "recordings"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(24), unique=True, default=new_public_id)
    call_id: Mapped[int | None] = mapped_column(ForeignKey("calls.id"), index=True)
    kind: Mapped[RecordingKind] = mapped_column(String(12))
    path: Mapped[str] = mapped_column(String(200), unique=True)
    """Relative to the archive folder."""
    source: Mapped[str] = mapped_column(String(200), unique=True)
    """Name of Asterisk's own file: the same file is never taken in twice."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    duration_ms: Mapped[int] = mapped_column(default=0)
    channels: Mapped[int] = mapped_column(default=1)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    """Of the file as it lies in the archive."""
    audio_sha256: Mapped[str] = mapped_column(String(64), default="")
    """Of the samples that came from Asterisk."""
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary(80), default=b"")
    wrapped_by: Mapped[str] = mapped_column(String(12), default="")
    """The file's own key and which key of the keyring wraps it."""
    chain_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Over this row and the one before (`recordings.keeping.chain`)."""
    damaged: Mapped[bool] = mapped_column(default=False)
    """The file ended in mid-frame or held no audio; what there was is kept."""
    sealed: Mapped[bool] = mapped_column(default=False)
    legal_hold: Mapped[bool] = mapped_column(default=False)
    """Kept whatever its age, until the hold is lifted (M-60)."""
    purge_id: Mapped[int | None] = mapped_column(ForeignKey("purges.id"), index=True)
    """The purge that somebody asked for and that names it."""
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was purged; the row stays."""


class PurgeState(StrEnum):
    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"


class Purge(Base):
    """Recordings past their time, removed by two people (双人清除): one asks, another approves."""

    __tablename__ = "purges"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    state: Mapped[PurgeState] = mapped_column(String(8), default=PurgeState.ASKED)
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    """Whose recordings; those below it included."""
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(500))
    count: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes in the archive."""
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    certificate: Mapped[str] = mapped_column(Text, default="")
    """What was removed, as JSON lines: id, kind, start, length, checksum."""
    certificate_sha256: Mapped[str] = mapped_column(String(64), default="")


class RecordingNote(Base):
    """A listener's remark at one moment of a recording (M-59)."""

    __tablename__ = "recording_notes"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    recording_id: Mapped[int] = mapped_column(ForeignKey("recordings.id"), index=True)
    offset_ms: Mapped[int]
    """From the start of the audio."""
    text: Mapped[str] = mapped_column(String(500))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
