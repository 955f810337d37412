"""Where a call's audio belongs in time (时间轴), worked out from the ledger's lines alone. Pure.

A talk recording holds only the time in which the caller was bridged (MixMonitor's option b), so a place in the audio and
an instant of the call are joined through the bridged spans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recordings import ledger
from recordings.call_story.legs import LedgerLine, Leg, end_of, legs_of


@dataclass(frozen=True)
class Span:
    """Time in which the caller was bridged with one leg."""

    from_at: datetime
    until_at: datetime
    leg: Leg | None

    @property
    def ms(self) -> int:
        return _ms(self.until_at - self.from_at)


def _ms(delta: timedelta) -> int:
    return round(delta / timedelta(milliseconds=1))


def bridged_spans(lines: Sequence[LedgerLine]) -> list[Span]:
    """The times in which the caller was bridged; a consultation between others is no line of BRIDGED."""
    all_legs = legs_of(lines)
    spans: list[Span] = []
    since: datetime | None = None
    partner: Leg | None = None
    for line in lines:
        if line.kind == ledger.BRIDGED:
            if since is not None:  # joined to somebody else without a pause
                spans.append(Span(since, line.at, partner))
            since, partner = line.at, _partner(all_legs, line)
        elif since is not None and line.kind in {ledger.UNBRIDGED, ledger.ENDED}:
            spans.append(Span(since, line.at, partner))
            since = None
    if since is not None:
        spans.append(Span(since, end_of(lines), partner))
    return [span for span in spans if span.until_at > span.from_at]


def _partner(all_legs: Sequence[Leg], line: LedgerLine) -> Leg | None:
    """The leg named by channel or extension; failing that, whoever answered last before."""
    names = {line.channel, str(line.data.get("with") or ""), str(line.data.get("extension") or "")} - {""}
    answered = [leg for leg in all_legs if leg.answered_at and leg.answered_at <= line.at]
    present = [leg for leg in answered if leg.left_at is None or leg.left_at >= line.at]
    for leg in reversed(present):
        if names & {leg.extension, leg.channel}:
            return leg
    remaining = present or answered
    return remaining[-1] if remaining else None


def offsets_of_unit(spans: Sequence[Span], unit_id: int) -> list[tuple[int, int]]:
    """The parts of the talk recording, in ms, in which the caller talked with this unit."""
    parts: list[tuple[int, int]] = []
    passed = 0
    for span in spans:
        if span.leg is not None and span.leg.unit_id == unit_id:
            parts.append((passed, passed + span.ms))
        passed += span.ms
    return parts
