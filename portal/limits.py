"""Protection that does not annoy (防刷): how often an address, a channel key or a query code may come.

Counted in memory of this process; wrong query codes are counted in the database (`tickets.attempts`).
"""

import hashlib

from aiohttp import web

from core.clock import Clock
from core.errors import TooManyRequests
from core.web.keys import CHANNEL, USER
from core.web.limits import RateLimit
from core.web.requests import source_of
from portal.settings import PortalSettings


class Limits:
    """The windows of one process; each raises TooManyRequests with the seconds to wait."""

    def __init__(self, clock: Clock, settings: PortalSettings) -> None:
        self._addresses = RateLimit(clock, limit=settings.address_requests, window_s=60)
        self._keys = RateLimit(clock, limit=settings.key_requests, window_s=60)
        self._codes = RateLimit(clock, limit=settings.code_requests, window_s=60)
        self._questions = RateLimit(clock, limit=settings.questions_an_hour, window_s=3600)
        self._all_questions = RateLimit(clock, limit=settings.all_questions_a_minute, window_s=60)

    def visit(self, request: web.Request) -> None:
        """One request of a browser, or of a program by its key."""
        if request[CHANNEL] or request[USER]:
            self._keys.take(asker_of(request))
        else:
            self._addresses.take(source_of(request))

    def look_up(self, code: str) -> None:
        """One look at what a query code opens; kept under a hash, since the code is a key."""
        digits = "".join(c for c in code if c.isdigit())[:12]
        self._codes.take(hashlib.sha256(digits.encode()).hexdigest())

    def is_flood(self, request: web.Request) -> bool:
        """Whether this address, or everybody together, sends more questions than people do."""
        try:
            self._questions.check(source_of(request))
            self._all_questions.check("")
        except TooManyRequests:
            return True
        return False

    def sent(self, request: web.Request) -> None:
        """One question or complaint was taken in."""
        self._questions.hit(source_of(request))
        self._all_questions.hit("")


LIMITS = web.AppKey("LIMITS", Limits)


def asker_of(request: web.Request) -> str:
    """Whose wrong codes and repeats belong together: a channel's, a person's, else an address's."""
    if channel := request[CHANNEL]:
        return f"key:{channel.token_id}:{source_of(request)}"
    return f"user:{user.user_id}" if (user := request[USER]) else source_of(request)
