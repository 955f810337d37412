"""This node as other processes know it (节点对外): its board is told, and the orders of desks and of other nodes' supervisors are taken."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.apart.feed import BoardFeed
from ivr.apart.orders import OrderTaker

if TYPE_CHECKING:
    from config.telephony import Telephony

PARTS_EVERY_S = 2.0


class OpenNode:
    """Make it before `hear_others`; `is_wanted`: whether another process may be looking."""

    def __init__(self, telephony: "Telephony", is_wanted: Callable[[], bool] = lambda: True) -> None:
        self._telephony = telephony
        self._parts: dict[str, tuple[bool, str]] = {}
        channel, tasks = telephony.channel, telephony.tasks
        name, control = telephony.name, telephony.control
        feed = BoardFeed(channel, name, control, telephony.bus, lambda: self._parts, is_wanted)
        OrderTaker(channel, name, control, feed, tasks)
        tasks.loop("board-feed", feed.run)
        tasks.loop("parts", self._look_at_parts)

    async def _look_at_parts(self, beat: Callable[[], None]) -> None:
        while True:
            for name, probe in self._telephony.telephony_probes().items():
                state = await probe()
                self._parts[name] = (state.ok, state.text)
            beat()
            await asyncio.sleep(PARTS_EVERY_S)
