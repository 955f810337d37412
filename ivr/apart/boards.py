"""The boards of all nodes in one process (各节点现场): its own node's for operators, all of them together for supervisors, the
wall, and whose turn it is to be called back.

A node is known from the first news that its controller tells. What a node without word showed last is seen at its own
desk only, and counts for whose turn it is to be called back.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from functools import partial

import structlog

from core.bus import Bus
from core.channel import Channel, ChannelDown
from core.tasks import Tasks
from ivr.apart.mirror import BoardMirror
from ivr.apart.wire import BOARDS, TELL_ALL, BoardNews, Order, converter, order_topic
from ivr.board import AgentView, LiveCallView, Shown, WaitingView
from ivr.events import BoardChanged

log = structlog.get_logger()
LOOK_S = 0.5


class Boards:
    """Asked itself, it is all boards in one. `own` is the board of the node `name` where its controller is in this process;
    otherwise it is mirrored as the others' are.
    """

    def __init__(self, channel: Channel, name: str, bus: Bus, tasks: Tasks, own: Shown | None = None) -> None:
        self._channel = channel
        self._name = name
        self._bus = bus
        self._tasks = tasks
        self._is_here = own is not None
        self._mirrors: dict[str, BoardMirror] = {}
        self.own = own or self.mirror(name)
        channel.listen(BOARDS, self._heard)
        if not self._is_here:
            channel.when_up(partial(self._ask, name))

    def mirror(self, node: str) -> BoardMirror:
        if node not in self._mirrors:
            ask = partial(self._ask, node)
            self._mirrors[node] = BoardMirror(self._bus, ask, is_elsewhere=node != self._name)
        return self._mirrors[node]

    async def watch(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`: the pages are told when a controller goes away and when it is back."""
        known: list[str] = []
        while True:
            beat()
            current = [node for node, board in self._mirrors.items() if board.is_current]
            if current != known:
                known = current
                self._bus.deliver(BoardChanged(elsewhere=True))
            await asyncio.sleep(LOOK_S)

    # --- what the controllers tell --------------------------------------------------------------------------------

    def _heard(self, text: str) -> None:
        news = converter.loads(text, BoardNews)
        if not (self._is_here and news.node == self._name):
            self.mirror(news.node).hear(news)

    def _ask(self, node: str) -> None:
        """For the whole board; never waits."""
        self._tasks.job(self._ask_for_the_whole(node), "board-asked")

    async def _ask_for_the_whole(self, node: str) -> None:
        try:
            order = Order("", "", TELL_ALL)
            await self._channel.send(order_topic(node), converter.dumps(order, ensure_ascii=False))
        except ChannelDown:
            log.info("board_not_asked")

    # --- where something is ---------------------------------------------------------------------------------------

    def node_of_call(self, linkedid: str) -> str:
        """The own node for what no other has."""
        return self._node(lambda board: any(call.linkedid == linkedid for call in board.calls()))

    def node_of_seat(self, user_id: int) -> str:
        return self._node(lambda board: board.agent(user_id) is not None)

    def _node(self, has: Callable[[Shown], bool]) -> str:
        return next((node for node, board in self._current() if has(board)), self._name)

    def _current(self) -> Iterator[tuple[str, Shown]]:
        """The own node, first and always, and those whose controllers were heard just now."""
        yield self._name, self.own
        for node, board in self._mirrors.items():
            if node != self._name and board.is_current:
                yield node, board

    # --- all of them as one board ---------------------------------------------------------------------------------

    @property
    def registered(self) -> set[str]:
        return {device for _, board in self._current() for device in board.registered}

    @property
    def owed(self) -> tuple[int, int]:
        """The list is one for all nodes."""
        return self.own.owed

    @property
    def is_current(self) -> bool:
        return self.own.is_current

    def agent(self, user_id: int) -> AgentView | None:
        found = (board.agent(user_id) for _, board in self._current())
        return next(filter(None, found), None)

    def agents(self) -> list[AgentView]:
        every = (agent for _, board in self._current() for agent in board.agents())
        return sorted(every, key=lambda one: one.extension)

    def calls(self) -> list[LiveCallView]:
        return [call for _, board in self._current() for call in board.calls()]

    def call_with(self, extension: str) -> LiveCallView | None:
        found = (board.call_with(extension) for _, board in self._current())
        return next(filter(None, found), None)

    def may_wait(self, nodes: Collection[str], earliest: datetime) -> list[WaitingView]:
        """Besides those of `waiting`, who was in a queue when a node was last heard, of these that are without word: its
        Asterisk, and so its queue, may live. Nobody who waits since before `earliest` is waiting still.
        """
        silent = (board for node, board in self._mirrors.items() if node in nodes and not board.is_current)
        known = (view for board in silent for view in board.waiting() if view.queued_at > earliest)
        return [*self.waiting(), *known]

    def waiting(self) -> list[WaitingView]:
        every = (view for _, board in self._current() for view in board.waiting())
        return sorted(every, key=lambda view: view.queued_at)
