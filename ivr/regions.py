"""Which seats answer for which region (座席的地区, M-04, M-13): a queue for each region with lines, and help between regions.

Where all lines are of one region there is one queue for everybody, `operators`. Otherwise each region has its own, in
which its operators are: those of the region itself, of one above it or within it. A region without any operator is
everybody's. The seats of the region that a line names for help join when its callers wait too long, are too many, or
nobody of its own is at work; they are rung when no own seat is free, and leave when nobody waits any more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from core.lines import Line
from ivr.board import WaitingView

log = structlog.get_logger()
BASE = "operators"
OWN, HELPER = 0, 10
"""Penalties: a helper is rung only when no seat of the region itself is free."""
Queues = dict[str, int]
"""Penalty by queue."""


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

    def is_own(self, seat_region: int | None, region_id: int) -> bool:
        if seat_region is None or self._related(seat_region, region_id):
            return True
        return not any(one is not None and self._related(one, region_id) for one in self.operators)

    def may_help(self, seat_region: int | None, region_id: int) -> bool:
        helpers = [line.overflow_region_id for line in self.lines if line.region_id == region_id]
        return seat_region is not None and any(one and self._related(seat_region, one) for one in helpers)

    def needs_help(self, region_id: int, waiting: Sequence[WaitingView], now: datetime) -> bool:
        """Too many callers, or one who waits too long, on a line of the region that names helpers."""
        for line in self.lines:
            if line.region_id != region_id or not line.overflow_region_id:
                continue
            since = [view.queued_at for view in waiting if view.line == line.number]
            longest_s = (now - min(since)).total_seconds() if since else 0
            if len(since) > line.overflow_length or longest_s >= line.overflow_wait_s:
                return True
        return False

    def _related(self, one: int, other: int) -> bool:
        return one in self._upwards(other) or other in self._upwards(one)

    def _upwards(self, region_id: int) -> list[int]:
        found: list[int] = []
        here: int | None = region_id
        while here is not None and here not in found:
            found.append(here)
            here = self.parents.get(here)
        return found


class Help:
    """Which regions are being helped now: begun by need, over when nobody waits there any more."""

    def __init__(self) -> None:
        self._helped: set[int] = set()

    def wanted(
        self,
        split: Split,
        seats: Mapping[int, int | None],
        waiting: Sequence[WaitingView],
        now: datetime,
    ) -> dict[int, Queues]:
        """The queues of each seat (user → region of theirs)."""
        wanted: dict[int, Queues] = {user_id: {BASE: OWN} for user_id in seats}
        for region_id, queue in split.queues.items():
            own = [user_id for user_id, region in seats.items() if split.is_own(region, region_id)]
            self._judge(split, region_id, waiting, now)
            for user_id, region in seats.items():
                if user_id in own:
                    wanted[user_id][queue] = OWN
                elif split.may_help(region, region_id) and (region_id in self._helped or not own):
                    wanted[user_id][queue] = HELPER
        return wanted

    def _judge(self, split: Split, region_id: int, waiting: Sequence[WaitingView], now: datetime) -> None:
        was = region_id in self._helped
        waits_here = any(view.region_id == region_id for view in waiting)
        needed = split.needs_help(region_id, waiting, now) or (was and waits_here)
        if needed != was:
            (self._helped.add if needed else self._helped.discard)(region_id)
            log.info("region_help", region=region_id, begins=needed)
