"""Transfers (转接): blind, attended, three-way, onward by a liaison, and back.

Here are the orders as people give them. Who of a unit is rung, in which order, is `ivr.talks.directory`'s; that they answer
or do not is noticed by the tracker (`ivr.tracking.transfer_story`).
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from core.clock import Clock
from core.db import Database
from core.errors import Conflict
from ivr.asterisk.ami import ActionRefused
from ivr.board import Seat
from ivr.controller import Controller
from ivr.settings import TelephonySettings
from ivr.talks import directory
from ivr.talks.directory import Target, UnitUnreachable, begin_transfer
from ivr.talks.steps import NoCall, Steps
from ivr.tracking.live_call import Leg, LiveCall
from recordings import ledger

log = structlog.get_logger()
JOIN_LIMIT_S = 5.0
JOIN_LOOK_S = 0.02


class PracticeLeads(Conflict):
    """A practice call never reaches a real unit."""

    code = "practice_call"
    text = "这是练习来电，不会转给真实的单位；请在工单里选择应转的单位并写明问题。"


class Transfers(Steps):
    def __init__(
        self, controller: Controller, db: Database, clock: Clock, settings: TelephonySettings
    ) -> None:
        super().__init__(controller, db, clock, settings)
        controller.on_hand_back = self.hand_back_from

    # --- by the operator ----------------------------------------------------------------------------------------

    async def blind_transfer(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        """The caller goes to the department; nobody there: back to this operator (M-24)."""
        call, _, seat = self._real_talk(user_id)
        target = await self._target(unit_id, liaison_id)
        self._begin(call, target, "blind", by=seat.extension, back_to=seat.extension)
        await self._to_department(call, target, DEVICE=seat.device)

    async def consult(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        """The caller hears music, the operator's own channel rings the liaison."""
        call, leg, seat = self._real_talk(user_id)
        target = await self._target(unit_id, liaison_id)
        self._begin(call, target, "attended", by=seat.extension, back_to=seat.extension)
        await self._release([other for other in call.legs.values() if other is not leg and other.answered_at])
        await self._set(call.channel, DEVICE=seat.device)
        await self._set(leg.name, LADDER=self._ladder(target))
        await self._hush(call)
        await self._ami.action(
            "Redirect", Channel=call.channel, Context="caller-hold", Exten="s", Priority=1,
            ExtraChannel=leg.name, ExtraContext="consult", ExtraExten="s", ExtraPriority=1,
        )  # fmt: skip

    async def complete_transfer(self, user_id: int) -> None:
        """Join caller and liaison; the operator goes to wrap-up. While the liaison still rings, the caller waits for them instead."""
        call, leg, seat = self._consulting(user_id)
        transfer = call.transfer
        assert transfer is not None
        partner = call.leg_of(transfer.answered_by) if transfer.answered_by else None
        self._choose_unit(call, transfer.unit_id)
        transfer.completing = True
        if partner is None:
            await self._complete_ringing(call, leg, seat)
            return
        await self._set(call.channel, DEVICE=seat.device, PARTNER=partner.name)
        await self._redirect(call, "join")
        await self._until_with_liaison(call)
        await self._hang_up_quietly(leg)

    def _real_talk(self, user_id: int) -> tuple[LiveCall, Leg, Seat]:
        """The operator's talk with a citizen; raises PracticeLeads for a sample caller."""
        found = self._talk(user_id)
        if found[0].is_practice:
            raise PracticeLeads
        return found

    async def _complete_ringing(self, call: LiveCall, leg: Leg, seat: Seat) -> None:
        """The consultation becomes a blind transfer, which goes on from the person that it has reached."""
        transfer = call.transfer
        assert transfer is not None
        target = await self._target(transfer.unit_id, None)
        reached = min(len(transfer.tried), len(target.rungs) - 1)
        transfer.mode, transfer.phase = "blind", "ringing"
        await self._hang_up_quietly(leg)
        await self._to_department(call, replace(target, rungs=target.rungs[reached:]), DEVICE=seat.device)

    async def three_way(self, user_id: int) -> None:
        """The caller comes into the consultation: all three talk (三方通话); each may leave, the others go on."""
        call, leg, seat = self._consulting(user_id)
        transfer = call.transfer
        partner = call.leg_of(transfer.answered_by) if transfer and transfer.answered_by else None
        if transfer is None or partner is None:
            raise NoCall
        self._choose_unit(call, transfer.unit_id)
        transfer.mode = "three_way"
        await self._set(call.channel, DEVICE=seat.device)
        await self._ami.action(
            "Redirect", Channel=leg.name, Context="three-way", Exten="partner", Priority=1,
            ExtraChannel=partner.name, ExtraContext="three-way", ExtraExten="partner", ExtraPriority=1,
        )  # fmt: skip
        await self._redirect(call, "three-way", exten="caller")

    async def _until_with_liaison(self, call: LiveCall) -> None:
        """Wait for the join: the liaison is a leg of the operator's Dial until then, and would be hung up together with it."""
        for _ in range(int(JOIN_LIMIT_S / JOIN_LOOK_S)):
            if call.phase == "liaison" or call.ended_at:
                return
            await asyncio.sleep(JOIN_LOOK_S)
        log.warning("join_slow", linkedid=call.linkedid)

    async def cancel_consult(self, user_id: int) -> None:
        """Back to the caller; the liaison's leg ends."""
        call, leg, seat = self._consulting(user_id)
        transfer, call.transfer = call.transfer, None
        if transfer and transfer.phase != "failed":
            about: dict[str, Any] = {
                "mode": transfer.mode,
                "unit": transfer.unit_id,
                "tried": list(transfer.tried),
            }
            self._controller.note(call, ledger.TRANSFER_FAILED, why="cancelled", **about)
        await self._end_recording(leg)
        await self._set(call.channel, DEVICE=seat.device, PARTNER=leg.name)
        await self._redirect(call, "join")
        self._controller.changed(user_id)

    async def _end_recording(self, leg: Leg) -> None:
        """End the consultation's recording, which is on the operator's channel and would go on recording the caller."""
        with suppress(ActionRefused):  # the dialplan has ended it when nobody of the unit answered
            await self._ami.action("StopMixMonitor", Channel=leg.name)

    # --- by the liaison -----------------------------------------------------------------------------------------

    async def hand_back(self, user_id: int) -> None:
        """Not this unit's matter: the caller goes back to the operator, or to the queue when there is none (mission §5.3-2)."""
        call, leg = self._liaison_talk(user_id)
        await self.hand_back_from(call, leg)

    async def hand_back_from(self, call: LiveCall, leg: Leg) -> None:
        """As `hand_back`, for a liaison known by the leg alone (keys on an outside telephone)."""
        unit_id = (caller := self._controller.callers.get(call.linkedid)) and caller.unit_id
        self._controller.note(call, ledger.HANDED_BACK, unit=unit_id, **leg.about())
        if call.phase != "three_way":
            call.handed_back = True
            await self._redirect(call, "back-to-operator")
        await self._hang_up_quietly(leg)

    async def pass_on(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        """The caller goes on to another liaison, of this unit or another; nobody there: back to the operator."""
        call, leg = self._liaison_talk(user_id)
        target = await self._target(unit_id, liaison_id)
        rungs = tuple(rung for rung in target.rungs if rung.user_id != user_id)
        if not rungs:
            raise UnitUnreachable(unit=target.unit_name)
        target = replace(target, rungs=rungs)
        self._begin(call, target, "onward", by=leg.extension, back_to=call.operator)
        await self._to_department(call, target)
        await self._hang_up_quietly(leg)

    def _liaison_talk(self, user_id: int) -> tuple[LiveCall, Leg]:
        """The talk in which this person answers for a unit; NoCall without one."""
        person = self._seats.staff.get(user_id)
        call = self.board.tracker.call_by_extension(person.extension) if person else None
        leg = call.leg_of(person.extension) if call and person else None
        if call is None or leg is None or not leg.answered_at or call.liaison != leg.extension:
            raise NoCall
        return call, leg

    # --- pieces -------------------------------------------------------------------------------------------------

    def _consulting(self, user_id: int) -> tuple[LiveCall, Leg, Seat]:
        """The operator's talk, for whose caller a unit is being consulted; NoCall without one."""
        call, leg, seat = self._talk(user_id)
        if call.transfer is None or call.transfer.mode != "attended":
            raise NoCall
        return call, leg, seat

    async def _target(self, unit_id: int, liaison_id: int | None) -> Target:
        now, registered = self._clock.now(), frozenset(self.board.registered)
        async with self._db.reading() as session:
            return await directory.target(session, unit_id, now, liaison_id=liaison_id, registered=registered)

    def _begin(self, call: LiveCall, target: Target, mode: str, *, by: str, back_to: str) -> None:
        def note(kind: str, **data: Any) -> None:
            self._controller.note(call, kind, **data)

        begin_transfer(call, target, mode=mode, by=by, back_to=back_to, note=note)
        self._choose_unit(call, target.unit_id)
        seat = self.board.seat_of(by)
        self._controller.changed(seat.user_id if seat else None)

    async def _to_department(self, call: LiveCall, target: Target, **variables: object) -> None:
        others = [leg for leg in call.legs.values() if leg.answered_at]
        await self._send(
            call, "to-department", LADDER=self._ladder(target), UNIT_SOUNDS=self._announcement(target),
            UNIT=target.unit_id, **variables,
        )  # fmt: skip
        await self._release(others)

    async def _release(self, legs: list[Leg]) -> None:
        """Hang up the telephones that the caller has left: in a conference they would go on talking to one another."""
        for leg in legs:
            await self._hang_up_quietly(leg)

    def _choose_unit(self, call: LiveCall, unit_id: int) -> None:
        """Remember the unit last asked or put through to: the survey and the desk name it."""
        if caller := self._controller.callers.get(call.linkedid):
            caller.unit_id = unit_id
        if notes := self.board.notes.get(call.linkedid):
            notes.unit_id = unit_id

    def _ladder(self, target: Target) -> str:
        return target.ladder(self._settings.calls, self._controller.sound)

    def _announcement(self, target: Target) -> str:
        """正在为您转接…，请稍候: the caller hears who is being tried."""
        sound = self._controller.sound
        return "&".join(sound(prompt) for prompt in ("transferring-to", target.prompt, "please-wait"))
