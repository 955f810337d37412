"""Protection that does not annoy (防刷): how often an address, a channel key or a query code may come.

Counted in memory, for it is this process that is spared; for several of them the proxy in front counts as well
(docs/operations.md). What must hold for all together is in the database: wrong query codes (`tickets.query_codes.attempts`) and
what is sent in (`portal.submitting.flood`).
"""

import hashlib

from aiohttp import web

from core.clock import Clock
from core.web.keys import CHANNEL, USER
from core.web.limits import RateLimit
from core.web.requests import source_of
from portal.settings import PortalSettings

LETTERS = 5
"""Searches while typing that weigh as one visit"""


class Limits:
    """The windows of one process; each raises TooManyRequests with the seconds to wait."""

    def __init__(self, clock: Clock, settings: PortalSettings) -> None:
        self._addresses = RateLimit(clock, limit=settings.address_requests, window_s=60)
        self._typing = RateLimit(clock, limit=settings.address_requests * LETTERS, window_s=60)
        self._keys = RateLimit(clock, limit=settings.key_requests, window_s=60)
        self._codes = RateLimit(clock, limit=settings.code_requests, window_s=60)

    def visit(self, request: web.Request) -> None:
        """One request of a browser, or of a program by its key."""
        if request[CHANNEL] or request[USER]:
            self._keys.take(asker_of(request))
        else:
            self._addresses.take(source_of(request))

    def typing(self, request: web.Request) -> None:
        """One more letter of a search: many of them make one visit."""
        self._typing.take(source_of(request))

    def look_up(self, code: str) -> None:
        """One look at what a query code opens; kept under a hash, since the code is a key."""
        digits = "".join(c for c in code if c.isdigit())[:12]
        self._codes.take(hashlib.sha256(digits.encode()).hexdigest())


LIMITS = web.AppKey("LIMITS", Limits)


def asker_of(request: web.Request) -> str:
    """Whose wrong codes and repeats belong together: a channel's, a person's, else an address's."""
    if channel := request[CHANNEL]:
        return f"key:{channel.token_id}:{source_of(request)}"
    return f"user:{user.user_id}" if (user := request[USER]) else source_of(request)
