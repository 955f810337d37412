"""The controller's side of the board (现场播报): tells the desks what has changed, and once a second that it lives."""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import structlog

from core.bus import Bus
from core.channel import Channel, ChannelDown
from ivr.apart.wire import BOARDS, BoardNews, Entry, converter, pieces
from ivr.control import CallControl
from ivr.events import AgentChanged, BoardChanged

log = structlog.get_logger()
BEAT_S = 1.0
GATHER_S = 0.03
REST_S = 0.07
"""While changes keep coming: putting a large board together takes milliseconds that callers need."""
State = Mapping[str, Mapping[Any, Any]]


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
            await asyncio.sleep(REST_S)

    async def tell(self, *, whole: bool = False) -> None:
        """What has changed since the last time, or everything. What is lost on the way is noticed by its number."""
        async with self._turn:
            before, self._told = {} if whole else self._told, self._state()
            try:
                await self._send(_changes(before, self._told), whole=whole)
            except ChannelDown:
                log.info("board_not_told")

    async def _send(self, entries: Iterable[Entry], *, whole: bool) -> None:
        parts = list(pieces(entries))
        for place, piece in enumerate(parts):
            news = BoardNews(
                self._node, self._name, next(self._numbers), list(piece), begins=whole and place == 0,
                ends=whole and place == len(parts) - 1,
            )  # fmt: skip
            await self._channel.send(BOARDS, converter.dumps(news, ensure_ascii=False))

    def _state(self) -> State:
        """Of views that never change, so that what was told is still known when it has."""
        board, control = self._control.board, self._control
        return {
            "seats": {one.user_id: one for one in board.agents()},
            "calls": {one.linkedid: one for one in board.calls()},
            "waiting": {one.linkedid: one for one in board.waiting()},
            "watches": {user_id: replace(watch) for user_id, watch in control.watches.items()},
            "names": control.names(),
            "lines": control.line_names(),
            "devices": dict.fromkeys(board.registered, True),
            "owed": {"": board.owed},
            "parts": dict(self._parts()),
        }


def _changes(before: State, now: State) -> Iterator[Entry]:
    for section, entries in now.items():
        known = before.get(section, {})
        for key, view in entries.items():
            if known.get(key) != view:
                yield section, str(key), converter.unstructure(view)
        yield from ((section, str(key), None) for key in known if key not in entries)
