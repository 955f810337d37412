"""The tables of this room: calls owed to callers, how far the ledger is stored, where it differed, what prompts say instead."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime, only_where
from core.people import User


class OwedKind(StrEnum):
    MISSED = "missed"
    """漏接: gave up in the queue, or found the line full"""
    KEPT_PLACE = "kept_place"
    """保留排队位置: asked to be called when it is their turn"""


class OwedState(StrEnum):
    OPEN = "open"
    REACHED = "reached"
    UNREACHABLE = "unreachable"
    """three tries in vain"""
    SERVED = "served"
    """called again and was answered"""
    DROPPED = "dropped"
    """closed by hand, with a remark"""


class OwedCall(Base):
    """One caller to be called back (回拨): who, why, until when, by whom, with what result."""

    __tablename__ = "owed_calls"
    __table_args__ = (
        Index("ix_owed_calls_state_asked_at", "state", "asked_at"),
        Index("uq_owed_calls_open_number", "number", unique=True, **only_where("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id"), index=True)
    """The call that waited; with several of one number the first."""
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"), index=True)
    line: Mapped[str] = mapped_column(String(20), default="")
    number: Mapped[str] = mapped_column(String(32), index=True)
    """In full; masked wherever it is shown. One open call-back per number."""
    kind: Mapped[OwedKind] = mapped_column(String(12))
    language: Mapped[str] = mapped_column(String(12), default="", server_default="")
    """What the caller had chosen to be served in; empty: Mandarin."""
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the caller entered the queue: their place."""
    times: Mapped[int] = mapped_column(default=1)
    """How often this number gave up."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who took it on."""
    state: Mapped[OwedState] = mapped_column(String(12), default=OwedState.OPEN)
    tries: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remark: Mapped[str] = mapped_column(String(200), default="")

    owner: Mapped[User | None] = relationship(lazy="raise")


class VersionState(StrEnum):
    WAITING = "waiting"
    """proposed by an office"""
    ACCEPTED = "accepted"
    """the one accepted last is what callers hear"""
    REFUSED = "refused"


class PromptVersion(Base):
    """One text of a prompt (提示音) beside the one in the file; none is ever changed or removed."""

    __tablename__ = "prompt_versions"
    __table_args__ = (Index("ix_prompt_versions_prompt_line", "prompt", "line"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    prompt: Mapped[str] = mapped_column(String(60))
    """Its id in `dialplan/prompts.toml`."""
    line: Mapped[str] = mapped_column(String(20), default="")
    """The line that says it so; empty: every line."""
    text: Mapped[str] = mapped_column(String(400), default="")
    """Empty: the file's text again, or on one line what all lines say."""
    recording: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    """WAV, 8 kHz mono; none: spoken by the synthesiser."""
    recording_name: Mapped[str] = mapped_column(String(120), default="")
    """How its sender's file was called."""
    remark: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[VersionState] = mapped_column(String(12), index=True)
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(String(60), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_default(self) -> bool:
        return not self.text


class Reconciliation(Base):
    """One comparison of the ledger with Asterisk's own CEL and CDR (每日对账)."""

    __tablename__ = "reconciliations"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ran_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    since_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until_at: Mapped[datetime] = mapped_column(UtcDateTime)
    calls: Mapped[int] = mapped_column(default=0)
    """How many were compared."""
    differences: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    """`linkedid` and `text` of each."""


class LedgerMark(Base):
    """How far one ledger writer's batches are stored; set in the batch's own transaction, so that none is stored twice."""

    __tablename__ = "ledger_marks"

    writer: Mapped[str] = mapped_column(String(40), primary_key=True)
    """One process's writer, named by the moment it began."""
    stored: Mapped[int] = mapped_column(BigInteger, default=0)
    """Number of its last stored batch."""


class ServiceSample(Base):
    """How the call centre stood in one minute (M-79); a minute without a row had no controller at work."""

    __tablename__ = "service_samples"

    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    """The beginning of the minute."""
    connected: Mapped[bool]
    """The controller knew every call that lived in Asterisk."""
    signed_in: Mapped[int]
    """Seats at work, whatever they did."""
    waiting: Mapped[int]
    longest_wait_s: Mapped[int]
