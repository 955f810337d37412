"""Who has which guest telephone (演示来电电话): a small pool, lent to one page at a time."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent_desktop.phone.settings import GuestAccount
from core.clock import Clock
from core.errors import HotlineError

UNUSED_AFTER = timedelta(seconds=90)
"""A lent telephone whose page keeps no line open for so long goes back to the pool."""


class NoGuestFree(HotlineError):
    """Every guest telephone is lent."""

    code = "no_guest_free"
    status = 503
    text = "演示电话已全部占用，请稍后再试。"


@dataclass
class Lease:
    key: str
    guest: GuestAccount
    source: str
    idle_since: datetime | None
    """None while a page's line is open."""


class Leases:
    def __init__(self, clock: Clock, guests: tuple[GuestAccount, ...]) -> None:
        self._clock = clock
        self._guests = guests
        self._by_key: dict[str, Lease] = {}

    def lend(self, key: str, source: str) -> Lease:
        """The lease of this key when it still lives, otherwise a fresh one. Raises NoGuestFree."""
        self._collect()
        if lease := self._by_key.get(key):
            lease.idle_since = lease.idle_since and self._clock.now()
            return lease
        lent = {lease.guest for lease in self._by_key.values()}
        guest = next((guest for guest in self._guests if guest not in lent), None)
        if guest is None:
            raise NoGuestFree
        lease = Lease(secrets.token_urlsafe(24), guest, source, self._clock.now())
        self._by_key[lease.key] = lease
        return lease

    def find(self, key: str) -> Lease | None:
        self._collect()
        return self._by_key.get(key)

    def opened(self, lease: Lease) -> None:
        lease.idle_since = None

    def closed(self, lease: Lease) -> None:
        lease.idle_since = self._clock.now()

    def _collect(self) -> None:
        now = self._clock.now()
        for key, lease in list(self._by_key.items()):
            if lease.idle_since and now - lease.idle_since > UNUSED_AFTER:
                del self._by_key[key]
