"""Walking the menu tree (菜单流程): plays a node, listens, goes where the keys lead.

Knows how each kind of node behaves (mission §5.6: timeouts, tries, 0 9 * # everywhere) and nothing of what the
hotline does: that is the handlers' part.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from ivr.menus.dialogue import Dialogue
from ivr.menus.menu import (
    Action,
    AnyNode,
    Choice,
    Entry,
    Listening,
    Menu,
    Menus,
    Record,
    Say,
    global_key,
    pages,
)
from recordings import ledger

Handler = Callable[..., Awaitable[Any]]
Note = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a spoken list: the prompts that name it, and what it stands for."""

    prompts: Sequence[str]
    value: Any


class Handlers(Protocol):
    """What the hotline does at the nodes; `slots` are the prompts for `{…}` in a node's `play`."""

    slots: dict[str, Sequence[str]]

    def __getitem__(self, name: str) -> Handler: ...

    async def chosen(self, handler: str, item: Item) -> None: ...

    async def record(self, node: Record) -> bool:
        """Have a message recorded; False when it is too short to be one."""

    async def before(self, node_id: str) -> None:
        """Runs when the walk reaches a node, before it is played."""


class Walk:
    """One caller's way through the tree, until a handler hands the caller back to the dialplan."""

    def __init__(
        self,
        menus: Menus,
        dialogue: Dialogue,
        handlers: Handlers,
        sound: Callable[[str], str],
        note: Note,
        *,
        limit_s: float,
    ) -> None:
        self._menus = menus
        self._dialogue = dialogue
        self._handlers = handlers
        self._sound = sound
        self._note = note
        self._ends_at = monotonic() + limit_s
        self._visits: Mapping[type, Callable[[Any], Awaitable[str | None]]] = {
            Say: self._say,
            Action: self._action,
            Menu: self._menu,
            Entry: self._entry,
            Choice: self._choice,
            Record: self._record,
        }

    async def run(self, node_id: str) -> None:
        """Walk from `node_id` until a node has no way on (the caller left to the dialplan or hung up)."""
        following: str | None = node_id
        while following:
            if monotonic() > self._ends_at and following != self._menus.operator:
                self._ends_at = float("inf")
                await self._play(["call-too-long"])
                following = self._menus.operator
            node = self._menus[following]
            self._note(ledger.NODE, node=node.id)
            await self._handlers.before(node.id)
            following = await self._visits[type(node)](node)

    # --- kinds of node ----------------------------------------------------------------------------------------

    async def _say(self, node: Say) -> str | None:
        """A key that means nothing here stays in the buffer: impatient callers press the next node's already."""
        while True:
            if node.wait_s:
                key = await self._hear(self._prompts(node), node.wait_s)
            else:
                await self._play(self._prompts(node))
                key = self._dialogue.next_key
            meaning = global_key(node, key) if key else None
            if meaning is None:
                return node.next
            if not node.wait_s:
                self._dialogue.take_key()
            self._note(ledger.KEY, node=node.id, key=key)
            if meaning == "operator":
                return self._menus.operator
            if meaning != "repeat":
                return node.up if meaning == "up" and node.up else node.next

    async def _action(self, node: Action) -> str | None:
        await self._play(self._prompts(node))
        self._dialogue.forget_keys()
        outcome = await self._handlers[node.handler]()
        return node.outcomes[outcome] if outcome else None

    async def _menu(self, node: Menu) -> str | None:
        async def take(key: str) -> str | None:
            if key not in node.keys:
                return None
            if node.handler:
                await self._handlers[node.handler](key)
            return node.keys[key]

        return await self._listen(node, self._prompts(node), take)

    async def _choice(self, node: Choice) -> str | None:
        items: Sequence[Item] = await self._handlers[node.handler]()
        if not items:
            return node.empty
        sheets = pages(items)
        page = 0

        async def take(key: str) -> str | None:
            nonlocal page
            number = int(key) if key.isdigit() else 0
            if len(sheets) > 1 and number == 8:
                page = (page + 1) % len(sheets)
                return node.id + "/page"
            if not 1 <= number <= len(sheets[page]):
                return None
            await self._handlers.chosen(node.handler, sheets[page][number - 1])
            return node.next

        while True:
            target = await self._listen(node, [*self._prompts(node), *_spoken(sheets, page)], take)
            if target != node.id + "/page":
                return target

    async def _listen(
        self, node: Menu | Choice, prompts: Sequence[str], take: Callable[[str], Awaitable[str | None]]
    ) -> str:
        """Play and wait for one key until `take` accepts it; silence and mistakes count together."""
        failures = 0
        while failures < node.tries:
            key = await self._hear(prompts, node.first_key_s)
            if key is None:
                failures += 1
                await self._complain(node, ledger.TIMEOUT, node.silent)
                continue
            meaning = global_key(node, key)
            self._note(ledger.KEY, node=node.id, key=key)
            if meaning == "operator":
                return self._menus.operator
            if meaning == "repeat" or (meaning == "up" and not node.up):
                continue
            if meaning == "up" and node.up:
                return node.up
            if meaning is None and (target := await take(key)):
                return target
            failures += 1
            await self._complain(node, ledger.INVALID, node.invalid, key=key)
        await self._play(node.fail)
        return node.on_fail

    async def _entry(self, node: Entry) -> str | None:
        failures = 0
        while failures < node.tries:
            typed, meaning = await self._digits(node)
            if meaning == "operator":
                return self._menus.operator
            if meaning == "up" and node.up:
                return node.up
            if meaning in ("up", "restart"):
                continue
            if typed:
                self._note(ledger.KEY, node=node.id, key="•" * len(typed))
            if len(typed) >= node.min_digits and (outcome := await self._handlers[node.handler](typed)):
                return node.outcomes[outcome]
            failures += 1
            kind, prompts = (ledger.INVALID, node.invalid) if typed else (ledger.TIMEOUT, node.silent)
            await self._complain(node, kind, prompts)
        await self._play(node.fail)
        return node.on_fail

    async def _digits(self, node: Entry) -> tuple[str, str | None]:
        """What was typed after the prompts, and the global key that ended it if one did."""
        typed = ""
        while len(typed) < node.max_digits:
            prompts, wait_s = ((), node.next_key_s) if typed else (self._prompts(node), node.first_key_s)
            key = await self._hear(prompts, wait_s)
            if key is None:
                break
            meaning = global_key(node, key, typed)
            if meaning == "end":
                break
            if meaning:
                return typed, meaning
            typed += key
        else:
            self._dialogue.end_may_follow()
        return typed, None

    async def _record(self, node: Record) -> str | None:
        failures = 0
        while failures < node.tries:
            await self._play(self._prompts(node))
            if await self._handlers.record(node):
                return node.next
            failures += 1
            await self._complain(node, ledger.INVALID, node.invalid, key="")
        await self._play(node.fail)
        return node.on_fail

    # --- pieces -----------------------------------------------------------------------------------------------

    async def _complain(self, node: Listening, kind: str, prompts: Sequence[str], **data: str) -> None:
        self._note(kind, node=node.id, **data)
        await self._play(prompts)

    def _prompts(self, node: AnyNode) -> list[str]:
        found: list[str] = []
        for item in node.play:
            found += self._handlers.slots.get(item[1:-1], ()) if item.startswith("{") else [item]
        return found

    async def _play(self, prompts: Sequence[str]) -> None:
        if prompts:
            await self._dialogue.play([self._sound(prompt) for prompt in prompts])

    async def _hear(self, prompts: Sequence[str], wait_s: float) -> str | None:
        return await self._dialogue.listen([self._sound(prompt) for prompt in prompts], wait_s)


def _spoken(sheets: Sequence[Sequence[Item]], page: int) -> list[str]:
    spoken: list[str] = []
    for number, item in enumerate(sheets[page], start=1):
        spoken += [*item.prompts, f"press-{number}"]
    return [*spoken, "more-press-8"] if len(sheets) > 1 else spoken
