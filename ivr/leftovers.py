"""What was recorded while no controller lived (补录): voicemails of the dialplan's own path, audio left in the spool.

The dialplan notes each such message under `message/<uniqueid>` in Asterisk's database; the note goes only when the
ticket is stored, so a second start finds what a first one did not finish, and nothing twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select

from core.clock import Clock
from core.db import Database
from core.lines import Line
from core.units import Region
from ivr.ami import ActionRefused, Ami, Fields
from ivr.tracker import Tracker
from recordings.intake import sweep, take_in
from recordings.models import Call, RecordingKind
from recordings.settings import RecordingSettings
from tickets import service
from tickets.models import Ticket

log = structlog.get_logger()
FAMILY = "message"


@dataclass(frozen=True)
class LocalMessage:
    """One voicemail left with the dialplan alone."""

    uniqueid: str
    ended_at: datetime
    line: str
    number: str
    linkedid: str


def parse(row: Fields) -> LocalMessage | None:
    """A row of DBGetTree, `epoch|line|number|linkedid`; None for anything else."""
    parts = row.get("Val", "").split("|")
    if len(parts) != 4 or not parts[0].isdigit():
        return None
    uniqueid = row.get("Key", "").rpartition("/")[2]
    return LocalMessage(uniqueid, datetime.fromtimestamp(int(parts[0]), UTC), parts[1], parts[2], parts[3])


class Leftovers:
    def __init__(
        self, db: Database, clock: Clock, settings: RecordingSettings, lines: Mapping[str, Line]
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._lines = lines

    async def take_messages(self, ami: Ami, tracker: Tracker) -> None:
        """Make tickets of the voicemails left with the dialplan alone."""
        live = _live(tracker)
        for row in await self._notes(ami):
            message = parse(row)
            if message and message.uniqueid not in live:
                await self._register(message)
                await ami.action("DBDel", Family=FAMILY, Key=message.uniqueid)

    async def sweep(self, tracker: Tracker) -> None:
        """Take in whatever audio is left in the spool; what is still being recorded comes the next time."""
        swept = await sweep(self._db, self._clock, self._settings, live=_live(tracker))
        if swept.taken or swept.failed:
            log.info("spool_swept", taken=len(swept.taken), failed=len(swept.failed))

    async def _notes(self, ami: Ami) -> list[Fields]:
        try:
            return await ami.listing("DBGetTree", Family=FAMILY)
        except ActionRefused:  # Asterisk's way to say: none
            return []

    async def _register(self, message: LocalMessage) -> None:
        file = self._settings.spool_dir / "message" / f"{message.uniqueid}.wav"
        line = self._lines.get(message.line) or next(iter(self._lines.values()))
        region = line.region
        if not file.exists() or await self._is_known(message):
            return
        call_id = await self._call(message, region)
        recording = await take_in(
            self._db, self._clock, self._settings, file=file, call_id=call_id, kind=RecordingKind.VOICEMAIL,
            started_at=self._instant(message),
        )  # fmt: skip
        if recording is None:
            return
        async with self._db.unit_of_work() as session:
            await service.register_voicemail(
                session, self._clock, call_id=call_id, region_id=region.id, line=message.line,
                caller_number=message.number, callback_number=message.number, recording_id=recording.id,
                received_at=self._instant(message),
            )  # fmt: skip
        log.info("local_voicemail_registered", call=call_id)

    async def _is_known(self, message: LocalMessage) -> bool:
        """A controller that stopped between ticket and note has registered it already."""
        query = (
            select(Ticket.id).join(Call, Call.id == Ticket.call_id).where(Call.linkedid == message.linkedid)
        )
        async with self._db.reading() as session:
            return await session.scalar(query) is not None

    async def _call(self, message: LocalMessage, region: Region) -> int:
        """The call's record, made now when nobody saw the call; `ivr.repair` tells the rest of it."""
        async with self._db.unit_of_work() as session:
            call = await session.scalar(select(Call).where(Call.linkedid == message.linkedid))
            if call is None:
                at = self._instant(message)
                call = Call(
                    linkedid=message.linkedid, line=message.line, region_id=region.id, caller_number=message.number,
                    started_at=at,
                )  # fmt: skip
                session.add(call)
                await session.flush()
            return call.id

    def _instant(self, message: LocalMessage) -> datetime:
        """The message's time on the hotline's clock, which a test clock moves."""
        shift: timedelta = self._clock.now() - datetime.now(UTC)
        return message.ended_at + shift


def _live(tracker: Tracker) -> set[str]:
    return {uniqueid for call in tracker.calls.values() for uniqueid in (call.linkedid, *call.legs)}
