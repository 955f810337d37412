"""Every caller whom the controller leads at this moment (正在进行的会话): dialogues begun, fed with keys and answers, ended.

Owns which channels are in AsyncAGI and the job that leads each of them through the menus. What is said there is
`ivr.flow.session`'s; one caller's exchange of commands and keys is `ivr.menus.dialogue`'s.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from ivr.asterisk.ami import TelephonyDown
from ivr.asterisk.ami_protocol import Fields
from ivr.events import BoardChanged
from ivr.flow.context import Caller
from ivr.flow.session import RECORDED, Session
from ivr.menus.dialogue import CallerGone, Dialogue
from ivr.tracking import transfer_story
from ivr.tracking.live_call import LiveCall

if TYPE_CHECKING:
    from ivr.controller import Controller, ControllerDeps

log = structlog.get_logger()
LAST_WORDS_LIMIT_S = 30.0
"""How long the record of a call that has ended waits for its unfinished message to be handed in."""
OPENING_LIMIT_S = 3.0
"""How long a caller after a very short talk waits for the ticket whose code is to be spoken."""
CLEARING_LIMIT_S = 1.0
CLEARING_LOOK_S = 0.01


class Dialogues:
    def __init__(self, controller: "Controller", deps: "ControllerDeps") -> None:
        self._controller = controller
        self._deps = deps
        self.running: dict[str, Dialogue] = {}
        """By the uniqueid of the caller's channel."""
        self._jobs: dict[str, asyncio.Task[Any]] = {}
        """The job of each call's last dialogue, by linkedid."""

    # --- events -------------------------------------------------------------------------------------------------

    def begin(self, event: Fields) -> None:
        """The dialplan has handed a caller over (`AsyncAGIStart`)."""
        if not all(event.get(name) for name in ("Channel", "Uniqueid", "Linkedid")):
            return
        dialogue = Dialogue(self._controller.ami, event)
        call = self._controller.tracker.calls.get(dialogue.linkedid)
        if call is None:
            log.warning("dialogue_of_unknown_call", linkedid=dialogue.linkedid)
            return
        if (before := self.running.get(dialogue.uniqueid)) and before.is_away:
            if dialogue.stage == RECORDED:
                before.come_back()
                return
            before.leave()
        self.running[dialogue.uniqueid] = dialogue
        dialogue.rest()
        self._controller.partner_changed(call, "")
        call.phase = "menu" if not call.answered_at else "after_talk"
        job = self._controller.job(self._lead(dialogue, call), f"dialogue-{dialogue.uniqueid}")
        self._jobs[dialogue.linkedid] = job
        self._deps.bus.deliver(BoardChanged())

    def command_done(self, event: Fields) -> None:
        """Asterisk has carried out a command (`AsyncAGIExec`)."""
        command_id = event.get("CommandId", "") or event.get("CommandID", "")
        if dialogue := self.running.get(command_id.partition("/")[0]):
            dialogue.answer(command_id, event.get("Result", ""))

    def ended(self, event: Fields) -> None:
        """The channel is out of AsyncAGI (`AsyncAGIEnd`); one that records a message comes back to the same dialogue."""
        dialogue = self.running.get(event.get("Uniqueid", ""))
        if dialogue and not dialogue.is_away:
            del self.running[dialogue.uniqueid]
            dialogue.leave()

    def key_down(self, uniqueid: str, key: str) -> None:
        if dialogue := self.running.get(uniqueid):
            dialogue.key_down(key)

    def key_up(self, uniqueid: str, key: str) -> bool:
        """False: the channel is in no dialogue, so that the key is none of the menus'."""
        dialogue = self.running.get(uniqueid)
        if dialogue:
            dialogue.key_up(key)
        return dialogue is not None

    def connection_lost(self) -> None:
        """The callers may still be there, but nobody can lead them."""
        for dialogue in self.running.values():
            dialogue.cut()
        self.running.clear()

    async def call_over(self, linkedid: str) -> None:
        """The caller has hung up: end the dialogue, and wait while it hands in the message over which they did."""
        if dialogue := self.running.pop(linkedid, None):
            dialogue.leave()
        job = self._jobs.pop(linkedid, None)
        if job and not job.done():
            await asyncio.wait({job}, timeout=LAST_WORDS_LIMIT_S)

    # --- one dialogue -------------------------------------------------------------------------------------------

    async def _lead(self, dialogue: Dialogue, call: LiveCall) -> None:
        """Through the menus from the stage at which the dialplan handed the caller over."""
        caller = self._controller.caller_of(call)
        if call.transfer or dialogue.stage == "after":
            await _legs_cleared(call)
        if dialogue.stage == "after" and call.is_lost:
            return  # not hung up upon: somebody else is being fetched (`ivr.reactions`)
        if call.transfer:
            self._controller.journal.add(*transfer_story.failed(call, self._deps.clock.now()))
            call.transfer = None
        if dialogue.stage == "after" and caller.opening and self._deps.flow.db.answers:
            await asyncio.wait({caller.opening}, timeout=OPENING_LIMIT_S)
        await self._walk(dialogue, call, caller)

    async def _walk(self, dialogue: Dialogue, call: LiveCall, caller: Caller) -> None:
        note = partial(self._controller.note, call)
        sound = partial(self._deps.sound, line=caller.line.number)
        session = Session(self._deps.flow, self._deps.menus, caller, dialogue, sound, note)
        try:
            await session.run(dialogue.stage)
        except (CallerGone, TelephonyDown):
            log.info("dialogue_cut", linkedid=call.linkedid)
        except Exception:
            log.exception("dialogue_failed", linkedid=call.linkedid, node=call.node)
            await self._to_operator(dialogue)

    async def _to_operator(self, dialogue: Dialogue) -> None:
        """Our mistake is not the caller's: a person takes over."""
        try:
            await dialogue.leave_to("operators")
        except (CallerGone, TelephonyDown):
            log.info("dialogue_cut", linkedid=dialogue.linkedid)


async def _legs_cleared(call: LiveCall) -> None:
    """Wait until the telephones that did not answer, or have left the talk, have told why.

    Asterisk reports a hang-up, with its cause, once the channel is cleared away; by then the caller may be two steps further.
    """
    for _ in range(int(CLEARING_LIMIT_S / CLEARING_LOOK_S)):
        if not any(leg.failed or (leg.answered_at and not leg.bridge) for leg in call.legs.values()):
            return
        await asyncio.sleep(CLEARING_LOOK_S)
    log.warning("leg_not_cleared", linkedid=call.linkedid)
