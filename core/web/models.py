"""The one table of the web side: who is signed in where."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime
from core.people import User


class WebSession(Base):
    """One sign-in of one person in one browser; the cookie's value is kept as a hash only."""

    __tablename__ = "web_sessions"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    source: Mapped[str] = mapped_column(String(64), default="")

    user: Mapped[User] = relationship()
