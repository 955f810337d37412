"""Which seats answer for which region and language (座席的地区和语言, M-04, M-13): queues, and help between them.

Where all lines are of one region there is one queue for everybody, `operators`. Otherwise each region has its own, in
which its operators are: those of the region itself, of one above it or within it. A region without any operator is
everybody's. The seats of the region that a line names for help join when its callers wait too long, are too many, or
nobody of its own is at work; they are rung when no own seat is free, and leave when nobody waits any more.

Each of these queues has one more for each language that a line offers: in it are the seats that speak it, those of the
queue's own region before others, and after the same wait, or where none is at work, the other seats of its region.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from core.lines import Line
from ivr.board import WaitingView

log = structlog.get_logger()
BASE = "operators"
OWN, FAR_SPEAKER, HELPER = 0, 5, 10
"""Penalties: a seat is rung only when none with a lower one is free."""
USUAL_WAIT_S = 60
"""After it other seats help the speakers of a language, on a line that says nothing else."""
Queues = dict[str, int]
"""Penalty by queue."""


@dataclass(frozen=True)
class Placing:
    """What a seat's queues depend on."""

    region_id: int | None = None
    languages: Collection[str] = ()


@dataclass(frozen=True)
class Split:
    """The lines, the tree of regions, and the region of every operator on record."""

    lines: Sequence[Line]
    parents: Mapping[int, int | None]
    operators: Collection[int | None]

    @property
    def queues(self) -> dict[int, str]:
        """Queue by region; empty when one queue serves all."""
        codes = {line.region_id: line.region.code for line in self.lines}
        return {key: f"{BASE}-{code}" for key, code in codes.items()} if len(codes) > 1 else {}

    @property
    def languages(self) -> list[str]:
        """Every language that a line offers."""
        return sorted(
            {language for line in self.lines for language in [*line.languages, line.language] if language}
        )

    def language_queues(self) -> Iterator[tuple[str, str, str]]:
        """Each queue of a language, the queue it belongs to, and the language.

        Every queue has one for every language, whichever its lines offer, as a caller may be moved to another line.
        """
        for queue in self.queues.values() or [BASE]:
            for language in self.languages:
                yield in_language(queue, language), queue, language

    def is_own(self, seat_region: int | None, region_id: int) -> bool:
        """Whether a seat of this region (None: of no region) answers for the other; see the module's rules."""
        if seat_region is None or self._related(seat_region, region_id):
            return True
        return not any(one is not None and self._related(one, region_id) for one in self.operators)

    def may_help(self, seat_region: int | None, region_id: int) -> bool:
        """Whether a line of the region names the seat's region for help."""
        helpers = [line.overflow_region_id for line in self.lines if line.region_id == region_id]
        return seat_region is not None and any(one and self._related(seat_region, one) for one in helpers)

    def needs_help(self, region_id: int, waiting: Sequence[WaitingView], now: datetime) -> bool:
        """Whether a line of the region that names helpers has too many callers, or one who waits too long."""
        for line in self.lines:
            if line.region_id != region_id or not line.overflow_region_id:
                continue
            since = [view.queued_at for view in waiting if view.line == line.number]
            longest_s = (now - min(since)).total_seconds() if since else 0
            if len(since) > line.overflow_length or longest_s >= line.overflow_wait_s:
                return True
        return False

    def waits_too_long(self, view: WaitingView, now: datetime) -> bool:
        """Whether a caller has waited for a speaker of their language as long as their line allows."""
        limits = [line.overflow_wait_s for line in self.lines if line.number == view.line]
        return (now - view.queued_at).total_seconds() >= (limits[0] if limits else USUAL_WAIT_S)

    def _related(self, one: int, other: int) -> bool:
        return one in self._upwards(other) or other in self._upwards(one)

    def _upwards(self, region_id: int) -> list[int]:
        found: list[int] = []
        here: int | None = region_id
        while here is not None and here not in found:
            found.append(here)
            here = self.parents.get(here)
        return found


def in_language(queue: str, language: str) -> str:
    """The queue of the callers who want this language; empty: the queue itself."""
    return f"{queue}-{language}" if language else queue


class Help:
    """Which queues are being helped now; help begins with the need for it and ends when nobody waits there any more."""

    def __init__(self) -> None:
        self._helped: set[str] = set()

    def wanted(
        self,
        split: Split,
        seats: Mapping[int, Placing],
        waiting: Sequence[WaitingView],
        now: datetime,
    ) -> dict[int, Queues]:
        """The queues of each seat, by user."""
        wanted: dict[int, Queues] = {user_id: {BASE: OWN} for user_id in seats}
        for region_id, queue in split.queues.items():
            self._place_region(split, region_id, queue, seats, wanted, waiting, now)
        for queue, whole, language in split.language_queues():
            waits_here = [view for view in waiting if view.queue == queue]
            needed = any(split.waits_too_long(view, now) for view in waits_here)
            self._judge(queue, needed=needed, waits_here=bool(waits_here))
            self._place_language(queue, whole, language, seats, wanted)
        return wanted

    def _place_region(
        self,
        split: Split,
        region_id: int,
        queue: str,
        seats: Mapping[int, Placing],
        wanted: dict[int, Queues],
        waiting: Sequence[WaitingView],
        now: datetime,
    ) -> None:
        own = [user_id for user_id, seat in seats.items() if split.is_own(seat.region_id, region_id)]
        waits_here = any(view.region_id == region_id for view in waiting)
        self._judge(queue, needed=split.needs_help(region_id, waiting, now), waits_here=waits_here)
        for user_id, seat in seats.items():
            if user_id in own:
                wanted[user_id][queue] = OWN
            elif split.may_help(seat.region_id, region_id) and (queue in self._helped or not own):
                wanted[user_id][queue] = HELPER

    def _place_language(
        self, queue: str, whole: str, language: str, seats: Mapping[int, Placing], wanted: dict[int, Queues]
    ) -> None:
        speakers = [user_id for user_id, seat in seats.items() if language in seat.languages]
        for user_id in seats:
            if user_id in speakers:
                wanted[user_id][queue] = OWN if whole in wanted[user_id] else FAR_SPEAKER
            elif whole in wanted[user_id] and (queue in self._helped or not speakers):
                wanted[user_id][queue] = HELPER

    def _judge(self, queue: str, *, needed: bool, waits_here: bool) -> None:
        """Decide whether the queue is helped from now on."""
        was = queue in self._helped
        needed = needed or (was and waits_here)
        if needed != was:
            (self._helped.add if needed else self._helped.discard)(queue)
            log.info("queue_help", queue=queue, begins=needed)
