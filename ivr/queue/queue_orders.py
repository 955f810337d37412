"""A supervisor's orders to queue and seats (队列调度): move a waiting caller, pause a seat. Each is in the audit log first."""

from core import audit
from core.errors import HotlineError
from core.people import Role
from ivr.queue.seats import REASONS, ReasonUnknown
from ivr.talks.transfers import Transfers
from ivr.talks.watch import Supervisor
from ivr.tracking.live_call import LiveCall
from recordings import ledger

FREE = ("ready", "paused")
"""States of a seat that may be ordered about: it neither talks nor wraps up."""
FIRST_IN_LINE = 10
"""Priority in the queue of a caller who is moved to its head."""


class NotWaiting(HotlineError):
    """The caller no longer waits in the queue."""

    code = "not_waiting"
    status = 409
    text = "这位来电人已经不在排队（可能刚刚接通或挂机），请看最新状态。"


class SeatNotFree(HotlineError):
    """The seat talks, wraps up or has no telephone, so that it cannot be ordered about."""

    code = "seat_not_free"
    status = 409
    text = "该座席正在通话或话后处理，或电话没有连接，请选择空闲的座席，或稍候再试。"


class LineUnknown(HotlineError):
    """No such line is answered."""

    code = "line_unknown"
    status = 422
    text = "没有这条专线，请从列表中选择。"


class QueueOrders(Transfers):
    async def pause_seat(self, by: Supervisor, user_id: int, reason: str) -> None:
        """A seat that is ready is offered nothing more; its desk says who ordered it and why."""
        if reason not in REASONS:
            raise ReasonUnknown(reasons="、".join(REASONS))
        agent = self.board.agent(user_id)
        if agent is None or agent.state not in FREE:
            raise SeatNotFree
        await self._audited(by, "supervise.pause", f"user:{user_id}", reason)
        await self._seats.hold_back(self._seats.of(user_id), f"主管安排{reason}")

    async def move_to_front(self, by: Supervisor, linkedid: str) -> None:
        """The caller is the next to be answered. Raises NotWaiting, as all moves do."""
        call = self._waiting(linkedid)
        await self._moving(by, call, "front")
        await self._send(call, "operators", QUEUE_PRIO=FIRST_IN_LINE)

    async def move_to_operator(self, by: Supervisor, linkedid: str, user_id: int) -> None:
        """Ring this operator, who may be paused, for the caller; unanswered, the caller is first in the queue."""
        call, agent = self._waiting(linkedid), self.board.agent(user_id)
        if agent is None or agent.state not in FREE or not agent.registered:
            raise SeatNotFree
        await self._moving(by, call, "operator", extension=agent.extension)
        device = self.board.seats[user_id].device
        await self._send(call, "same-operator", DEVICE=device, QUEUE_PRIO=FIRST_IN_LINE)

    async def move_to_line(self, by: Supervisor, linkedid: str, number: str) -> None:
        """The caller waits on another line: from here on it is a call of that line and its region. Raises LineUnknown."""
        call = self._waiting(linkedid)
        line = self._controller.lines.get(number)
        if line is None:
            raise LineUnknown
        await self._moving(by, call, "line", line=number)
        self._controller.change_line(call, line)
        await self._send(call, "operators", LINE=number)

    def _waiting(self, linkedid: str) -> LiveCall:
        call = self.board.tracker.calls.get(linkedid)
        if call is None or call.phase != "queue" or call.left_queue:
            raise NotWaiting
        return call

    async def _moving(self, by: Supervisor, call: LiveCall, to: str, **where: str) -> None:
        reason = " ".join([to, *where.values()])
        await self._audited(by, "supervise.move", f"call:{call.linkedid}", reason)
        call.is_moved = True
        self._controller.note(call, ledger.MOVED, to=to, user=by.user_id, **where)

    async def _audited(self, by: Supervisor, action: str, target: str, reason: str = "") -> None:
        async with self._db.unit_of_work() as session:
            await audit.record(
                session, self._clock, actor=by.username, role=Role.SUPERVISOR, action=action, target=target,
                reason=reason, source=by.source,
            )  # fmt: skip
