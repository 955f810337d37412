"""After each connection to Asterisk (重新同步): what lives there, and what happened while nobody watched.

Asterisk's answer is the truth: calls that live are taken up, those that vanished are told to their end, seats and telephones
are asked for again. What happened meanwhile comes from `ivr.outages.recall`; where nothing tells it, it stays unknown ("unseen").
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from core.db import is_away
from ivr.asterisk.ami import ActionRefused, value_of
from ivr.asterisk.ami_protocol import Fields
from ivr.events import BoardChanged
from ivr.outages.recall import Recalled
from ivr.tracking.live_call import LiveCall

if TYPE_CHECKING:
    from ivr.controller import Controller, ControllerDeps

log = structlog.get_logger()
_IN_DIALOGUE = ("AGI", "Read")
"""What a caller's channel runs while a controller drives it."""
STORED_LIMIT_S = 3.0
"""How long the ledger may take to store what waits; callers in a menu wait for it."""


class Resync:
    """One run for one connection."""

    def __init__(self, controller: "Controller", deps: "ControllerDeps") -> None:
        self._controller = controller
        self._deps = deps
        self._ami = controller.ami
        self._tracker = controller.tracker
        self._is_remembered = False
        """Whether the database could be asked which calls it has."""

    async def run(self) -> None:
        """Raises ActionRefused while Asterisk, which answers before it is all there, does not know an action yet."""
        controller = self._controller
        began = await self._began()
        has_died = controller.asterisk_began not in ("", began)
        await controller.telephones.resync()
        await controller.seats.resync()
        known = list(self._tracker.calls.values())
        rows = await self._ami.listing("CoreShowChannels")
        alive = {row.get("Uniqueid", "") for row in rows}
        lost = [call for call in known if call.linkedid not in alive]
        lines = {row["Uniqueid"]: await self._variable(row, "LINE") for row in rows if _is_callers(row)}
        told = await self._recall(
            [*(call.linkedid for call in lost), *(key for key, line in lines.items() if line)]
        )
        for call in lost:
            self._vanished(call, told.get(call.linkedid), has_died=has_died)
        self._adopt_calls(rows, lines, told)
        await self._adopt_variables(rows)
        if controller.supervision:
            await controller.supervision.look_for_lost(rows)
        await self._adopt_dialogues()
        controller.asterisk_began, controller.in_step = began, True
        self._deps.bus.deliver(BoardChanged())

    async def _began(self) -> str:
        """When this Asterisk was started."""
        status = await self._ami.action("CoreStatus")
        return f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"

    async def _recall(self, linkedids: list[str]) -> Mapping[str, Recalled]:
        """What waits for the database would be told twice: with one that is away nothing is recalled."""
        journal = self._controller.journal
        try:
            async with asyncio.timeout(STORED_LIMIT_S if self._deps.flow.db.answers else 0):
                await journal.stored()
                await journal.remember(linkedids)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("calls_not_recalled", calls=len(linkedids))
            return {}
        self._is_remembered = True
        return await self._deps.recall(linkedids)

    # --- calls that are over --------------------------------------------------------------------------------------

    def _vanished(self, call: LiveCall, told: Recalled | None, *, has_died: bool) -> None:
        """The call ended unseen: as Asterisk tells it, or at this moment when it does not."""
        if call.linkedid not in self._tracker.calls:
            return
        if told and told.call.ended_at:
            self._take_up(told)
            return
        call.is_lost = has_died
        end = {"Event": "Hangup", "Uniqueid": call.linkedid, "Cause": "unseen"}
        self._controller.happened(self._tracker.handle(end, self._deps.clock.now()), call)

    # --- calls that live ------------------------------------------------------------------------------------------

    def _adopt_calls(self, rows: list[Fields], lines: dict[str, str], told: Mapping[str, Recalled]) -> None:
        """Calls that arrived while nobody watched get their record now; those of an earlier controller have one."""
        for row in sorted(rows, key=_is_callers, reverse=True):
            uniqueid = row.get("Uniqueid", "")
            line = lines.get(uniqueid)
            if line == "":
                continue  # not a call to the hotline: telephones of the staff, whispers
            if line and uniqueid in told:
                self._take_up(told[uniqueid])
            else:
                self._adopt(row, line or "")

    def _take_up(self, told: Recalled) -> None:
        """Go on where the call is now; what the ledger lacks is told first, and what follows from it is done."""
        controller, call = self._controller, told.call
        self._tracker.replace(call)
        caller = controller.caller_of(call)
        told.remind(caller, controller.board.notes[call.linkedid])
        controller.happened(told.lacking, call)
        if call.operator and not caller.ticket_no and not caller.opening:
            opening = self._deps.on_answered(controller, call, call.operator)
            caller.opening = controller.job(opening, "answered")

    def _adopt(self, row: Fields, line: str) -> None:
        arrived = self._tracker.adopt({**row, "Exten": line}, self._deps.clock.now())
        if arrived:
            call = self._tracker.calls[arrived[0].linkedid]
            self._controller.caller_of(call)
            call.is_partly_known = not self._is_remembered or self._controller.journal.knows(call.linkedid)
            if not call.is_partly_known:
                self._controller.journal.add(*arrived)

    async def _adopt_variables(self, rows: list[Fields]) -> None:
        """What is on the caller's channel alone: the language chosen, and the query code, on record as a hash, that is to be spoken."""
        controller = self._controller
        for row in rows:
            caller = controller.callers.get(row.get("Uniqueid", ""))
            if caller is None:
                continue
            language = caller.call.language = await self._variable(row, "SKILL")
            caller.chose_language = caller.chose_language or bool(language)
            if (caller.call.answered_at or caller.ticket_no) and not caller.query_code:
                caller.query_code = await self._variable(row, "QUERY_CODE")
                controller.board.notes[caller.linkedid].query_code = caller.query_code

    async def _adopt_dialogues(self) -> None:
        """Callers who are left to a controller that is gone begin anew, at the menu or after their talk.

        They go into AsyncAGI once more, for what they listen to there, and the wait for a key after it, was begun by that one. Asked
        for again: who has come since the calls were listed was told of when the call was not known yet.
        """
        for row in await self._ami.listing("CoreShowChannels"):
            is_left = row.get("Context") == "hotline" and row.get("Application") in _IN_DIALOGUE
            if is_left and row.get("Uniqueid", "") not in self._controller.dialogues.running:
                with suppress(ActionRefused):  # the caller has hung up
                    await self._ami.action(
                        "Redirect",
                        Channel=row.get("Channel", ""),
                        Context="hotline",
                        Exten="s",
                        Priority="driven",
                    )

    async def _variable(self, row: Fields, name: str) -> str:
        """A variable of a listed channel; empty when it has none, or has ended."""
        return await value_of(self._ami, name, row.get("Channel", ""))


def _is_callers(row: Fields) -> bool:
    """Whether a channel is the one its call began with."""
    return row.get("Uniqueid") == row.get("Linkedid")
