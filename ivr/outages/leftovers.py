"""What was recorded while no controller lived (补录): messages that no controller has handed in, audio left in the spool.

A message's note (`ivr.outages.left_messages`) goes only when the ticket is stored, so a second start finds what a first one did not
finish, and nothing twice.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.lines import Line
from core.units import Region
from ivr.asterisk.ami import ActionRefused, Ami
from ivr.asterisk.ami_protocol import Fields
from ivr.outages import left_messages
from ivr.outages.left_messages import FAMILY, LeftMessage, Note
from recordings import ledger
from recordings.intake import sweep, take_in
from recordings.models import Call, CallEnd, CallEvent, Recording, RecordingKind
from recordings.settings import RecordingSettings
from tickets.models import Ticket

log = structlog.get_logger()
ENDS = {RecordingKind.VOICEMAIL: CallEnd.VOICEMAIL, RecordingKind.COMPLAINT: CallEnd.COMPLAINT}
"""How a call ended in which a message was left and nobody answered."""
_UNSERVED = frozenset({CallEnd.MENU, CallEnd.QUEUE, CallEnd.UNSEEN})


class Leftovers:
    def __init__(
        self, db: Database, clock: Clock, settings: RecordingSettings, lines: Mapping[str, Line]
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._lines = lines

    async def take_messages(self, ami: Ami, live: Collection[str]) -> None:
        """Make tickets of the messages that no controller has handed in; `live` are the channels of calls that go on."""
        for row in await self._notes(ami):
            note = left_messages.parse(row.get("Key", "").rpartition("/")[2], row.get("Val", ""))
            if note and note.uniqueid not in live and await self._is_registered(note):
                await ami.action("DBDel", Family=FAMILY, Key=note.uniqueid)

    async def sweep(self, live: Collection[str]) -> None:
        """Take in whatever audio is left in the spool; what is still being recorded comes the next time."""
        swept = await sweep(self._db, self._clock, self._settings, live=live)
        if swept.taken or swept.failed:
            log.info("spool_swept", taken=len(swept.taken), failed=len(swept.failed))

    async def _notes(self, ami: Ami) -> list[Fields]:
        try:
            return await ami.listing("DBGetTree", Family=FAMILY)
        except ActionRefused:  # Asterisk's way to say: none
            return []

    async def _is_registered(self, note: Note) -> bool:
        """False when it could not be done: one message that cannot be taken in keeps back no other."""
        try:
            await self._register(note)
        except Exception as error:  # noqa: BLE001 - whatever it is, the note stays and the next look tries again
            log.warning("message_not_registered", channel=note.uniqueid, error=type(error).__name__)
            return False
        return True

    async def _register(self, note: Note) -> None:
        line = self._lines.get(note.line) or next(iter(self._lines.values()))
        call_id = await self._call(note, line.region)
        recording = await self._recording(note, call_id)
        if recording is None:
            log.info("message_empty", call=call_id)
            return
        async with self._db.unit_of_work() as session:
            left = LeftMessage(
                call_id, recording.id, line.region_id, note.line, note.number, note.told, note.callback_number,
                ticket_id=await session.scalar(select(Ticket.id).where(Ticket.call_id == call_id).limit(1)),
                failed_unit_id=await _failed_unit(session, call_id), received_at=self._instant(note),
            )  # fmt: skip
            issued = await left_messages.register(session, self._clock, left)
            if issued:
                told = {"ticket_no": issued.ticket.ticket_no}
                session.add(CallEvent(call_id=call_id, at=self._clock.now(), kind=ledger.TICKET, data=told))
            call = await session.get_one(Call, call_id)
            if call.end in _UNSERVED:
                call.end = ENDS[note.told.kind]
        log.info("local_message_registered", call=call_id)

    async def _recording(self, note: Note, call_id: int) -> Recording | None:
        """The message's audio in the archive; a process that stopped before the ticket has brought it there already."""
        folder = self._settings.spool_dir / "message"
        if file := left_messages.latest(left_messages.files(folder, note.uniqueid)):
            return await take_in(
                self._db, self._clock, self._settings, file=file, call_id=call_id, kind=note.told.kind,
                started_at=self._instant(note),
            )  # fmt: skip
        taken = Recording.source.startswith(f"message/{note.uniqueid}-", autoescape=True)
        async with self._db.reading() as session:
            found: Recording | None = await session.scalar(
                select(Recording).where(taken).order_by(Recording.source.desc()).limit(1)
            )
        return found

    async def _call(self, note: Note, region: Region) -> int:
        """The call's record, made now when nobody saw the call; `ivr.outages.repair` tells the rest of it."""
        async with self._db.unit_of_work() as session:
            call = await session.scalar(select(Call).where(Call.linkedid == note.linkedid))
            if call is None:
                call = Call(
                    linkedid=note.linkedid, line=note.line, region_id=region.id, caller_number=note.number,
                    started_at=self._instant(note),
                )  # fmt: skip
                session.add(call)
                await session.flush()
            return call.id

    def _instant(self, note: Note) -> datetime:
        """When the message was begun, on the hotline's clock, which a test clock moves."""
        shift: timedelta = self._clock.now() - datetime.now(UTC)
        return note.began_at + shift


async def _failed_unit(session: AsyncSession, call_id: int) -> int | None:
    """The unit nobody of which answered the call's last transfer."""
    kinds = (ledger.TRANSFER_FAILED, ledger.TRANSFER_ANSWERED)
    told = select(CallEvent).where(CallEvent.call_id == call_id, CallEvent.kind.in_(kinds))
    last = await session.scalar(told.order_by(CallEvent.id.desc()).limit(1))
    failed = last is not None and last.kind == ledger.TRANSFER_FAILED and last.data["why"] != "cancelled"
    return last.data["unit"] if last and failed else None
