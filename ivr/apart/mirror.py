"""A desk's copy of one controller's board (现场镜像): the board as last told, with the same questions as `ivr.board.Board`.

A piece that is missing, or another controller, makes it ask for the whole again. Without word for some seconds the
controller counts as away; what was last known stays to be seen.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.bus import Bus
from ivr.apart.wire import SHAPES, BoardNews, converter
from ivr.board import AgentView, LiveCallView, WaitingView
from ivr.events import AgentChanged, BoardChanged
from ivr.talks.watch import Watch

AWAY_S = 4.0
ASK_EVERY_S = 1.0
Sections = dict[str, dict[str, Any]]


def _nothing() -> Sections:
    return {section: {} for section in SHAPES}


@dataclass
class BoardMirror:
    bus: Bus
    ask: Callable[[], None]
    """Asks the controller for the whole board; never waits."""
    is_elsewhere: bool = False
    """Another node's: nobody here sits at its seats."""
    _sections: Sections = field(default_factory=_nothing)
    _fresh: Sections | None = None
    """The whole board, as long as it is being told."""
    _controller: str = ""
    _number: int = 0
    _heard_at: float = float("-inf")
    _asked_at: float = float("-inf")

    # --- what the pages ask -------------------------------------------------------------------------------------

    def agent(self, user_id: int) -> AgentView | None:
        return self._sections["seats"].get(str(user_id))

    def agents(self) -> list[AgentView]:
        return sorted(self._sections["seats"].values(), key=lambda one: one.extension)

    def calls(self) -> list[LiveCallView]:
        return list(self._sections["calls"].values())

    def call_with(self, extension: str) -> LiveCallView | None:
        found = [call for call in self.calls() if extension in call.extensions]
        return max(found, key=lambda call: extension in (call.operator, call.liaison), default=None)

    def waiting(self) -> list[WaitingView]:
        return sorted(self._sections["waiting"].values(), key=lambda view: view.queued_at)

    @property
    def registered(self) -> set[str]:
        return set(self._sections["devices"])

    @property
    def owed(self) -> tuple[int, int]:
        owed: tuple[int, int] = self._sections["owed"].get("", (0, 0))
        return owed

    @property
    def watches(self) -> dict[int, Watch]:
        return {int(user_id): watch for user_id, watch in self._sections["watches"].items()}

    def names(self) -> dict[str, str]:
        return self._sections["names"]

    def line_names(self) -> dict[str, str]:
        return self._sections["lines"]

    @property
    def parts(self) -> dict[str, tuple[bool, str]]:
        """The controller's own parts: whether all is well with each, and a sentence."""
        return self._sections["parts"]

    @property
    def is_current(self) -> bool:
        """Whether the controller was heard just now."""
        return bool(self._controller) and time.monotonic() - self._heard_at < AWAY_S

    # --- what the controller tells ------------------------------------------------------------------------------

    def hear(self, news: BoardNews) -> None:
        follows = news.controller == self._controller and news.number == self._number + 1
        if news.begins:
            self._fresh = _nothing()
        elif not follows:
            self._fresh = None
            self._ask_once()
            return
        self._controller, self._number, self._heard_at = news.controller, news.number, time.monotonic()
        self._take(news)

    def _take(self, news: BoardNews) -> None:
        whole = self._fresh
        changed = _apply(news, self._sections if whole is None else whole)
        if whole is not None:
            if not news.ends:
                return
            self._sections, self._fresh = whole, None
            changed = {int(user_id) for user_id in whole["seats"]}
        for user_id in () if self.is_elsewhere else changed:
            self.bus.deliver(AgentChanged(user_id))
        if news.entries:
            self.bus.deliver(BoardChanged(self.is_elsewhere))

    def _ask_once(self) -> None:
        if time.monotonic() - self._asked_at >= ASK_EVERY_S:
            self._asked_at = time.monotonic()
            self.ask()


def _apply(news: BoardNews, sections: Sections) -> set[int]:
    """Take the entries in; returns whose seats have changed."""
    for section, key, value in news.entries:
        if value is None:
            sections[section].pop(key, None)
        else:
            sections[section][key] = converter.structure(value, SHAPES[section])
    return {int(key) for section, key, _ in news.entries if section == "seats"}
