"""Calling back (回拨): which callers are owed a call, and when an operator calls the next of those who keep their place.

Fair to them and to those on the line, over all nodes: a caller who keeps their place is called when an operator whose queues
serve that line and language is free, and nobody in these queues, at whichever node, has waited longer. A caller on the line
is never overtaken. The list itself is `ivr.queue.owed_calls`'.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence

import structlog

from core.bus import Bus
from core.clock import Clock
from core.db import Database
from core.errors import HotlineError
from ivr.board import Seat, Shown, WaitingView
from ivr.control import CallControl
from ivr.controller import Controller
from ivr.flow.context import Caller
from ivr.models import OwedCall, OwedKind
from ivr.queue import owed_calls
from ivr.queue.owed_calls import OwedCallsChanged
from ivr.tracking.outcome import how_ended
from recordings.models import CallEnd

log = structlog.get_logger()
LOOK_S = 2.0
REASON = "回拨"
"""Why a seat that calls somebody back is paused."""


class CallingBack:
    """`everywhere`: the boards of all nodes; `may_wait`: all who may be in a queue, at whichever node; `queue_of`: the queue
    of a line's callers in a language.
    """

    def __init__(
        self,
        controller: Controller,
        control: CallControl,
        everywhere: Shown,
        may_wait: Callable[[], Iterable[WaitingView]],
        db: Database,
        clock: Clock,
        bus: Bus,
        queue_of: Callable[[str, str], str],
    ) -> None:
        self._controller = controller
        self._control = control
        self._everywhere = everywhere
        self._may_wait = may_wait
        self._db = db
        self._clock = clock
        self._queue_of = queue_of
        control.on_free = self.take_turn
        bus.subscribe(OwedCallsChanged, self._count_anew)

    def _count_anew(self, _: OwedCallsChanged) -> None:
        self._controller.job(self.count(), "owed-calls-counted")

    async def ended(self, caller: Caller) -> None:
        """The call is over. A caller who gave up in the queue, found the line full (M-13) or was cut off is owed a call.

        Where the call was itself a try to call somebody back, its result is noted instead.
        """
        call = caller.call
        owed_call_id = self._controller.board.notes[call.linkedid].owed_call_id
        gave_up = how_ended(call, caller.outcome) == CallEnd.QUEUE
        unserved = gave_up or call.is_turned_away or call.is_lost
        is_missed = call.direction == "in" and not call.is_practice and unserved
        if not (is_missed or owed_call_id):
            return
        call_id = await self._controller.journal.call_id(call.linkedid)
        async with self._db.unit_of_work() as session:
            if owed_call_id:
                reached = call.answered_at is not None
                await owed_calls.tried(session, self._clock, owed_call_id, reached=reached)
            else:
                await owed_calls.owe(
                    session,
                    call_id=call_id,
                    kind=OwedKind.MISSED,
                    asked_at=call.queued_at,
                    language=call.language,
                )

    async def answered(self, caller: Caller) -> None:
        """An operator talks to the caller: nothing is owed to this number any more."""
        if caller.call.direction == "in" and caller.number:
            async with self._db.unit_of_work() as session:
                await owed_calls.served(session, self._clock, caller.number)

    async def count(self) -> None:
        """Count the list anew for the desks, which show how many are open and how many of them overdue."""
        async with self._db.reading() as session:
            rows = await owed_calls.waiting_list(session)
        now = self._clock.now()
        self._controller.board.owed = (len(rows), sum(row.due_at < now for row in rows))
        self._controller.changed()

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`: let idle seats call back. A seat that has just become free need not wait for it (`take_turn`)."""
        await self.count()
        while True:
            await asyncio.sleep(LOOK_S)
            beat()
            if self._controller.ami.up:
                await self._use_idle_seats()

    async def _use_idle_seats(self) -> None:
        board = self._controller.board
        ready = [agent for agent in board.agents() if agent.state == "ready" and agent.registered]
        kept = await self._kept_places() if ready else []
        for agent in sorted(ready, key=lambda agent: agent.since_at) if kept else []:
            seat = board.seats.get(agent.user_id)
            if seat and not seat.may_have(board.waiting()):
                await self._call_next(seat, kept)

    async def take_turn(self, user_id: int) -> bool:
        """Let this operator, who has become free, call the next who keeps their place; False when it is nobody's turn."""
        return await self._call_next(self._controller.board.seats[user_id], await self._kept_places())

    async def _kept_places(self) -> Sequence[OwedCall]:
        async with self._db.reading() as session:
            return await owed_calls.kept_places(session)

    async def _call_next(self, seat: Seat, kept: Sequence[OwedCall]) -> bool:
        row = next((one for one in kept if self._queue_of(one.line, one.language) in seat.queues), None)
        if row is None or not self._is_due(row, seat):
            return False
        seat.wrap_up_call = ""
        await self._controller.seats.hold_back(seat, REASON)
        try:
            await self._control.return_call(seat.user_id, row.id)
        except HotlineError:  # another node's seat was quicker, or a caller rings this seat already
            log.info("owed_call_not_begun", owed_call=row.id, extension=seat.extension)
            with contextlib.suppress(HotlineError):
                await self._controller.seats.ready(seat.user_id)
            return False
        return True

    def _is_due(self, row: OwedCall, seat: Seat) -> bool:
        waiting = seat.may_have(self._may_wait())
        is_calling = any(call.caller_number == row.number for call in self._everywhere.calls())
        return not is_calling and all(view.queued_at > row.asked_at for view in waiting)
