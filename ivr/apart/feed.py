"""The controller's side of the board (现场播报): tells the desks what has changed, and once a second that it lives."""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import structlog

from core.bus import Bus
from core.channel import Channel, ChannelDown
from ivr.apart.wire import BOARDS, Entry, Told, converter, pieces
from ivr.control import CallControl
from ivr.events import AgentChanged, BoardChanged

log = structlog.get_logger()
BEAT_S = 1.0
GATHER_S = 0.03
State = dict[tuple[str, str], Any]


class BoardFeed:
    """`parts` gives the state of the controller's own parts, for the desk's /readyz; `is_wanted`: whether anybody else may
    be listening. Who asks for the whole always gets it.
    """

    def __init__(
        self,
        channel: Channel,
        system_name: str,
        control: CallControl,
        bus: Bus,
        parts: Callable[[], Mapping[str, tuple[bool, str]]],
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._channel = channel
        self._node = system_name
        self._control = control
        self._parts = parts
        self._is_wanted = is_wanted
        self._name = uuid.uuid4().hex
        self._numbers = count(1)
        self._told: State = {}
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        bus.subscribe(AgentChanged, lambda _: self._wake.set())
        bus.subscribe(BoardChanged, self._board_changed)

    def _board_changed(self, event: BoardChanged) -> None:
        if not event.elsewhere:
            self._wake.set()

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._wake.wait()
                    await asyncio.sleep(GATHER_S)
            self._wake.clear()
            if self._is_wanted():
                await self.tell()
            beat()

    async def tell(self, *, whole: bool = False) -> None:
        """What has changed since the last time, or everything. What is lost on the way is noticed by its number."""
        async with self._turn:
            state = self._state()
            before = {} if whole else self._told
            changed = [(*key, value) for key, value in state.items() if before.get(key) != value]
            gone = [(*key, None) for key in before if key not in state]
            self._told = state
            try:
                await self._send([*changed, *gone], whole=whole)
            except ChannelDown:
                log.info("board_not_told")

    async def _send(self, entries: Iterable[Entry], *, whole: bool) -> None:
        parts = list(pieces(entries))
        for place, piece in enumerate(parts):
            told = Told(
                self._node, self._name, next(self._numbers), list(piece), begins=whole and place == 0,
                ends=whole and place == len(parts) - 1,
            )  # fmt: skip
            await self._channel.send(BOARDS, converter.dumps(told, ensure_ascii=False))

    def _state(self) -> State:
        board, control = self._control.board, self._control
        sections: dict[str, Mapping[Any, Any]] = {
            "seats": {one.user_id: one for one in board.agents()},
            "calls": {one.linkedid: one for one in board.calls()},
            "waiting": {one.linkedid: one for one in board.waiting()},
            "watches": control.watches,
            "names": control.names(),
            "lines": control.line_names(),
            "devices": dict.fromkeys(board.registered, True),
            "owed": {"": board.owed},
            "parts": self._parts(),
        }
        return {
            (section, str(key)): converter.unstructure(value)
            for section, entries in sections.items()
            for key, value in entries.items()
        }
