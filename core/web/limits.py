"""Rate limits in memory (防刷): so many within a sliding window per key, e.g. per address."""

from collections import OrderedDict, deque
from math import ceil

from core.clock import Clock
from core.errors import TooManyRequests

MAX_KEYS = 20_000


class RateLimit:
    """At most `limit` hits per `window_s` for one key; keeps the newest MAX_KEYS keys, never grows further."""

    def __init__(self, clock: Clock, *, limit: int, window_s: float) -> None:
        self._clock = clock
        self._limit = limit
        self._window_s = window_s
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise TooManyRequests when `key` has used up its window; counts nothing."""
        now = self._clock.now().timestamp()
        hits = self._recent(key, now)
        if len(hits) >= self._limit:
            raise TooManyRequests(wait_s=max(1, ceil(hits[0] + self._window_s - now)))

    def hit(self, key: str) -> None:
        """Count one."""
        self._recent(key, now := self._clock.now().timestamp()).append(now)

    def take(self, key: str) -> None:
        """Count one, or refuse it."""
        self.check(key)
        self.hit(key)

    def _recent(self, key: str, now: float) -> deque[float]:
        hits = self._hits.setdefault(key, deque(maxlen=self._limit))
        self._hits.move_to_end(key)
        if len(self._hits) > MAX_KEYS:
            self._hits.popitem(last=False)
        while hits and hits[0] <= now - self._window_s:
            hits.popleft()
        return hits
