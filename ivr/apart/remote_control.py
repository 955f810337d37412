"""The desk's side of orders (远程指令): call control as the pages know it, for a controller in another process.

An order is carried out once or not at all, and never sent again by itself: what became of one without an answer is seen
on the board.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from core.channel import Channel, ChannelDown
from core.errors import HotlineError
from ivr.apart.boards import Boards
from ivr.apart.mirror import BoardMirror
from ivr.apart.wire import ORDERS, Order, Refusal, Reply, converter, order_topic
from ivr.control import CallControl
from ivr.talks.watch import Watch

log = structlog.get_logger()
ANSWER_LIMIT_S = 10.0
"""Longer than any order takes (a transfer is completed within 5 s)."""
ABOUT_CALLS = frozenset({"supervise", "move_to_front", "move_to_operator", "move_to_line"})
"""A supervisor's orders whose second argument is a call, or below, a seat."""
ABOUT_SEATS = frozenset({"pause_seat", "play_caller"})
BY_OWN_TELEPHONE = frozenset({"supervise", "play_caller"})


class ControllerAway(HotlineError):
    """The controller cannot be reached now; nothing was ordered."""

    code = "controller_away"
    status = 503
    text = "呼叫控制进程暂时没有响应，正在进行的通话不受影响；请稍候几秒再试，期间请直接用话机接听和挂断。"


class CallElsewhere(HotlineError):
    """It needs the person's own telephone, which is registered at this desk's node; `node` is the other."""

    code = "call_elsewhere"
    status = 409
    text = "这通电话（或座席）在节点 {node} 上，而您的电话接在本节点；请到节点 {node} 的实时监督页操作。"


class OrderUnanswered(HotlineError):
    """The order was sent and nothing came back: it may have been carried out."""

    code = "order_unanswered"
    status = 504
    text = "指令已经发出，但没有收到结果；请先看清通话的当前状态，再决定是否重试。"


class OrderRefused(HotlineError):
    """What the controller said, in its own words."""

    def __init__(self, refusal: Refusal) -> None:
        self._said = refusal.text
        super().__init__(**refusal.fields)
        self.code, self.status = refusal.code, refusal.status  # type: ignore[misc]

    @property
    def message(self) -> str:
        return self._said


class RemoteControl:
    """Call control as the pages know it; every order of `ORDERS` is a method, by its name.

    What a supervisor orders is done at the node of the call or seat, all else at the own node (`name`). `here` is that node's
    call control where it is in this process: its orders need no database.
    """

    def __init__(self, channel: Channel, name: str, boards: Boards, here: CallControl | None = None) -> None:
        self._channel = channel
        self._node = name
        self._boards = boards
        self._here = here
        self._own: CallControl | BoardMirror = here or boards.mirror(name)
        self._own_topic = f"replies_{uuid.uuid4().hex}"
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        channel.listen(self._own_topic, self._answered)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ORDERS:
            raise AttributeError(name)
        return partial(self._order, name)

    @property
    def watches(self) -> Mapping[int, Watch]:
        return self._own.watches

    def names(self) -> dict[str, str]:
        return self._own.names()

    def line_names(self) -> dict[str, str]:
        return self._own.line_names()

    async def _order(self, name: str, *args: Any, **kwargs: Any) -> str | None:
        """Raises CallElsewhere, and what `_ask` does."""
        node = self._node
        if name in ABOUT_CALLS:
            node = self._boards.node_of_call(args[1])
        elif name in ABOUT_SEATS:
            node = self._boards.node_of_seat(args[1])
        if node != self._node and name in BY_OWN_TELEPHONE:
            raise CallElsewhere(node=node)
        if node == self._node and self._here:
            return await getattr(self._here, name)(*args, **kwargs)  # type: ignore[no-any-return]
        return await self._ask(node, name, *args, **kwargs)

    async def _ask(self, node: str, name: str, *args: Any, **kwargs: Any) -> str | None:
        """Raises ControllerAway, OrderUnanswered, OrderRefused."""
        if not self._boards.mirror(node).is_current:
            raise ControllerAway
        order_id = uuid.uuid4().hex
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[order_id] = answer
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await self._send(node, Order(order_id, self._own_topic, name, list(args), kwargs))
                reply = await answer
        except ChannelDown:
            raise ControllerAway from None
        except TimeoutError:
            log.warning("order_unanswered", order=name)
            raise OrderUnanswered from None
        finally:
            del self._waiting[order_id]
        if reply.refusal:
            raise OrderRefused(reply.refusal)
        return reply.result

    async def _send(self, node: str, order: Order) -> None:
        await self._channel.send(order_topic(node), converter.dumps(order, ensure_ascii=False))

    def _answered(self, text: str) -> None:
        reply = converter.loads(text, Reply)
        answer = self._waiting.get(reply.order_id)
        if answer and not answer.done():
            answer.set_result(reply)
