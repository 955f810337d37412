"""What follows from what happened in a call (通话的后续): tickets, wrap-up, released telephones, news for the pages.

Reads ledger lines as the tracker makes them and writes none itself. What people order comes through `ivr.control` instead.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog

from ivr.asterisk.ami import ActionRefused, TelephonyDown, hang_up_if_there
from ivr.events import AgentChanged, BoardChanged
from ivr.tracking.live_call import LedgerLine, LiveCall
from recordings import ledger

if TYPE_CHECKING:
    from ivr.controller import Controller, ControllerDeps

log = structlog.get_logger()
HAND_BACK_KEYS = "*0"
"""What a liaison presses, on any telephone, to give the caller back to the operator."""


class Reactions:
    def __init__(self, controller: "Controller", deps: "ControllerDeps") -> None:
        self._controller = controller
        self._deps = deps
        self._by_kind: Mapping[str, Callable[[LedgerLine, LiveCall], None]] = {
            ledger.ARRIVED: self._arrived,
            ledger.ANSWERED: self._answered,
            ledger.TRANSFER_ANSWERED: self._unit_answered,
            ledger.TRANSFER_FAILED: self._transfer_failed,
            ledger.PARTY_LEFT: self._party_left,
            ledger.BRIDGED: self._bridged,
            ledger.ENDED: self._ended,
        }

    def to(self, lines: list[LedgerLine], before: LiveCall | None) -> None:
        """React to new ledger lines. `before` is their call as it was known until now: they may have ended it."""
        for line in lines:
            call = self._controller.tracker.calls.get(line.linkedid) or before
            if call is not None and (react := self._by_kind.get(line.kind)):
                react(line, call)
        self._tell_pages(before, lines)

    def to_key(self, call: LiveCall, uniqueid: str, key: str) -> None:
        """React to a key of somebody (channel `uniqueid`) who talks to the caller."""
        leg = call.legs.get(uniqueid)
        if leg is None or leg.party is None:
            return
        leg.keys = (leg.keys + key)[-len(HAND_BACK_KEYS) :]
        if leg.keys == HAND_BACK_KEYS and leg.answered_at and self._controller.on_hand_back:
            self._controller.job(self._controller.on_hand_back(call, leg), "hand-back")

    # --- by kind of line ----------------------------------------------------------------------------------------

    def _arrived(self, _: LedgerLine, call: LiveCall) -> None:
        self._controller.caller_of(call)

    def _answered(self, line: LedgerLine, call: LiveCall) -> None:
        """An operator, or the citizen whom an operator has called; a liaison's answer is `_unit_answered`'s."""
        if line.data["role"] == "operator":
            self._operator_answered(line, call)
        elif line.data["role"] == "citizen":
            self._controller.caller_of(call)
            answered = self._deps.on_answered(self._controller, call, call.operator)
            self._controller.job(answered, "citizen-answered")

    def _operator_answered(self, line: LedgerLine, call: LiveCall) -> None:
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

    def _unit_answered(self, line: LedgerLine, call: LiveCall) -> None:
        controller, caller = self._controller, self._controller.caller_of(call)
        caller.liaison_id, caller.failed_unit_id = line.data.get("user"), None
        facts = {"liaison_id": line.data.get("user"), "liaison_unit_id": line.data["unit"]}
        controller.journal.set_facts(call.linkedid, **facts)
        caller.opening = controller.job(self._deps.on_liaison(controller, call), "liaison-answered")

    def _transfer_failed(self, line: LedgerLine, call: LiveCall) -> None:
        caller = self._controller.caller_of(call)
        caller.failed_unit_id, caller.tried = line.data["unit"], line.data["tried"]
        self._controller.job(self._deps.on_transfer_failed(caller), "transfer-failed")

    def _bridged(self, line: LedgerLine, call: LiveCall) -> None:
        self._controller.partner_changed(call, line.channel)

    def _party_left(self, line: LedgerLine, call: LiveCall) -> None:
        controller = self._controller
        if _is_consulting(call, line.data["extension"]):
            controller.job(self._send(call, "back-to-operator"), "fetch-operator")
        if _is_cut_off(line, call):
            call.is_lost = True
            controller.job(self._fetch_somebody(line, call), "partner-lost")
        if seat := controller.board.seat_of(line.data["extension"]):
            seat.last_call = call
            controller.job(controller.seats.wrap_up(seat, call.linkedid), "wrap-up")

    def _ended(self, _: LedgerLine, call: LiveCall) -> None:
        self._controller.partner_changed(call, "")
        self._end_legs(call)
        self._controller.job(self._controller.finish(call), "call-end")

    # --- pieces -------------------------------------------------------------------------------------------------

    def _end_legs(self, call: LiveCall) -> None:
        """The caller has hung up: operators go to wrap-up, and every telephone that talks or still rings is released."""
        controller = self._controller
        for leg in call.legs.values():
            if leg.answered_at and (seat := controller.board.seat_of(leg.extension)):
                seat.last_call = call
                controller.job(controller.seats.wrap_up(seat, call.linkedid), "wrap-up")
            controller.job(hang_up_if_there(controller.ami, leg.name), "release-leg")

    async def _fetch_somebody(self, line: LedgerLine, call: LiveCall) -> None:
        """A caller cut off from an operator comes first in the queue, one cut off from a liaison to the same operator (M-12, M-24)."""
        if line.data["extension"] == call.operator:
            await self._send(call, "lost")
            return
        seat = self._controller.board.seat_of(call.operator)
        await self._send(call, "liaison-lost", DEVICE=seat.device if seat else "")

    async def _send(self, call: LiveCall, context: str, **variables: str) -> None:
        """Move the caller to a place in the dialplan; they may have hung up as well."""
        ami = self._controller.ami
        try:
            for name, value in variables.items():
                await ami.action("Setvar", Channel=call.channel, Variable=name, Value=value)
            await ami.action("Redirect", Channel=call.channel, Context=context, Exten="s", Priority=1)
        except (ActionRefused, TelephonyDown):
            log.info("caller_gone_too", linkedid=call.linkedid)

    def _tell_pages(self, before: LiveCall | None, lines: list[LedgerLine]) -> None:
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


def _is_consulting(call: LiveCall, extension: str) -> bool:
    """Whether this telephone has the caller on hold for a consultation that is not being completed."""
    transfer = call.transfer
    if transfer is None or transfer.completing:
        return False
    return transfer.mode == "attended" and transfer.by == extension


def _is_cut_off(left: LedgerLine, call: LiveCall) -> bool:
    """Whether the telephone that talked to the caller was lost, not hung up, so that the caller is alone now."""
    is_partners = left.data["extension"] in {call.operator, call.liaison} - {""}
    is_alone = call.direction == "in" and call.transfer is None and not call.has_partner
    return left.data["cause"] in ledger.LOST and is_partners and is_alone
