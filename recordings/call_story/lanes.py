"""A call as a drawing (通话泳道图): what happened when, as stretches on lanes, from the ledger's lines alone. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recordings import ledger
from recordings.call_story.legs import DEPARTMENT_ROLES, LedgerLine, end_of, legs_of
from recordings.call_story.timeline import bridged_spans

AFTER_TALK_NODES = frozenset(
    {"TALKED", "CODE", "AFTER-CODE", "SURVEY", "SURVEY-NEXT", "SURVEY-UNIT", "SURVEY-BAD", "THANKS", "BYE"}
)


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


def segments(lines: Sequence[LedgerLine]) -> list[Segment]:
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


def _menus(lines: Sequence[LedgerLine]) -> Iterable[Segment]:
    """From a node to the next thing that is no longer a menu; nodes after a talk are the survey's."""
    stops = {ledger.QUEUED, ledger.BRIDGED, ledger.TRANSFER_STARTED, ledger.OFFERED, ledger.ENDED}
    begun: LedgerLine | None = None
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
    lines: Sequence[LedgerLine], lane: Lane, opens: frozenset[str], closes: frozenset[str], key: str
) -> Iterable[Segment]:
    begun: LedgerLine | None = None
    for line in lines:
        if line.kind in opens and begun is None:
            begun = line
        elif line.kind in closes and begun is not None:
            yield Segment(lane, begun.at, line.at, str(begun.data.get(key) or ""))
            begun = None
    if begun is not None:
        yield Segment(lane, begun.at, end_of(lines), str(begun.data.get(key) or ""))


def _waits(lines: Sequence[LedgerLine]) -> Iterable[Segment]:
    closes = frozenset({ledger.LEFT_QUEUE, ledger.BRIDGED, ledger.ENDED})
    return _between(lines, Lane.QUEUE, frozenset({ledger.QUEUED}), closes, "queue")


def _holds(lines: Sequence[LedgerLine]) -> Iterable[Segment]:
    closes = frozenset({ledger.RESUMED, ledger.ENDED})
    return _between(lines, Lane.HOLD, frozenset({ledger.HELD}), closes, "by")


def _rings(lines: Sequence[LedgerLine]) -> Iterable[Segment]:
    for leg in legs_of(lines):
        if leg.offered_at is not None:
            until_at = leg.answered_at or leg.left_at or end_of(lines)
            yield Segment(Lane.RING, leg.offered_at, until_at, leg.extension, leg.unit_id)


def _talks(lines: Sequence[LedgerLine]) -> Iterable[Segment]:
    for span in bridged_spans(lines):
        is_department = span.leg is not None and span.leg.role in DEPARTMENT_ROLES
        extension = span.leg.extension if span.leg else ""
        unit_id = span.leg.unit_id if span.leg else None
        yield Segment(
            Lane.LIAISON if is_department else Lane.TALK, span.from_at, span.until_at, extension, unit_id
        )


def _consults(lines: Sequence[LedgerLine]) -> Iterable[Segment]:
    """An attended transfer from the liaison's answer to its completion, failure or return."""
    ends = {ledger.TRANSFER_COMPLETED, ledger.TRANSFER_FAILED, ledger.RETURNED, ledger.ENDED}
    started: LedgerLine | None = None
    answered: LedgerLine | None = None
    for line in lines:
        if line.kind == ledger.TRANSFER_STARTED:
            started, answered = line, None
        elif line.kind == ledger.TRANSFER_ANSWERED and started and started.data.get("mode") == "attended":
            answered = line
        elif line.kind in ends and started and answered:
            what = str(answered.data.get("extension") or "")
            yield Segment(Lane.CONSULT, answered.at, line.at, what, started.data.get("unit"))
            started = answered = None
