"""The controller's heartbeat (心跳): how Asterisk knows that somebody drives, and the controller that Asterisk answers.

Owns the beat and the time limit of callers in a dialogue, both of which `dialplan/extensions.conf` reads. Knows no calls.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog

from core.errors import HotlineError
from ivr.asterisk.ami import Ami, TelephonyDown
from ivr.menus.dialogue import Dialogue

log = structlog.get_logger()
BEAT_S = 0.5
LOOK_S = 0.1
"""How often a connection is looked for: whoever dials is told by the first beat that somebody drives again."""
DIALOGUE_LIMIT_S = 2.5
"""How long after the last beat a caller in a dialogue is left to the dialplan (which begins with the same limit): the longest
silence after the death of a controller, and the longest stall of a living one that no caller notices.
"""
MISSED_BEATS = 3
IN_STEP_LIMIT_S = 10.0
"""How long after a connection the first beat waits until the calls in Asterisk are known."""


class Heartbeat:
    """`dialogues` are the controller's own, as they come and go; `is_in_step`: whether it knows every call in Asterisk.

    Who comes in doubt from a controller that is gone hears music until the first beat, and would hear nothing from one that does not
    know the call yet.
    """

    def __init__(self, ami: Ami, dialogues: Mapping[str, Dialogue], is_in_step: Callable[[], bool]) -> None:
        self._ami = ami
        self._dialogues = dialogues
        self._is_in_step = is_in_step
        self._connected_at = time.monotonic()

    async def run(self, beat: Callable[[], None]) -> None:
        """Beat for ever; a connection that stops answering is given up."""
        missed = 0
        while True:
            if self._ami.up:
                try:
                    await self._beat()
                    missed = 0
                    beat()
                except TelephonyDown:
                    missed = 0
                except HotlineError:
                    missed += 1
                    log.warning("beat_missed", missed=missed)
                    if missed >= MISSED_BEATS:
                        self._ami.drop()
            if not self._ami.up:
                self._connected_at = time.monotonic()
            await asyncio.sleep(BEAT_S if self._is_in_charge() else LOOK_S)

    async def _beat(self) -> None:
        self._keep_callers()
        if self._is_in_charge():
            epoch = int(datetime.now(UTC).timestamp())
            await self._ami.action("Setvar", Variable="CTL_BEAT", Value=epoch, limit_s=2)
        else:
            await self._ami.action("Ping", limit_s=2)

    def _is_in_charge(self) -> bool:
        is_late = time.monotonic() > self._connected_at + IN_STEP_LIMIT_S
        return self._ami.up and (self._is_in_step() or is_late)

    def _keep_callers(self) -> None:
        """Move on the limit that takes callers away from a dead controller."""
        for dialogue in self._dialogues.values():
            if not dialogue.leaving:
                self._ami.post(
                    "Setvar", Channel=dialogue.channel, Variable="TIMEOUT(absolute)", Value=DIALOGUE_LIMIT_S
                )
