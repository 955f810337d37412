"""The public side's one table: what was sent in lately, for telling a flood."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class Sending(Base):
    """A question or complaint sent in by somebody (防刷): forgotten after an hour, and tied to no ticket."""

    __tablename__ = "portal_sendings"
    __table_args__ = (Index("ix_portal_sendings_source_hash_at", "source_hash", "at"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    source_hash: Mapped[str] = mapped_column(String(64))
    """Keyed hash of the network address."""
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
