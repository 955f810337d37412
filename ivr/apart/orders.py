"""The controller's side of orders (指令受理): what a desk in another process asks is done by call control, and answered."""

import inspect
from collections.abc import Awaitable, Callable
from typing import get_type_hints

import structlog

from core.channel import Channel, ChannelDown
from core.errors import HotlineError
from core.tasks import Tasks
from ivr.apart.feed import BoardFeed
from ivr.apart.wire import ORDERS, TELL_ALL, Order, Reply, converter, order_topic, refusal_of
from ivr.control import CallControl

log = structlog.get_logger()


class OrderTaker:
    """The board is told before the answer, so that a page which has its answer shows what came of it."""

    def __init__(
        self, channel: Channel, system_name: str, control: CallControl, feed: BoardFeed, tasks: Tasks
    ) -> None:
        self._channel = channel
        self._control = control
        self._feed = feed
        self._tasks = tasks
        channel.listen(order_topic(system_name), self._heard)

    def _heard(self, text: str) -> None:
        order = converter.loads(text, Order)
        work = self._feed.tell(whole=True) if order.name == TELL_ALL else self._carry_out(order)
        self._tasks.job(work, f"order-{order.name}")

    async def _carry_out(self, order: Order) -> None:
        try:
            reply = Reply(order.order_id, result=await self._do(order))
        except HotlineError as refused:
            reply = Reply(order.order_id, refusal=refusal_of(refused))
        except Exception:
            log.exception("order_failed", order=order.name)
            reply = Reply(order.order_id, refusal=refusal_of(HotlineError()))
        await self._feed.tell()
        try:
            await self._channel.send(order.reply_to, converter.dumps(reply, ensure_ascii=False))
        except ChannelDown:
            log.warning("order_answer_lost", order=order.name)

    async def _do(self, order: Order) -> str | None:
        if order.name not in ORDERS:
            raise HotlineError
        method: Callable[..., Awaitable[str | None]] = getattr(self._control, order.name)
        shapes = get_type_hints(method)
        given = inspect.signature(method).bind(*order.args, **order.kwargs).arguments
        return await method(
            **{name: converter.structure(value, shapes[name]) for name, value in given.items()}
        )
