"""What the desk stores of its own: the supervisors' words in place of the shipped phrases (规范用语)."""

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class OwnPhrases(Base):
    """The phrases of one situation, in their order."""

    __tablename__ = "desk_phrases"

    situation: Mapped[str] = mapped_column(String(40), primary_key=True)
    """`id` in phrases.toml."""
    phrases: Mapped[list[str]] = mapped_column(JSON)
