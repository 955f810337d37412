"""Permission to play (播放许可): a page gets sound only after its play stands in the audit log.

A browser fetches audio in many pieces, at moments of its own choosing; one press of the play button must be one row.
So the button asks for permission, which writes the row and returns a short-lived key; pieces are sent for that key only.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from core.clock import Clock
from recordings.errors import PlayExpired
from recordings.listening.sound import Sound

LASTS = timedelta(hours=2)
MOST = 2000


@dataclass(frozen=True)
class _Play:
    user_id: int
    public_id: str
    sound: Sound
    until: datetime


class Plays:
    """The plays of one process; a restart ends them, and the page asks anew."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._plays: dict[str, _Play] = {}

    def open(self, user_id: int, public_id: str, sound: Sound) -> str:
        """A new key for one play of one person."""
        now = self._clock.now()
        self._plays = {key: play for key, play in self._plays.items() if play.until > now}
        while len(self._plays) >= MOST:
            del self._plays[next(iter(self._plays))]
        key = secrets.token_urlsafe(16)
        self._plays[key] = _Play(user_id, public_id, sound, now + LASTS)
        return key

    def sound(self, key: str, user_id: int, public_id: str) -> Sound:
        """What this key opens, for this person and recording only; raises PlayExpired."""
        play = self._plays.get(key)
        if (
            play is None
            or play.until <= self._clock.now()
            or (play.user_id, play.public_id) != (user_id, public_id)
        ):
            raise PlayExpired
        return play.sound


PLAYS = web.AppKey("PLAYS", Plays)
