"""Messages left by callers: voicemail and spoken complaints become tickets at once (M-02, M-50, M-58, §5.7)."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import structlog

from core.db import until_stored
from ivr.asterisk.ami import quoted
from ivr.flow.context import Branch, Handler, Message
from ivr.menus.dialogue import CallerGone
from ivr.menus.menu import Record
from ivr.models import OwedKind
from ivr.outages import left_messages
from ivr.outages.left_messages import LeftMessage, Note, Told
from ivr.queue import owed_calls
from ivr.talks import directory
from recordings import ledger
from recordings.audio import length_ms
from recordings.intake import take_in
from recordings.models import Recording, RecordingKind
from tickets.models import Ticket

log = structlog.get_logger()
MESSAGE_LIMIT_S = 4.0
"""How long a caller waits for the message's ticket; while the database is away they hear that it is kept, without a code."""
NODES = {RecordingKind.VOICEMAIL: "VM-REC", RecordingKind.COMPLAINT: "C-REC"}
"""Where a message of each kind is recorded."""


class Messages(Branch):
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "play_message": self.play_message,
            "save_complaint": self.save_complaint,
            "save_voicemail": self.save_voicemail,
            "callback_number": self.callback_number,
            "keep_place": self.keep_place,
        }

    async def record(self, node: Record) -> bool:
        """Have a message recorded, which replaces an earlier one; False when it is too short to be a message."""
        kind = next(kind for kind, recorder in NODES.items() if recorder == node.id)
        self.caller.has_recorded = True
        await self.dialogue.record(node.max_s, str(self._told(kind)))
        is_kept = await self._take_up(kind, node.min_s * 1000)
        if self.dialogue.gone:
            raise CallerGone
        return is_kept

    async def resume(self) -> tuple[RecordingKind, bool]:
        """Take up a message that this process has not begun (an earlier one has, or the dialplan by itself).

        Returns its kind, and whether it is long enough to be a message.
        """
        note = await self._note()
        told = note.told if note else Told()
        await self._remember(told)
        self.caller.callback_number = note.callback_number if note else ""
        self.caller.has_recorded = True
        return told.kind, await self._take_up(told.kind, left_messages.LEAST_MS)

    def _told(self, kind: RecordingKind) -> Told:
        """What is noted of a message that begins now."""
        is_complaint = kind == RecordingKind.COMPLAINT
        unit, about = self.caller.accused if is_complaint else self.caller.unit, self.caller.about
        return Told(kind, unit.id if unit else None, about.id if about else None)

    async def _note(self) -> Note | None:
        """What Asterisk's database has noted of this caller's message."""
        uniqueid = self.dialogue.uniqueid
        found = await self.dialogue.command(f"DATABASE GET {left_messages.FAMILY} {uniqueid}")
        return left_messages.parse(uniqueid, found.data)

    async def _write(self, note: Note) -> None:
        """Into Asterisk's database, so that the note outlives this process as the message itself does."""
        family, uniqueid = left_messages.FAMILY, self.dialogue.uniqueid
        await self.dialogue.command(f"DATABASE PUT {family} {uniqueid} {quoted(note)}")

    async def _remember(self, told: Told) -> None:
        async with self.deps.db.reading() as session:
            unit = await directory.unit(session, told.unit_id) if told.unit_id else None
            if unit and told.kind == RecordingKind.COMPLAINT:
                self.caller.accused = unit
            elif unit:
                self.use_unit(unit)
            if told.about_id:
                self.caller.about = await session.get(Ticket, told.about_id)

    async def _take_up(self, kind: RecordingKind, least_ms: float) -> bool:
        """Make the last recording the caller's message; False when it is shorter than `least_ms`."""
        found = await asyncio.to_thread(left_messages.files, self.deps.message_dir, self.caller.linkedid)
        if not found or length_ms(found[-1]) < least_ms:
            return False
        self.caller.message = Message(found[-1], kind)
        return True

    async def play_message(self) -> str:
        if self.caller.message:
            await self.dialogue.play([str(self.caller.message.file.with_suffix(""))])
        return "done"

    async def save_complaint(self) -> str:
        return "done"  # it was handed in when the walk came to this node (`Session.before`)

    async def save_voicemail(self) -> str:
        """Whether the caller's number is `known`, or `hidden` so that one must be typed."""
        return "known" if any(character.isdigit() for character in self.caller.number) else "hidden"

    async def callback_number(self, digits: str) -> str | None:
        """A mobile (11 digits from 1), a number with area code (from 0), or a local one; None for anything else."""
        plausible = (
            (digits[0] == "1" and len(digits) == 11)
            or (digits[0] == "0" and len(digits) >= 10)
            or len(digits) in (7, 8)
        )
        if not plausible:
            return None
        self.caller.callback_number = digits
        if note := self.caller.message and await self._note():
            await self._write(replace(note, callback_number=digits))
        return "done"

    async def keep_place(self) -> str:
        """The caller leaves the queue and is called when it is their turn (M-13); stored later while the database is away."""
        await self.keep(until_stored(self._keep_place), "keep-place", MESSAGE_LIMIT_S)
        self.caller.outcome = "call_back"
        return "kept"

    async def _keep_place(self) -> None:
        call_id = await self.deps.journal.call_id(self.caller.linkedid)
        async with self.deps.db.unit_of_work() as session:
            await owed_calls.owe(
                session, call_id=call_id, kind=OwedKind.KEPT_PLACE, number=self.caller.callback_number,
                asked_at=self.caller.call.queued_at, language=self.caller.call.language,
            )  # fmt: skip

    async def hand_in(self) -> None:
        """Make a ticket of the message, if there is one that has none yet; also when the caller has hung up while speaking."""
        message, self.caller.message = self.caller.message, None
        if message:
            self.caller.handing_in = await self.keep(self._hand_in(message), "message", MESSAGE_LIMIT_S)

    async def _hand_in(self, message: Message) -> None:
        call_id = await self.deps.journal.call_id(self.caller.linkedid)
        recording = await until_stored(partial(self._archive, message, call_id))
        if recording:
            await until_stored(partial(self._register, call_id, recording.id, message.kind))

    async def _archive(self, message: Message, call_id: int) -> Recording | None:
        if not message.file.exists():
            log.warning("message_gone", call=call_id)
            return None
        return await take_in(
            self.deps.db, self.deps.clock, self.deps.recordings, file=message.file, call_id=call_id, kind=message.kind,
            started_at=self.deps.clock.now(),
        )  # fmt: skip

    async def _register(self, call_id: int, recording_id: int, kind: RecordingKind) -> None:
        caller = self.caller
        left = LeftMessage(
            call_id, recording_id, caller.region.id, caller.call.line, caller.number, self._told(kind),
            callback_number=caller.callback_number, ticket_id=caller.ticket_id,
            failed_unit_id=caller.failed_unit_id,
        )  # fmt: skip
        async with self.deps.db.unit_of_work() as session:
            issued = await left_messages.register(session, self.deps.clock, left)
        caller.outcome = kind
        if issued:
            caller.ticket_no, caller.query_code = issued.ticket.ticket_no, issued.query_code
            caller.ticket_id = issued.ticket.id
            is_unnamed = kind == RecordingKind.COMPLAINT and not issued.ticket.cause
            caller.complaint_id = issued.ticket.id if is_unnamed else None
            self.note(ledger.TICKET, ticket_no=caller.ticket_no)
