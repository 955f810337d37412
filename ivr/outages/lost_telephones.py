"""Telephones that vanish in mid-talk (话机失联): a page that dies says nothing, and its caller must not listen to nobody.

A browser that crashes closes its connection to Asterisk, so that its telephone is unregistered at once. That alone may be a hiccup of
the network while the talk goes on; together with no sound arriving it is the end of the page. Where not even the connection is
closed (no power, cable pulled) Asterisk ends the leg after some seconds without sound (`ivr.reactions`).
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ivr.asterisk.ami import ActionRefused, Ami, TelephonyDown
from ivr.board import Board
from ivr.tracking.live_call import Leg

log = structlog.get_logger()
GRACE_S = 1.0
"""For a page that registers again, or says itself that it leaves."""
LISTEN_S = 0.6
"""Sound comes fifty times a second."""
RECEIVED = "CHANNEL(rtcp,rxcount)"


class LostTelephones:
    """`page_lost` is told whose (user) page is gone from its talk."""

    def __init__(self, ami: Ami, board: Board, page_lost: Callable[[int], Awaitable[None]]) -> None:
        self._ami = ami
        self._board = board
        self._page_lost = page_lost

    async def look_after(self, device: str) -> None:
        """A telephone (`w1001`) is registered no more."""
        await asyncio.sleep(GRACE_S)
        seat = self._board.seat_of(device.removeprefix("w"))
        if seat is None or seat.device != f"PJSIP/{device}" or device in self._board.registered:
            return
        leg = self._leg(seat.user_id, seat.extension)
        if leg and not await self._is_heard(leg):
            log.warning("telephone_lost_in_talk", extension=seat.extension)
            await self._page_lost(seat.user_id)

    def _leg(self, user_id: int, extension: str) -> Leg | None:
        call = self._board.call_of(user_id)
        leg = call.leg_of(extension) if call else None
        return leg if leg and leg.answered_at else None

    async def _is_heard(self, leg: Leg) -> bool:
        """Whether sound arrives from it; also where that cannot be told."""
        try:
            before = await self._ami.action("Getvar", Channel=leg.name, Variable=RECEIVED)
            await asyncio.sleep(LISTEN_S)
            after = await self._ami.action("Getvar", Channel=leg.name, Variable=RECEIVED)
        except (ActionRefused, TelephonyDown):
            return True
        return before.get("Value") != after.get("Value") or not before.get("Value", "").isdecimal()
