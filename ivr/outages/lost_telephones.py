"""Telephones that vanish (话机失联): one that dies says nothing, and nobody must be rung there, or listen to nobody.

A browser that crashes closes its connection to Asterisk, so that its telephone is unregistered at once; one without power, or
whose cable is pulled, answers no OPTIONS. A seat whose telephone is idle is paused until it is back. One that rings is released, so
that ladder or queue goes on at once. In a talk it may be a hiccup of the network while the talk goes on; together with no
sound arriving it is the end, and Asterisk ends a leg by itself after some seconds without sound. What follows from a leg
that is lost is `ivr.reactions`'.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ivr.asterisk.ami import Ami, TelephonyDown, hang_up_if_there, value_of
from ivr.board import Board
from ivr.queue.seats import Seats
from ivr.tracking.live_call import Leg

log = structlog.get_logger()
GRACE_S = 1.0
"""For a page that registers again, or says itself that it leaves."""
LISTEN_S = 0.6
"""Sound comes fifty times a second."""
RECEIVED = "CHANNEL(rtcp,rxcount)"
ABSENT = 20
"""The cause for one that rang: nobody is registered there."""
NO_SOUND = 44
"""Asterisk's own cause of a leg that it ends for want of sound."""


class LostTelephones:
    """`page_lost` is told whose (user) page is gone from its talk: a page may come back, so its caller waits for it a little."""

    def __init__(
        self, ami: Ami, board: Board, seats: Seats, page_lost: Callable[[int], Awaitable[None]]
    ) -> None:
        self._ami = ami
        self._board = board
        self._seats = seats
        self._page_lost = page_lost

    async def look_after(self, device: str) -> None:
        """A telephone (`w1001`, `2001`) cannot be reached any more."""
        await asyncio.sleep(GRACE_S)
        if device in self._board.registered:
            return
        leg = self._leg(device)
        if leg and leg.answered_at:
            if not await self._is_heard(leg):
                await self._lost_in_talk(device, leg)
            return
        await self._seats.telephone_lost(device)
        if leg:
            log.warning("telephone_lost_in_ring", extension=leg.extension)
            await hang_up_if_there(self._ami, leg.name, ABSENT)

    async def _lost_in_talk(self, device: str, leg: Leg) -> None:
        log.warning("telephone_lost_in_talk", extension=leg.extension)
        seat = self._board.seat_of(leg.extension)
        if seat and device.startswith("w"):
            await self._page_lost(seat.user_id)
        else:
            await hang_up_if_there(self._ami, leg.name, NO_SOUND)

    def _leg(self, device: str) -> Leg | None:
        """That of just this telephone: the person may have another."""
        call = self._board.tracker.call_by_extension(device.removeprefix("w"))
        legs = call.legs.values() if call else ()
        return next((leg for leg in legs if leg.name.startswith(f"PJSIP/{device}-")), None)

    async def _is_heard(self, leg: Leg) -> bool:
        """Whether sound arrives from it; also where that cannot be told."""
        before = await packets_from(self._ami, leg)
        await asyncio.sleep(LISTEN_S)
        return before is None or before != await packets_from(self._ami, leg)


async def packets_from(ami: Ami, leg: Leg) -> int | None:
    """How many packets of sound have come from a telephone in this call; None where that cannot be told."""
    try:
        told = await value_of(ami, RECEIVED, leg.name)
    except TelephonyDown:
        return None
    return int(told) if told.isdecimal() else None
