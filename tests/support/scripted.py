"""A caller made of a script (脚本来电人) for walking the menus without telephone or waiting.

`ScriptedDialogue` has the interface of `ivr.menus.dialogue.Dialogue`; its time is counted, never waited for. The handlers
answer what the script says, so that every way out of every node can be taken.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ivr.menus.dialogue import CallerGone
from ivr.menus.menu import Menus, Record
from ivr.menus.walk import Item, Walk

Press = str | None


class ScriptedDialogue:
    """`keys`: what the caller does at each wait, None being silence; when they are used up the caller hangs up."""

    def __init__(self, keys: Sequence[Press]) -> None:
        self.script = deque(keys)
        self.ahead: deque[str] = deque()
        self.played: list[list[str]] = []
        self.waited_s = 0.0
        self.waits: list[float] = []

    def type_ahead(self, keys: str) -> None:
        self.ahead.extend(keys)

    async def play(self, sounds: Sequence[str]) -> None:
        self.played.append([*sounds])

    def take_key(self) -> str | None:
        return self.ahead.popleft() if self.ahead else None

    async def listen(self, sounds: Sequence[str], timeout_s: float) -> str | None:
        if sounds:
            self.played.append([*sounds])
        if self.ahead:
            return self.ahead.popleft()
        if not self.script:
            raise CallerGone
        self.waits.append(timeout_s)
        pressed = self.script.popleft()
        if pressed is None:
            self.waited_s += timeout_s
        return pressed

    @property
    def next_key(self) -> str | None:
        return self.ahead[0] if self.ahead else None

    def end_may_follow(self) -> None:
        waiting = self.ahead or self.script
        if waiting and waiting[0] == "#":
            waiting.popleft()

    def forget_keys(self) -> None:
        self.ahead.clear()


class ScriptedHandlers:
    """`results[name]`: what a handler answers; the others answer their first outcome. `called`: all but the farewell.

    `messages`: how many milliseconds the caller speaks each time.
    """

    def __init__(
        self, menus: Menus, results: Mapping[str, Any] | None = None, messages: Sequence[int] = ()
    ) -> None:
        self.slots: dict[str, Sequence[str]] = {}
        self.results = dict(results or {})
        self.called: list[tuple[str, tuple[Any, ...]]] = []
        self.picked: list[Any] = []
        self.messages = deque(messages)
        self.saved: list[tuple[str, int]] = []
        self._menus = menus

    def __getitem__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def run(*arguments: Any) -> Any:
            if name != "hang_up":
                self.called.append((name, arguments))
            return self.results.get(name, self._first(name))

        return run

    def _first(self, name: str) -> Any:
        node = next(node for node in self._menus if getattr(node, "handler", None) == name)
        outcomes = getattr(node, "outcomes", None)
        return next(iter(outcomes), None) if outcomes else [Item([name], name)]

    async def chosen(self, handler: str, item: Item) -> None:
        self.picked.append(item.value)

    async def record(self, node: Record) -> bool:
        spoken_ms = self.messages.popleft() if self.messages else 5000
        is_kept = spoken_ms >= node.min_s * 1000
        if is_kept:
            self.saved.append((node.id, spoken_ms))
        return is_kept

    async def before(self, node_id: str) -> None:
        pass


class Stroll:
    """One scripted caller's way: `nodes` reached and `notes` of the ledger."""

    def __init__(
        self, menus: Menus, keys: Sequence[Press], results: Mapping[str, Any] | None = None,
        messages: Sequence[int] = (), ahead: str = "",
    ) -> None:  # fmt: skip
        self.dialogue = ScriptedDialogue(keys)
        self.dialogue.type_ahead(ahead)
        self.handlers = ScriptedHandlers(menus, results, messages)
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.walk = Walk(
            menus, self.dialogue, self.handlers, lambda prompt: prompt,  # type: ignore[arg-type]
            lambda kind, **data: self.notes.append((kind, data)), limit_s=600,
        )  # fmt: skip
        self.hung_up = False

    async def go(self, start: str) -> "Stroll":
        try:
            await self.walk.run(start)
        except CallerGone:
            self.hung_up = True
        return self

    @property
    def nodes(self) -> list[str]:
        return [data["node"] for kind, data in self.notes if kind == "node"]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for noted, data in self.notes if noted == kind]
