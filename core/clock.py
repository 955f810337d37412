"""Time as the hotline sees it: aware UTC inside, Beijing time (北京时间) only at the edges."""

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """The test clock (M-98): starts at a chosen instant and then runs; `move_to` jumps."""

    def __init__(self, start: datetime, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._shift = timedelta(0)
        self.move_to(start)

    def now(self) -> datetime:
        return self._base.now() + self._shift

    def move_to(self, instant: datetime) -> None:
        if instant.tzinfo is None:
            raise ValueError("the test clock needs an offset, e.g. 2026-06-01T10:00:00+08:00")
        self._shift = instant.astimezone(UTC) - self._base.now()


def beijing(instant: datetime) -> datetime:
    """The same instant on a Beijing wall clock."""
    return instant.astimezone(BEIJING)
