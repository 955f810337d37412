"""The tables of the callbacks: where to, and each message with its tries."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.people import Token


class Webhook(Base):
    """One address that a channel wants to be told at."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id"), index=True)
    """The channel key whose tickets it is about."""
    url: Mapped[str] = mapped_column(String(500))
    salt: Mapped[str] = mapped_column(String(32))
    """The signing secret follows from it and our own secret; it is kept nowhere."""
    since_trail_id: Mapped[int]
    """What happened up to this line of the trail is not told."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    token: Mapped[Token] = relationship()


class Delivery(Base):
    """One message for one address, until it is taken or given up (死信)."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "trail_id"),
        Index("ix_webhook_deliveries_next_at", "next_at"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"))
    trail_id: Mapped[int] = mapped_column(ForeignKey("ticket_trail.id"))
    body: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it is tried next; empty: taken, or given up."""
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dead_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(String(200), default="")

    webhook: Mapped[Webhook] = relationship()
