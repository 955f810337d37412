"""The boards of all nodes at one desk (各节点现场): its own node's for operators, all of them together for supervisors and the wall.

A node is known from the first news that its controller tells. What a node without word showed last is seen at its own
desk only: here it would count callers who are with another node by now.
"""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from core.bus import Bus
from ivr.apart.mirror import BoardMirror
from ivr.apart.wire import Told, converter
from ivr.board import AgentView, LiveCallView, WaitingView
from ivr.events import BoardChanged

LOOK_S = 0.5


class Boards:
    """`ask` asks the controller of a node (system name) for its whole board, and never waits. Asked itself, it is all boards in one."""

    def __init__(self, own: str, bus: Bus, ask: Callable[[str], None]) -> None:
        self._own = own
        self._bus = bus
        self._ask = ask
        self._by_node: dict[str, BoardMirror] = {}
        self.own = self.of(own)

    def of(self, node: str) -> BoardMirror:
        if node not in self._by_node:
            self._by_node[node] = BoardMirror(self._bus, partial(self._ask, node))
        return self._by_node[node]

    def hear(self, text: str) -> None:
        told = converter.loads(text, Told)
        self.of(told.node).hear(told)

    async def watch(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`: the pages are told when a controller goes away and when it is back."""
        known: list[str] = []
        while True:
            beat()
            current = [node for node, board in self._by_node.items() if board.is_current]
            if current != known:
                known = current
                self._bus.deliver(BoardChanged())
            await asyncio.sleep(LOOK_S)

    # --- where something is ---------------------------------------------------------------------------------------

    def node_of_call(self, linkedid: str) -> str:
        """The own node for what no other has."""
        return self._node(lambda board: any(call.linkedid == linkedid for call in board.calls()))

    def node_of_seat(self, user_id: int) -> str:
        return self._node(lambda board: board.agent(user_id) is not None)

    def _node(self, has: Callable[[BoardMirror], bool]) -> str:
        return next((node for node, board in self._current() if has(board)), self._own)

    def _current(self) -> Iterator[tuple[str, BoardMirror]]:
        """The own node, first and always, and those whose controllers were heard just now."""
        return (
            (node, board) for node, board in self._by_node.items() if node == self._own or board.is_current
        )

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
        return self.of(self.node_of_seat(user_id)).agent(user_id)

    def agents(self) -> list[AgentView]:
        every = (agent for _, board in self._current() for agent in board.agents())
        return sorted(every, key=lambda one: one.extension)

    def calls(self) -> list[LiveCallView]:
        return [call for _, board in self._current() for call in board.calls()]

    def call_with(self, extension: str) -> LiveCallView | None:
        found = (board.call_with(extension) for _, board in self._current())
        return next(filter(None, found), None)

    def waiting(self) -> list[WaitingView]:
        every = (view for _, board in self._current() for view in board.waiting())
        return sorted(every, key=lambda view: view.queued_at)
