"""What follows from what happened in a call (通话的后续): tickets, wrap-up, released telephones, news for the pages.

Reads ledger lines as the tracker makes them; it writes none. The orders of people come through `ivr.control`.
"""

from typing import TYPE_CHECKING

import structlog

from ivr.asterisk.ami import ActionRefused, TelephonyDown, hang_up_if_there
from ivr.events import AgentChanged, BoardChanged
from ivr.tracking.live_call import Line, LiveCall
from recordings import ledger

if TYPE_CHECKING:
    from ivr.controller import Controller, ControllerDeps

log = structlog.get_logger()
HAND_BACK = "*0"
"""A liaison's keys, on any telephone: the caller goes back to the operator."""


class Reactions:
    def __init__(self, controller: "Controller", deps: "ControllerDeps") -> None:
        self._controller = controller
        self._deps = deps

    def to(self, lines: list[Line], before: LiveCall | None) -> None:
        """`before` is the call as it was known before these lines, should they have ended it."""
        for line in lines:
            call = self._controller.tracker.calls.get(line.linkedid) or before
            if call is not None:
                self._follow(line, call)
        self._tell_seats(before, lines)

    def to_key(self, call: LiveCall, uniqueid: str, key: str) -> None:
        """A key of somebody who talks to the caller."""
        leg = call.legs.get(uniqueid)
        if leg is None or leg.party is None:
            return
        leg.keys = (leg.keys + key)[-len(HAND_BACK) :]
        if leg.keys == HAND_BACK and leg.answered_at and self._controller.on_hand_back:
            self._controller.job(self._controller.on_hand_back(call, leg), "hand-back")

    def _follow(self, line: Line, call: LiveCall) -> None:
        controller = self._controller
        if line.kind == ledger.ARRIVED:
            controller.caller_of(call)
        elif line.kind == ledger.ANSWERED and line.data["role"] == "operator":
            self._operator_answered(line, call)
        elif line.kind == ledger.ANSWERED and line.data["role"] == "citizen":
            controller.caller_of(call)
            controller.job(self._deps.on_answered(controller, call, call.operator), "citizen-answered")
        elif line.kind == ledger.TRANSFER_ANSWERED:
            self._unit_answered(line, call)
        elif line.kind == ledger.TRANSFER_FAILED:
            caller = controller.caller_of(call)
            caller.failed_unit_id, caller.tried = line.data["unit"], line.data["tried"]
            controller.job(self._deps.on_transfer_failed(caller), "transfer-failed")
        elif line.kind == ledger.PARTY_LEFT:
            self._leg_over(line, call)
        elif line.kind == ledger.BRIDGED:
            controller.tell_talk(call, line.channel)
        elif line.kind == ledger.ENDED:
            controller.tell_talk(call, "")
            self._end_legs(call)
            controller.job(controller.finish(call), "call-end")

    def _operator_answered(self, line: Line, call: LiveCall) -> None:
        controller, extension = self._controller, line.data["extension"]
        call.is_lost = False
        if seat := controller.board.seat_of(extension):
            seat.wrap_up_call = ""  # the caller came back: the talk goes on, its wrap-up has not begun
        user_id = controller.seats.user_ids().get(call.operator)
        controller.journal.set_facts(
            call.linkedid, answered_at=call.answered_at, queued_at=call.queued_at, operator_id=user_id
        )
        opening = controller.job(self._deps.on_answered(controller, call, extension), "answered")
        controller.caller_of(call).opening = opening

    def _unit_answered(self, line: Line, call: LiveCall) -> None:
        controller, caller = self._controller, self._controller.caller_of(call)
        caller.liaison_id, caller.failed_unit_id = line.data.get("user"), None
        facts = {"liaison_id": line.data.get("user"), "liaison_unit_id": line.data["unit"]}
        controller.journal.set_facts(call.linkedid, **facts)
        caller.opening = controller.job(self._deps.on_liaison(controller, call), "liaison-answered")

    def _leg_over(self, line: Line, call: LiveCall) -> None:
        controller, transfer = self._controller, call.transfer
        if (
            transfer
            and transfer.mode == "attended"
            and transfer.by == line.data["extension"]
            and not transfer.completing
        ):
            controller.job(self._send(call, "back-to-operator"), "fetch-operator")
        if self._is_cut_off(line, call):
            call.is_lost = True
            controller.job(self._fetch_somebody(line, call), "partner-lost")
        if seat := controller.board.seat_of(line.data["extension"]):
            seat.last_call = call
            controller.job(controller.seats.wrap_up(seat, call.linkedid), "wrap-up")

    def _end_legs(self, call: LiveCall) -> None:
        """The caller has left: nobody waits any more, the others are released."""
        controller = self._controller
        for leg in call.legs.values():
            if leg.answered_at and (seat := controller.board.seat_of(leg.extension)):
                seat.last_call = call
                controller.job(controller.seats.wrap_up(seat, call.linkedid), "wrap-up")
            controller.job(hang_up_if_there(controller.ami, leg.name), "release-leg")

    def _is_cut_off(self, line: Line, call: LiveCall) -> bool:
        """The telephone of whoever talked to the caller is lost, it was not hung up, and nobody else is there."""
        is_partners = line.data["extension"] in {call.operator, call.liaison} - {""}
        is_alone = call.direction == "in" and call.transfer is None and not call.has_partner
        return line.data["cause"] in ledger.LOST and is_partners and is_alone

    async def _fetch_somebody(self, line: Line, call: LiveCall) -> None:
        """An operator's caller is first in the queue, a liaison's is with the same operator again (M-12, M-24)."""
        if line.data["extension"] == call.operator:
            await self._send(call, "lost")
            return
        seat = self._controller.board.seat_of(call.operator)
        await self._send(call, "liaison-lost", DEVICE=seat.device if seat else "")

    async def _send(self, call: LiveCall, context: str, **variables: str) -> None:
        """The operator is gone and the caller is not: M-24."""
        ami = self._controller.ami
        try:
            for name, value in variables.items():
                await ami.action("Setvar", Channel=call.channel, Variable=name, Value=value)
            await ami.action("Redirect", Channel=call.channel, Context=context, Exten="s", Priority=1)
        except (ActionRefused, TelephonyDown):
            log.info("caller_gone_too", linkedid=call.linkedid)

    def _tell_seats(self, before: LiveCall | None, lines: list[Line]) -> None:
        controller = self._controller
        call = before or (controller.tracker.calls.get(lines[0].linkedid) if lines else None)
        extensions = {leg.extension for leg in call.legs.values()} if call else set()
        extensions |= {str(line.data["extension"]) for line in lines if "extension" in line.data}
        if call and call.operator:
            extensions.add(call.operator)
        for seat in list(controller.board.seats.values()):
            if seat.extension in extensions:
                self._deps.bus.deliver(AgentChanged(seat.user_id))
        self._deps.bus.deliver(BoardChanged())
