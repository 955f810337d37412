"""Times within one call (时间轴), worked out from its ledger alone: legs, segments, and where audio belongs.

Pure: ledger lines in, plain values out. A talk recording holds only the time in which the caller was bridged
(MixMonitor's option b), so a place in the audio and an instant of the call are joined through the bridged spans.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from recordings import ledger

AFTER_TALK_NODES = frozenset(
    {"TALKED", "CODE", "AFTER-CODE", "SURVEY", "SURVEY-NEXT", "SURVEY-UNIT", "SURVEY-BAD", "THANKS", "BYE"}
)
DEPARTMENT_ROLES = frozenset({"liaison", "backup", "service_phone"})


@dataclass(frozen=True)
class Line:
    """One ledger line, free of the database."""

    at: datetime
    kind: str
    channel: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Leg:
    """One telephone that rang for this call (通话分支)."""

    extension: str
    channel: str = ""
    user_id: int | None = None
    unit_id: int | None = None
    role: str = "operator"
    offered_at: datetime | None = None
    answered_at: datetime | None = None
    left_at: datetime | None = None
    outcome: str = "ringing"
    """`ringing`, `answered`, or why it was not answered."""


class Lane(StrEnum):
    """The rows of the drawing, from top to bottom."""

    MENU = "menu"
    QUEUE = "queue"
    RING = "ring"
    TALK = "talk"
    HOLD = "hold"
    CONSULT = "consult"
    LIAISON = "liaison"
    SURVEY = "survey"


@dataclass(frozen=True)
class Segment:
    lane: Lane
    from_at: datetime
    until_at: datetime
    what: str = ""
    """Extension, node path or reason; the page makes words of it."""
    unit_id: int | None = None


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


def end_of(lines: Sequence[Line]) -> datetime:
    """When the call ended, or the last thing known of one still running."""
    return lines[-1].at


def legs(lines: Sequence[Line]) -> list[Leg]:
    """Every telephone that was rung or answered, in order; an extension rung twice gives two legs."""
    found: list[Leg] = []
    transfer: Line | None = None
    for line in lines:
        if line.kind == ledger.TRANSFER_STARTED:
            transfer = line
        if line.kind in {ledger.OFFERED, ledger.TRANSFER_STARTED} and line.data.get("extension"):
            _open_leg(found, line, transfer)
        elif line.kind in {ledger.ANSWERED, ledger.TRANSFER_ANSWERED}:
            _answer_leg(found, line, transfer)
        elif line.kind in {ledger.NO_ANSWER, ledger.TRANSFER_FAILED}:
            _fail_leg(found, line)
        elif line.kind in {ledger.PARTY_LEFT, ledger.ENDED}:
            _close_legs(found, line)
        if line.kind in {ledger.TRANSFER_FAILED, ledger.TRANSFER_COMPLETED, ledger.RETURNED}:
            transfer = None
    return found


def _open_leg(found: list[Leg], line: Line, transfer: Line | None) -> None:
    extension = str(line.data["extension"])
    for leg in found:
        if leg.extension == extension and leg.outcome == "ringing":
            leg.channel = line.channel or leg.channel  # the same telephone, named before by TRANSFER_STARTED
            leg.user_id = line.data.get("user") or leg.user_id
            return
    to_department = transfer is not None and transfer.data.get("by") != extension
    role = str(line.data.get("role") or ("liaison" if to_department else "operator"))
    unit = transfer.data.get("unit") if transfer and role in DEPARTMENT_ROLES else None
    user = line.data.get("user")
    channel = "" if line.kind == ledger.TRANSFER_STARTED else line.channel
    found.append(Leg(extension, channel, user, unit, role, offered_at=line.at))


def _answer_leg(found: list[Leg], line: Line, transfer: Line | None) -> None:
    extension = str(line.data.get("extension", ""))
    open_legs = [leg for leg in found if leg.extension == extension and leg.left_at is None]
    leg = next((x for x in open_legs if x.outcome in {"ringing", "answered"}), None)
    if leg is None:
        leg = Leg(extension)
        found.append(leg)
    leg.outcome = "answered"
    leg.answered_at = leg.answered_at or line.at
    leg.channel = line.channel or leg.channel
    leg.user_id = line.data.get("user") or leg.user_id
    if line.kind == ledger.TRANSFER_ANSWERED:
        leg.role = leg.role if leg.role in DEPARTMENT_ROLES else "liaison"
    leg.role = str(line.data.get("role") or leg.role)
    if leg.role in DEPARTMENT_ROLES:
        leg.unit_id = (
            line.data.get("unit") or leg.unit_id or (transfer.data.get("unit") if transfer else None)
        )


def _fail_leg(found: list[Leg], line: Line) -> None:
    extension = line.data.get("extension")
    for leg in reversed(found):
        if leg.outcome == "ringing" and extension in {None, "", leg.extension}:
            leg.outcome = str(line.data.get("why") or "no_answer")
            leg.left_at = line.at
            return


def _close_legs(found: list[Leg], line: Line) -> None:
    extension = str(line.data.get("extension", ""))
    for leg in found:
        mine = (
            line.kind == ledger.ENDED
            or extension == leg.extension
            or (line.channel and line.channel == leg.channel)
        )
        if mine and leg.left_at is None:
            leg.left_at = line.at
            if leg.outcome == "ringing":
                leg.outcome = "gone"


def bridged_spans(lines: Sequence[Line]) -> list[Span]:
    """The times in which the caller was bridged; a consultation between others is no line of BRIDGED."""
    all_legs = legs(lines)
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


def _partner(all_legs: Sequence[Leg], line: Line) -> Leg | None:
    """The leg named by channel or extension; failing that, whoever answered last before."""
    names = {line.channel, str(line.data.get("with") or ""), str(line.data.get("extension") or "")} - {""}
    answered = [leg for leg in all_legs if leg.answered_at and leg.answered_at <= line.at]
    present = [leg for leg in answered if leg.left_at is None or leg.left_at >= line.at]
    for leg in reversed(present):
        if names & {leg.extension, leg.channel}:
            return leg
    remaining = present or answered
    return remaining[-1] if remaining else None


def bridged_ms(lines: Sequence[Line]) -> int:
    return sum(span.ms for span in bridged_spans(lines))


def at_offset(spans: Sequence[Span], offset_ms: int) -> datetime | None:
    """The instant at which `offset_ms` of the talk recording was spoken; None past its end or without a span."""
    passed = 0
    for span in spans:
        if offset_ms <= passed + span.ms:
            return span.from_at + timedelta(milliseconds=offset_ms - passed)
        passed += span.ms
    return None


def offset_of(spans: Sequence[Span], instant: datetime) -> int:
    """Where in the talk recording `instant` is heard, in ms; a moment of silence gives the next word's place."""
    passed = 0
    for span in spans:
        if instant < span.from_at:
            return passed
        if instant < span.until_at:
            return passed + _ms(instant - span.from_at)
        passed += span.ms
    return passed


def offsets_of_unit(spans: Sequence[Span], unit_id: int) -> list[tuple[int, int]]:
    """The parts of the talk recording, in ms, in which the caller talked with this unit."""
    parts: list[tuple[int, int]] = []
    passed = 0
    for span in spans:
        if span.leg is not None and span.leg.unit_id == unit_id:
            parts.append((passed, passed + span.ms))
        passed += span.ms
    return parts


def segments(lines: Sequence[Line]) -> list[Segment]:
    """The call as coloured stretches on lanes, sorted by lane and time; a stretch of no length is left out."""
    if not lines:
        return []
    found = [
        *_menus(lines),
        *_waits(lines),
        *_rings(lines),
        *_talks(lines),
        *_holds(lines),
        *_consults(lines),
    ]
    order = list(Lane)
    whole = [s for s in found if s.until_at > s.from_at]
    return sorted(whole, key=lambda s: (order.index(s.lane), s.from_at))


def _menus(lines: Sequence[Line]) -> Iterable[Segment]:
    """From a node to the next thing that is no longer a menu; nodes after a talk are the survey's."""
    stops = {ledger.QUEUED, ledger.BRIDGED, ledger.TRANSFER_STARTED, ledger.OFFERED, ledger.ENDED}
    begun: Line | None = None
    path: list[str] = []
    for line in lines:
        node = str(line.data.get("node", "")) if line.kind == ledger.NODE else ""
        lane = Lane.SURVEY if path and path[0] in AFTER_TALK_NODES else Lane.MENU
        changes = bool(node) and (node in AFTER_TALK_NODES) != (lane is Lane.SURVEY) and bool(path)
        if begun is not None and (line.kind in stops or changes):
            yield Segment(lane, begun.at, line.at, ">".join(path))
            begun, path = None, []
        if line.kind in {ledger.NODE, ledger.ARRIVED}:
            begun = begun or line
            path += [node] if node and path[-1:] != [node] else []
    if begun is not None:
        lane = Lane.SURVEY if path and path[0] in AFTER_TALK_NODES else Lane.MENU
        yield Segment(lane, begun.at, end_of(lines), ">".join(path))


def _between(
    lines: Sequence[Line], lane: Lane, opens: frozenset[str], closes: frozenset[str], key: str
) -> Iterable[Segment]:
    begun: Line | None = None
    for line in lines:
        if line.kind in opens and begun is None:
            begun = line
        elif line.kind in closes and begun is not None:
            yield Segment(lane, begun.at, line.at, str(begun.data.get(key) or ""))
            begun = None
    if begun is not None:
        yield Segment(lane, begun.at, end_of(lines), str(begun.data.get(key) or ""))


def _waits(lines: Sequence[Line]) -> Iterable[Segment]:
    closes = frozenset({ledger.LEFT_QUEUE, ledger.BRIDGED, ledger.ENDED})
    return _between(lines, Lane.QUEUE, frozenset({ledger.QUEUED}), closes, "queue")


def _holds(lines: Sequence[Line]) -> Iterable[Segment]:
    closes = frozenset({ledger.RESUMED, ledger.ENDED})
    return _between(lines, Lane.HOLD, frozenset({ledger.HELD}), closes, "by")


def _rings(lines: Sequence[Line]) -> Iterable[Segment]:
    for leg in legs(lines):
        if leg.offered_at is not None:
            until_at = leg.answered_at or leg.left_at or end_of(lines)
            yield Segment(Lane.RING, leg.offered_at, until_at, leg.extension, leg.unit_id)


def _talks(lines: Sequence[Line]) -> Iterable[Segment]:
    for span in bridged_spans(lines):
        is_department = span.leg is not None and span.leg.role in DEPARTMENT_ROLES
        extension = span.leg.extension if span.leg else ""
        unit_id = span.leg.unit_id if span.leg else None
        yield Segment(
            Lane.LIAISON if is_department else Lane.TALK, span.from_at, span.until_at, extension, unit_id
        )


def _consults(lines: Sequence[Line]) -> Iterable[Segment]:
    """An attended transfer from the liaison's answer to its completion, failure or return."""
    ends = {ledger.TRANSFER_COMPLETED, ledger.TRANSFER_FAILED, ledger.RETURNED, ledger.ENDED}
    started: Line | None = None
    answered: Line | None = None
    for line in lines:
        if line.kind == ledger.TRANSFER_STARTED:
            started, answered = line, None
        elif line.kind == ledger.TRANSFER_ANSWERED and started and started.data.get("mode") == "attended":
            answered = line
        elif line.kind in ends and started and answered:
            what = str(answered.data.get("extension") or "")
            yield Segment(Lane.CONSULT, answered.at, line.at, what, started.data.get("unit"))
            started = answered = None
