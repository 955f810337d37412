"""One caller in the menus (一次会话): joins the walk through the tree with the branches that do the work at its nodes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.units import ConnectionState
from ivr.asterisk.ami import TelephonyDown
from ivr.flow.after import After
from ivr.flow.codes import Codes
from ivr.flow.context import Branch, Caller, FlowDeps, Handler
from ivr.flow.departments import Departments
from ivr.flow.finances import Finances
from ivr.flow.messages import NODES, Messages
from ivr.menus.dialogue import CallerGone, Dialogue
from ivr.menus.menu import Menus, Record, Say
from ivr.menus.walk import Item, Walk

STAGES = {
    "welcome": "",
    "after": "TALKED",
    "overflow": "OP-NONE",
    "voicemail": "VM-REC",
    "keep-place": "KEEP",
    "transfer-failed": "TRANSFER-FAILED",
}
"""Where the walk begins for each STAGE that the dialplan hands over; empty: the tree's start."""
RECORDED = "recorded"
"""The STAGE of a caller who has spoken a message to the dialplan."""


class Session:
    def __init__(
        self,
        deps: FlowDeps,
        menus: Menus,
        caller: Caller,
        dialogue: Dialogue,
        sound: Callable[[str], str],
        note: Callable[..., None],
    ) -> None:
        self.slots: dict[str, Any] = {}
        parts = (deps, caller, dialogue, self.slots, note, sound)
        self._departments = Departments(*parts)
        self._messages = Messages(*parts)
        self._after = After(*parts)
        self._finances = Finances(*parts)
        branches: tuple[Branch, ...] = (
            self._departments,
            self._messages,
            self._after,
            self._finances,
            Codes(*parts),
        )
        self._handlers: dict[str, Handler] = {}
        for branch in branches:
            self._handlers.update(branch.handlers())
        self._menus = menus
        self._dialogue = dialogue
        self._parts = (dialogue, self, sound, note)
        self._deps = deps
        self._line = caller.line

    async def run(self, stage: str) -> None:
        """Walk from the node of this stage; whatever the caller leaves unfinished by hanging up is handed in."""
        if stage == "overflow" and self._after.caller.call.is_lost:
            stage = (
                "after"  # cut off in mid-talk and nobody else there: they hear the code, and are owed a call
            )
        node = STAGES.get(stage) or self._menus.start
        if stage == "after":
            self._after.fill_code()
        walk = Walk(await self._menus_of_line(), *self._parts, limit_s=self._deps.calls.menu_limit_s)
        try:
            await walk.run(await self._after_message() if stage == RECORDED else node)
        except CallerGone:
            await self._messages.hand_in()
            await self._after.not_rated()
        except TelephonyDown:  # perhaps the caller is still there, so the message is not finished
            await self._after.not_rated()
            raise

    async def _after_message(self) -> str:
        """The node after a message that was begun by a controller that is gone, or by the dialplan alone."""
        kind, is_kept = await self._messages.resume()
        if not is_kept and self._messages.caller.ticket_no:
            return STAGES["after"]  # it was handed in already
        recorder = self._menus[NODES[kind]]
        assert isinstance(recorder, Record)
        return recorder.next if is_kept else recorder.id

    async def _menus_of_line(self) -> Menus:
        """The tree with the line's own welcome and the node its callers come to after it (M-04)."""
        line, welcome = self._line, self._menus[self._menus.start]
        is_trial = line.state == ConnectionState.TRIAL
        if not isinstance(welcome, Say) or not (line.greeting or line.menu or is_trial):
            return self._menus
        greeting = tuple(await self._deps.say(line.greeting)) if line.greeting else welcome.play
        greeting += ("line-trial",) if is_trial else ()  # M-07 「开通试运行」
        follows = line.menu if line.menu in self._menus.nodes else welcome.next
        own = replace(welcome, play=greeting, next=follows)
        return replace(self._menus, nodes={**self._menus.nodes, welcome.id: own})

    # --- what the walk asks for (`ivr.menus.walk.Handlers`) -----------------------------------------------------

    def __getitem__(self, name: str) -> Handler:
        return self._handlers[name]

    async def chosen(self, handler: str, item: Item) -> None:
        if handler in ("counties", "townships"):
            self._departments.region = item.value
        elif handler in ("finance_places", "finance_units"):
            self._finances.picked(item.value)
        elif handler == "languages":
            await self._departments.picked_language(item.value)
        elif handler == "subjects":
            await self._departments.picked_subject(*item.value)
        else:
            await self._departments.picked_answer(item.value)

    async def record(self, node: Record) -> bool:
        return await self._messages.record(node)

    async def before(self, node_id: str) -> None:
        """A message is handed in before its code is spoken; stage and code on the channel survive a restart of this process."""
        if node_id in ("C-SAVED", "VM-SAVED"):
            await self._messages.hand_in()
            if self._after.fill_code():
                await self._dialogue.keep(STAGE="after", QUERY_CODE=self._after.caller.query_code)
