"""The table of the checklist: one line for each time somebody moved an item, never changed; the newest counts."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime


class Item(StrEnum):
    """What L164 of the source wants of every department."""

    FUNCTIONS = "functions"
    OFFICE = "office"
    MATTERS = "matters"
    AUTHORITY = "authority"
    CLOSED = "closed"


class Progress(StrEnum):
    """How far an item is; without a line it has not begun."""

    BEGUN = "begun"
    DONE = "done"
    CHECKED = "checked"
    """The office has seen that it is so."""
    RETURNED = "returned"
    """The office has seen that it is not."""


class GatheringStep(Base):
    __tablename__ = "gathering_steps"
    __table_args__ = (Index("ix_gathering_steps_unit_id_item", "unit_id", "item"),)

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    item: Mapped[Item] = mapped_column(String(10))
    progress: Mapped[Progress] = mapped_column(String(10))
    note: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
