"""News of this room, delivered after the commit."""

from dataclasses import dataclass

from core.people import Role


@dataclass(frozen=True)
class TicketChanged:
    """A ticket was opened, moved, typed into, noted or rated: whoever shows it reads it again."""

    ticket_no: str


@dataclass(frozen=True)
class CodeGuessing:
    """Unknown query codes come in on one line faster than people mistype (§5.5)."""

    line: str
    failures: int


@dataclass(frozen=True)
class NoticesPosted:
    """New notices for these roles of these units: pages that show their number count again."""

    audiences: frozenset[tuple[Role, int]]
