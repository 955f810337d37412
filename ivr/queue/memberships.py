"""Keeps every seat in the queues of its regions and languages (座席入队): carries out over AMI what `ivr.queue.regions` decides.

Looks every second and at each sign-in, so that a region that needs help has it within a second. While no controller runs,
the queues stay as they are.
"""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from core.clock import Clock
from ivr.asterisk.ami import ActionRefused, Ami, TelephonyDown
from ivr.board import Board, Seat
from ivr.queue.regions import BASE, OWN, Help, Placing, Queues, Split

log = structlog.get_logger()
LOOK_S = 1.0


class Memberships:
    """`split` gives the lines, regions and operators as they are now."""

    def __init__(self, ami: Ami, board: Board, clock: Clock, split: Callable[[], Split]) -> None:
        self._ami = ami
        self._board = board
        self._clock = clock
        self._split = split
        self._help = Help()
        self._turn = asyncio.Lock()

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`."""
        while True:
            beat()
            if self._ami.up:
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Add and remove every seat's memberships until they are as decided."""
        async with self._turn:
            seats = {
                seat.user_id: Placing(seat.region_id, seat.languages) for seat in self._board.seats.values()
            }
            wanted = self._help.wanted(self._split(), seats, self._board.waiting(), self._clock.now())
            for user_id, queues in wanted.items():
                if (seat := self._board.seats.get(user_id)) and seat.queues != queues:
                    await self._bring(seat, queues)

    async def _bring(self, seat: Seat, wanted: Queues) -> None:
        try:
            for queue in [one for one in seat.queues if wanted.get(one) != seat.queues[one]]:
                with contextlib.suppress(ActionRefused):  # the queue may be gone with its region's last line
                    await self._ami.action("QueueRemove", Queue=queue, Interface=seat.device)
                seat.queues.pop(queue, None)
            for queue in [one for one in wanted if one not in seat.queues]:
                await self._add(seat, queue, wanted[queue])
        except (ActionRefused, TelephonyDown):
            log.info("membership_refused", extension=seat.extension)

    async def _add(self, seat: Seat, queue: str, penalty: int) -> None:
        try:
            await self._ami.action(
                "QueueAdd", Queue=queue, Interface=seat.device, MemberName=seat.extension, Penalty=penalty,
                Paused=str(seat.paused).lower(), Reason=seat.reason,
            )  # fmt: skip
        except ActionRefused as refused:
            if "Already there" not in str(refused.fields.get("reason")):
                raise
        seat.queues[queue] = penalty


def found(rows: list[dict[str, str]], device: str) -> Queues:
    """The queues that a telephone is in, by Asterisk's own word (rows of QueueStatus)."""
    mine = [row for row in rows if row.get("Event") == "QueueMember" and row.get("Location") == device]
    return {row.get("Queue", BASE): int(row.get("Penalty") or OWN) for row in mine}
