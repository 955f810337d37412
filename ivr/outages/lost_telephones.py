"""Telephones that vanish while they ring or talk (话机失联): one that dies says nothing, and its caller must not listen to nobody.

One that rings is released, so that ladder or queue goes on at once instead of ringing a closed page to the end.

A browser that crashes closes its connection to Asterisk, so that its telephone is unregistered at once; one on the desk is when
its registration is not renewed. That alone may be a hiccup of the network while the talk goes on; together with no sound
arriving it is the end. Where not even the registration goes (no power, cable pulled) Asterisk ends the leg after some seconds
without sound. What follows from a leg that is lost is `ivr.reactions`'.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ivr.asterisk.ami import ActionRefused, Ami, TelephonyDown, hang_up_if_there
from ivr.board import Board
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

    def __init__(self, ami: Ami, board: Board, page_lost: Callable[[int], Awaitable[None]]) -> None:
        self._ami = ami
        self._board = board
        self._page_lost = page_lost

    async def look_after(self, device: str) -> None:
        """A telephone (`w1001`, `2001`) is registered no more."""
        await asyncio.sleep(GRACE_S)
        leg = self._leg(device)
        if leg is None or device in self._board.registered:
            return
        if not leg.answered_at:
            log.warning("telephone_lost_in_ring", extension=leg.extension)
            await hang_up_if_there(self._ami, leg.name, ABSENT)
        elif not await self._is_heard(leg):
            await self._lost_in_talk(device, leg)

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
        try:
            before = await self._ami.action("Getvar", Channel=leg.name, Variable=RECEIVED)
            await asyncio.sleep(LISTEN_S)
            after = await self._ami.action("Getvar", Channel=leg.name, Variable=RECEIVED)
        except (ActionRefused, TelephonyDown):
            return True
        return before.get("Value") != after.get("Value") or not before.get("Value", "").isdecimal()
