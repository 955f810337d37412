"""Changes (变更记录): who changed what in the directory, from what to what, so that it can be seen and taken back.

Keeps plain values beside the audit log: the log proves that something happened, this says what it was. What the
values mean belongs to those who record them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, PrimaryKey, UtcDateTime

Facts = dict[str, Any]


class Change(Base):
    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(20))
    """What sort of thing: `region`, `unit`, …"""
    key: Mapped[str] = mapped_column(String(120), index=True)
    """Its outside name, e.g. `5399/101`."""
    label: Mapped[str] = mapped_column(String(120))
    before: Mapped[Facts | None] = mapped_column(JSON(none_as_null=True))
    """None: it did not exist."""
    after: Mapped[Facts | None] = mapped_column(JSON(none_as_null=True))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def differences(self) -> list[tuple[str, Any, Any]]:
        """(name, before, after) of every value that changed."""
        before, after = self.before or {}, self.after or {}
        return [
            (name, before.get(name), after.get(name))
            for name in {**before, **after}
            if before.get(name) != after.get(name)
        ]
