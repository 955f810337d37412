"""What the composition root hands to this room."""

from dataclasses import dataclass, field

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
    rating_changes_days: int = 7
    """How long the last rating of one reply wins (M-62)."""

    def __post_init__(self) -> None:
        if len(self.code_secret) < SHORTEST_SECRET:
            raise ValueError(f"code_secret needs at least {SHORTEST_SECRET} bytes")
