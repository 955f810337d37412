"""Messages left by callers: voicemail and spoken complaints become tickets at once (M-02, M-50, M-58, §5.7)."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import structlog

from core.db import until_stored
from ivr import owed_calls
from ivr.flow.context import Branch, Handler, Message
from ivr.models import OwedKind
from recordings import ledger
from recordings.intake import take_in
from recordings.models import Recording, RecordingKind
from tickets import service, transfers

log = structlog.get_logger()
MESSAGE_LIMIT_S = 4.0
"""How long a caller waits to hear that the message is kept; with a database away that is said without a code."""


class Messages(Branch):
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "play_message": self.play_message,
            "save_complaint": self.save_complaint,
            "save_voicemail": self.save_voicemail,
            "callback_number": self.callback_number,
            "keep_place": self.keep_place,
        }

    def next_file(self) -> str:
        """Where the next message goes, without the ending that Asterisk adds."""
        self.caller.messages += 1
        return str(self.deps.message_dir / f"{self.caller.linkedid}-{self.caller.messages}")

    def recorded(self, file: str, duration_ms: int, *, is_complaint: bool) -> None:
        self.caller.message = Message(Path(f"{file}.wav"), duration_ms, is_complaint)

    async def play_message(self) -> str:
        if self.caller.message:
            await self.dialogue.play([str(self.caller.message.file.with_suffix(""))])
        return "done"

    async def save_complaint(self) -> str:
        return "done"

    async def save_voicemail(self) -> str:
        return "known" if any(character.isdigit() for character in self.caller.number) else "hidden"

    async def callback_number(self, digits: str) -> str | None:
        plausible = (
            (digits[0] == "1" and len(digits) == 11)
            or (digits[0] == "0" and len(digits) >= 10)
            or len(digits) in (7, 8)
        )
        if not plausible:
            return None
        self.caller.callback_number = digits
        return "done"

    async def keep_place(self) -> str:
        """The caller leaves the queue and is called when it is their turn (M-13)."""
        call_id = await self.deps.journal.call_id(self.caller.linkedid)
        async with self.deps.db.unit_of_work() as session:
            await owed_calls.owe(
                session, call_id=call_id, kind=OwedKind.KEPT_PLACE, number=self.caller.callback_number,
                asked_at=self.caller.call.queued_at, language=self.caller.call.language,
            )  # fmt: skip
        self.caller.outcome = "call_back"
        return "kept"

    async def hand_in(self) -> None:
        """Make a ticket of the message that waits, if one does; also when the caller has hung up over it."""
        message, self.caller.message = self.caller.message, None
        if message:
            await self.keep(self._hand_in(message), "message", MESSAGE_LIMIT_S)

    async def _hand_in(self, message: Message) -> None:
        call_id = await self.deps.journal.call_id(self.caller.linkedid)
        recording = await until_stored(partial(self._archive, message, call_id))
        if recording:
            register = partial(self._register, call_id, recording.id, is_complaint=message.is_complaint)
            await until_stored(register)

    async def _archive(self, message: Message, call_id: int) -> Recording | None:
        if not message.file.exists():
            log.warning("message_gone", call=call_id)
            return None
        kind = RecordingKind.COMPLAINT if message.is_complaint else RecordingKind.VOICEMAIL
        return await take_in(
            self.deps.db, self.deps.clock, self.deps.recordings, file=message.file, call_id=call_id, kind=kind,
            started_at=self.deps.clock.now(),
        )  # fmt: skip

    async def _belongs_to_ticket(self, recording_id: int) -> bool:
        """After a failed transfer the message joins the ticket that the operator opened, which the unit then has (M-12)."""
        caller = self.caller
        if caller.ticket_id is None or caller.failed_unit_id is None:
            return False
        async with self.deps.db.unit_of_work() as session:
            handed = await transfers.hand_to_unit(
                session, self.deps.clock, ticket_id=caller.ticket_id, unit_id=caller.failed_unit_id,
                recording_id=recording_id,
            )  # fmt: skip
        if handed:
            caller.outcome = "voicemail"
        return handed

    async def _register(self, call_id: int, recording_id: int, *, is_complaint: bool) -> None:
        if not is_complaint and await self._belongs_to_ticket(recording_id):
            return
        caller = self.caller
        async with self.deps.db.unit_of_work() as session:
            if is_complaint:
                issued = await service.register_complaint(
                    session, self.deps.clock, call_id=call_id, region_id=caller.region.id, line=caller.call.line,
                    caller_number=caller.number, recording_id=recording_id, about=caller.about,
                )  # fmt: skip
            else:
                issued = await service.register_voicemail(
                    session, self.deps.clock, call_id=call_id, region_id=caller.region.id, line=caller.call.line,
                    caller_number=caller.number, recording_id=recording_id,
                    callback_number=caller.callback_number or caller.number,
                    unit_id=caller.failed_unit_id or (caller.unit.id if caller.unit else None),
                )  # fmt: skip
        caller.ticket_no, caller.query_code = issued.ticket.ticket_no, issued.query_code
        caller.ticket_id = issued.ticket.id
        caller.complaint_id = issued.ticket.id if is_complaint else None
        caller.outcome = "complaint" if is_complaint else "voicemail"
        self.note(ledger.TICKET, ticket_no=caller.ticket_no)
