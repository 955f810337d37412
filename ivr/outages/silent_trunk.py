"""A trunk that dies in a talk (中继中断): nobody says so, and whoever talks through it would listen to nobody for a minute.

Silence alone is no sign, for a trunk may suppress it (and Asterisk waits a minute for sound). One that has answered
OPTIONS, answers no more and brings no sound for some seconds is dead, and its telephones are released: from there on it is
as with any telephone that is lost. One that never answers OPTIONS is known by the minute alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from ivr.asterisk.ami import Ami, hang_up_if_there
from ivr.asterisk.site import TRUNK
from ivr.board import Board
from ivr.outages.lost_telephones import NO_SOUND, packets_from
from ivr.tracking.live_call import Leg

log = structlog.get_logger()
LISTEN_S = 5.0
"""Besides the three seconds in which an OPTIONS is repeated: a talk's pause of both sides is rarely longer."""


class SilentTrunk:
    def __init__(self, ami: Ami, board: Board, job: Callable[[Awaitable[Any], str], object]) -> None:
        self._ami = ami
        self._board = board
        self._job = job
        self._answers = False

    def heard(self, answers: bool) -> None:
        """Asterisk has asked the trunk, and it answers now, or no more."""
        before, self._answers = self._answers, answers
        if before and not answers:
            log.warning("trunk_answers_no_more")
            self._job(self._listen(), "trunk-listened-to")

    async def _listen(self) -> None:
        """Until it answers again, or nobody talks through it any more."""
        while not self._answers and (legs := self._legs()):
            before = [await packets_from(self._ami, leg) for leg in legs]
            await asyncio.sleep(LISTEN_S)
            after = [await packets_from(self._ami, leg) for leg in legs]
            for leg, first, last in zip(legs, before, after, strict=True):
                if not self._answers and first is not None and first == last:
                    log.warning("trunk_lost_in_talk", channel=leg.uniqueid)
                    await hang_up_if_there(self._ami, leg.name, NO_SOUND)

    def _legs(self) -> list[Leg]:
        """The telephones outside that were rung from here and have answered."""
        calls = self._board.tracker.calls.values()
        return [
            leg for call in calls for leg in call.legs.values() if leg.extension == TRUNK and leg.answered_at
        ]
