"""Whether the service was there (可用率, M-79): minute samples turned into outages, seats and queue. Pure.

A minute counts as up when a controller was at work and in step with Asterisk. `Service` is told one sample after the
other in the order of time, so that a year takes no more memory than a day.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
STOPPED, CUT_OFF = "控制程序未运行", "与电话交换失去联系"


@dataclass(frozen=True)
class Minute:
    """One sample; `is_open`: within statutory hours."""

    at: datetime
    connected: bool
    signed_in: int
    waiting: int
    longest_wait_s: int
    is_open: bool


@dataclass
class Outage:
    """Minutes in [since, until) without service."""

    since: datetime
    until: datetime
    cause: str

    @property
    def minutes(self) -> int:
        return round((self.until - self.since) / MINUTE)


@dataclass
class Service:
    """What the samples of [since, until), whole minutes, come to."""

    since: datetime
    until: datetime
    up: int = 0
    outages: list[Outage] = field(default_factory=list)
    open_minutes: int = 0
    """Sampled within statutory hours; `seats` are summed over them."""
    seats: int = 0
    fewest_seats: int | None = None
    most_waiting: int = 0
    longest_wait_s: int = 0
    _seen_until: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._seen_until = self.since

    @property
    def minutes(self) -> int:
        """That there were to be up."""
        return round((self.until - self.since) / MINUTE)

    @property
    def mean_seats(self) -> float | None:
        return self.seats / self.open_minutes if self.open_minutes else None

    def add(self, one: Minute) -> None:
        """The next sample."""
        self._stopped_until(one.at)
        self._seen_until = one.at + MINUTE
        if one.connected:
            self.up += 1
        else:
            self._down(one.at, self._seen_until, CUT_OFF)
        self.most_waiting = max(self.most_waiting, one.waiting)
        self.longest_wait_s = max(self.longest_wait_s, one.longest_wait_s)
        if one.is_open:
            self.open_minutes += 1
            self.seats += one.signed_in
            known = self.fewest_seats
            self.fewest_seats = one.signed_in if known is None else min(known, one.signed_in)

    def end(self) -> None:
        """There are no more samples: what is left of the period was without service."""
        self._stopped_until(self.until)

    def _stopped_until(self, at: datetime) -> None:
        if at > self._seen_until:
            self._down(self._seen_until, at, STOPPED)

    def _down(self, since: datetime, until: datetime, cause: str) -> None:
        """A further outage, or the last one going on."""
        last = self.outages[-1] if self.outages else None
        if last is not None and last.until == since and last.cause == cause:
            last.until = until
        else:
            self.outages.append(Outage(since, until, cause))
