"""One invented call while it is written (演示数据): a moment that moves on, the ledger's lines, the columns of its record."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from recordings import ledger


@dataclass
class Script:
    rng: random.Random
    linkedid: str
    at: datetime
    lines: list[dict[str, Any]] = field(default_factory=list)
    call: dict[str, Any] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    scores: dict[str, int | None] = field(default_factory=dict)
    audio_at: datetime | None = None
    """When its recording began, for one of the few that have audio."""
    message_s: float = 0.0
    talk_ms: int = 0

    def note(self, kind: str, after_s: float = 0.0, *, channel: str = "", **data: Any) -> None:
        self.at += timedelta(milliseconds=round(after_s * 1000))
        known = {key: value for key, value in data.items() if value is not None or key == "score"}
        self.lines.append({"at": self.at, "kind": kind, "channel": channel or self.linkedid, "data": known})

    def wait(self, low_s: float, high_s: float) -> float:
        return self.rng.uniform(low_s, high_s)

    def walk(self, steps: Sequence[tuple[str, str]]) -> None:
        for node, key in steps:
            self.node(node, self.wait(0.1, 0.6))
            if key:
                self.note(ledger.KEY, self.wait(2, 8), node=node, key=key)
            else:
                self.note(ledger.TIMEOUT, self.wait(6, 9), node=node)

    def node(self, name: str, after_s: float = 0.0) -> None:
        self.path.append(name)
        self.note(ledger.NODE, after_s, node=name)
