"""What the composition root hands to this room."""

from dataclasses import dataclass, field
from pathlib import Path

from core.scanner import Scanner

SHORTEST_SECRET = 16


@dataclass(frozen=True)
class TicketSettings:
    """Given once to the database: `db.provide(TicketSettings(...))`."""

    code_secret: bytes = field(repr=False)
    """Key of the query codes' hash (查询码密钥); whoever changes it kills every code issued so far."""
    code_failures_a_day: int = 10
    """Unknown codes one caller number or address may try in a Beijing day (§5.5)."""
    code_alarm_a_minute: int = 30
    """Unknown codes on one line within a minute that raise the alarm (§5.5)."""
    code_slow_s: float = 3.0
    """How long every answer about a code takes on a line where the alarm's number was reached within the last minute (§5.5)."""
    rating_changes_days: int = 7
    """How long the last rating of one reply wins (M-62)."""

    def __post_init__(self) -> None:
        if len(self.code_secret) < SHORTEST_SECRET:
            raise ValueError(f"code_secret needs at least {SHORTEST_SECRET} bytes")


@dataclass(frozen=True)
class AttachmentSettings:
    """How papers of askers are taken in (附件)."""

    folder: Path = Path("var/attachments")
    """Outside the web root."""
    file_mb: int = 5
    most_files: int = 3
    scan_command: str = ""
    """A virus scanner, `{file}` for the file: it exits 0 for a clean one, 1 for an infected one. Empty: not scanned."""
    scan_timeout_s: float = 30.0

    @property
    def scanner(self) -> Scanner:
        return Scanner(self.scan_command, self.scan_timeout_s)
