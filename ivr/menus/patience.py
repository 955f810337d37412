"""Music while a caller waits for us (稍候音乐): whatever keeps us busy, a slow database or a voice being made, is never silence."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ivr.asterisk.ami import TelephonyDown

QUIET_S = 1.0
"""How long nothing may be heard."""


class Patience:
    """Of one dialogue; `execute` runs a command on the caller's channel and waits for nothing."""

    def __init__(self, execute: Callable[[str], None]) -> None:
        self._execute = execute
        self._due: asyncio.TimerHandle | None = None
        self._is_playing = False

    def begin(self) -> None:
        """Nothing is said from now on."""
        self.give_up()
        self._due = asyncio.get_running_loop().call_later(QUIET_S, self._play)

    def end(self) -> None:
        """Something is about to be said. Raises TelephonyDown."""
        self.give_up()
        if self._is_playing:
            self._is_playing = False
            self._execute("EXEC StopMusicOnHold")

    def give_up(self) -> None:
        """The channel is ours no more."""
        if self._due:
            self._due.cancel()
            self._due = None

    def _play(self) -> None:
        self._due = None
        with suppress(TelephonyDown):
            self._execute("EXEC StartMusicOnHold")
            self._is_playing = True
