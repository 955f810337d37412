"""Tickets and recordings of a call (立单与归档): a ticket is opened when somebody answers, audio is archived when it is over.

Called by the controller at the call's milestones; the rules of tickets and archive are those rooms' own.
"""

from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from core.clock import Clock
from core.db import Database, until_stored
from ivr.asterisk.ami import ActionRefused, TelephonyDown
from ivr.controller import Controller
from ivr.flow.context import Caller
from ivr.speech import spoken
from ivr.tracking.live_call import LiveCall
from recordings import ledger
from recordings.intake import take_in
from recordings.models import RecordingKind
from recordings.settings import RecordingSettings
from tickets import service, transfers
from tickets.models import State, Ticket
from tickets.service import Issued

log = structlog.get_logger()


class Opening:
    def __init__(self, db: Database, clock: Clock, recordings: RecordingSettings) -> None:
        self._db = db
        self._clock = clock
        self._recordings = recordings

    async def answered(self, controller: Controller, call: LiveCall, extension: str) -> None:
        """An operator answered: the call's ticket exists from this moment, so its code can be spoken later (M-23)."""
        caller = controller.callers.get(call.linkedid)
        user_id = controller.seats.user_ids().get(extension)
        if caller is None or user_id is None:
            return
        if caller.ticket_id is not None:
            await self._answered_again(controller, call, extension, caller.ticket_id, user_id)
            return
        if call.is_practice and user_id not in controller.board.seats:
            return  # a liaison practises answering, not registering
        if call.direction == "in" and not call.is_practice:
            await self.say_staff_number(controller, call, extension)
        elif call.direction == "out" and controller.board.notes[call.linkedid].owed_call_id is None:
            return  # a call out belongs to the ticket it was made for
        call_id = await controller.journal.call_id(call.linkedid)
        issued = await until_stored(partial(self._open_for_call, call, caller, call_id, user_id))
        await self._issued(controller, call, caller, issued)
        controller.changed(user_id)

    async def _answered_again(
        self, controller: Controller, call: LiveCall, extension: str, ticket_id: int, user_id: int
    ) -> None:
        """The call has its ticket. Another operator than before gets it and is named to the caller; the same one changes nothing."""

        async def hand_over() -> bool:
            async with self._db.unit_of_work() as session:
                ticket = await session.get_one(Ticket, ticket_id)
                is_another = ticket.operator_id != user_id
                if is_another and ticket.state == State.NEW:
                    await service.change_hands(session, self._clock, ticket, user_id)
                return is_another

        if await until_stored(hand_over):
            await self.say_staff_number(controller, call, extension)
            controller.changed(user_id)

    async def _open_for_call(self, call: LiveCall, caller: Caller, call_id: int, user_id: int) -> Issued:
        async with self._db.unit_of_work() as session:
            return await service.open_for_call(
                session, self._clock, call_id=call_id, line=call.line, region_id=caller.region.id,
                caller_number=call.caller, operator_id=user_id, is_practice=call.is_practice,
            )  # fmt: skip

    async def say_staff_number(self, controller: Controller, call: LiveCall, extension: str) -> None:
        """Whisper 工号…为您服务 to the caller (mission §5.6 OP); where that fails the talk simply goes on without it."""
        person = next((one for one in controller.seats.staff.values() if one.extension == extension), None)
        if person is None or not person.staff_number:
            return
        sounds = "&".join(controller.sound(prompt) for prompt in spoken.staff_number(person.staff_number))
        call.whisper = f"{call.linkedid}-whisper"
        try:
            await controller.ami.action(
                "Originate", Channel="Local/speak@whisper/n", Context="whisper", Exten="listen", Priority=1,
                Async="true", Timeout=3000, Variable=[f"__SOUNDS={sounds}", f"__TARGET={call.channel}"],
                ChannelId=call.whisper, OtherChannelId=f"{call.whisper};2",
            )  # fmt: skip
        except (ActionRefused, TelephonyDown):
            log.info("staff_number_not_spoken", linkedid=call.linkedid)

    async def liaison_answered(self, controller: Controller, call: LiveCall) -> None:
        """A liaison answered a caller who came straight from the menu: open the unit's ticket, filled in afterwards (M-33)."""
        caller = controller.callers.get(call.linkedid)
        if caller is None or caller.ticket_no or caller.unit is None:
            return
        call_id = await controller.journal.call_id(call.linkedid)
        issued = await until_stored(partial(self._open_for_unit, call, caller, call_id, caller.unit.id))
        await self._issued(controller, call, caller, issued)

    async def _open_for_unit(self, call: LiveCall, caller: Caller, call_id: int, unit_id: int) -> Issued:
        async with self._db.unit_of_work() as session:
            return await service.open_for_unit(
                session, self._clock, call_id=call_id, line=call.line, region_id=caller.region.id,
                caller_number=call.caller, unit_id=unit_id, liaison_id=caller.liaison_id,
            )  # fmt: skip

    async def _issued(self, controller: Controller, call: LiveCall, caller: Caller, issued: Issued) -> None:
        """Let caller, board, ledger and the caller's channel know the new ticket and its query code."""
        caller.ticket_no, caller.query_code = issued.ticket.ticket_no, issued.query_code
        caller.ticket_id = issued.ticket.id
        notes = controller.board.notes[call.linkedid]
        notes.ticket_no, notes.query_code = caller.ticket_no, caller.query_code
        controller.note(call, ledger.TICKET, ticket_no=caller.ticket_no)
        if caller.tried:
            await self.transfer_failed(caller)
        try:  # on the channel the code survives a restart of this process
            await controller.ami.action(
                "Setvar", Channel=call.channel, Variable="QUERY_CODE", Value=issued.query_code
            )
        except (ActionRefused, TelephonyDown):
            log.info("code_not_kept_on_channel", linkedid=call.linkedid)

    async def transfer_failed(self, caller: Caller) -> None:
        """Write each attempt of a failed transfer, with its result, into the ticket (M-12); without one yet, keep them until there is."""
        tried, caller.tried = caller.tried, []
        if caller.ticket_id is None or caller.failed_unit_id is None:
            caller.tried = tried
            return
        async with self._db.unit_of_work() as session:
            await transfers.note_failed(
                session, self._clock, ticket_id=caller.ticket_id, unit_id=caller.failed_unit_id, tried=tried
            )

    async def ended(self, controller: Controller, caller: Caller) -> None:
        """The call is over: a ticket that no operator is wrapping up goes to the unit that did not answer, audio into the archive."""
        is_in_hand = any(seat.wrap_up_call == caller.linkedid for seat in controller.board.seats.values())
        if caller.failed_unit_id and caller.ticket_id and not is_in_hand:
            async with self._db.unit_of_work() as session:
                await transfers.hand_to_unit(
                    session, self._clock, ticket_id=caller.ticket_id, unit_id=caller.failed_unit_id
                )
        await self._take_in(controller, caller)

    async def _take_in(self, controller: Controller, caller: Caller) -> None:
        call_id = await controller.journal.call_id(caller.linkedid)
        spool = self._recordings.spool_dir
        talks = [(spool / "talk" / f"{caller.linkedid}.raw", RecordingKind.TALK, caller.call.answered_at)]
        talks += [(file, RecordingKind.CONSULT, at) for file, at in self._consults(caller)]
        for file, kind, started_at in talks:
            if file.exists():
                await take_in(
                    self._db, self._clock, self._recordings, file=file, call_id=call_id, kind=kind,
                    started_at=started_at or caller.call.started_at,
                )  # fmt: skip

    def _consults(self, caller: Caller) -> list[tuple[Path, datetime]]:
        """The files of the call's consultations and when each began; the dialplan names them `<operator's channel>-<epoch>`."""
        folder = self._recordings.spool_dir / "consult"
        found = {
            file: at for uniqueid, at in caller.call.consults for file in folder.glob(f"{uniqueid}-*.raw")
        }
        return sorted(found.items())
