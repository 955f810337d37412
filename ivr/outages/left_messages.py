"""A message that a caller has left (留言立单): what is noted of it while it is recorded, and the one ticket it becomes (M-58, M-50).

The dialplan keeps the note under `message/<uniqueid>` in Asterisk's database and the audio in `message/<uniqueid>-<epoch>.wav`, so
that a message outlives the controller that asked for it. Here the flow of a live call and `ivr.outages.leftovers` meet: whoever comes first
makes the ticket, and the recording tells the other that there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.units import Unit
from recordings.audio import length_ms
from recordings.models import RecordingKind
from tickets import service, transfers
from tickets.models import Ticket
from tickets.oversight.causes import Cause
from tickets.service import Issued

FAMILY = "message"
LEAST_MS = 3000
"""What is shorter is no message (mission §5.6); the menus say so to the caller."""


@dataclass(frozen=True)
class Told:
    """What the menus knew when the message was begun: its kind, the unit it is for, the ticket that is complained about.

    The unit of a complaint is the one whose published finances it is about (M-116).
    """

    kind: RecordingKind = RecordingKind.VOICEMAIL
    unit_id: int | None = None
    about_id: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}|{self.unit_id or ''}|{self.about_id or ''}"


@dataclass(frozen=True)
class Note:
    """A message as Asterisk's database has it."""

    uniqueid: str
    began_at: datetime
    line: str
    number: str
    linkedid: str
    told: Told = Told()
    callback_number: str = ""
    """Typed by the caller afterwards, where it is not the caller's own."""

    def __str__(self) -> str:
        about = f"{self.line}|{self.number}|{self.linkedid}|{self.told}"
        return f"{int(self.began_at.timestamp())}|{about}|{self.callback_number}"


def parse(uniqueid: str, value: str) -> Note | None:
    """`epoch|line|number|linkedid|kind|unit|ticket|callback number`, the last four may lack; None for anything else."""
    parts = value.split("|")
    if len(parts) < 4 or not parts[0].isdecimal():
        return None
    epoch, line, number, linkedid, kind, unit, about, callback = [*parts, "", "", "", ""][:8]
    began_at = datetime.fromtimestamp(int(epoch), UTC)
    return Note(uniqueid, began_at, line, number, linkedid, _told(kind, unit, about), callback)


def _told(kind: str, unit: str, about: str) -> Told:
    known = RecordingKind(kind) if kind in set(RecordingKind) else RecordingKind.VOICEMAIL
    return Told(known, int(unit) if unit.isdecimal() else None, int(about) if about.isdecimal() else None)


def files(folder: Path, uniqueid: str) -> list[Path]:
    """The messages recorded on a channel, oldest first."""
    return sorted(folder.glob(f"{uniqueid}-*.wav"))


def latest(found: Sequence[Path]) -> Path | None:
    """The one that counts: the last that is long enough, or else the longest; None when nothing was said in any."""
    spoken = {file: length_ms(file) for file in found}
    enough = [file for file, ms in spoken.items() if ms >= LEAST_MS]
    longest = max(spoken, key=lambda file: spoken[file], default=None)
    return enough[-1] if enough else longest if longest and spoken[longest] else None


@dataclass(frozen=True)
class LeftMessage:
    """A message whose audio is in the archive; `told.unit_id` is the box it was left in."""

    call_id: int
    recording_id: int
    region_id: int
    line: str
    number: str
    told: Told
    callback_number: str = ""
    """Where it is not the caller's own."""
    ticket_id: int | None = None
    """The ticket that the call has already,"""
    failed_unit_id: int | None = None
    """and the unit that it could not be put through to."""
    received_at: datetime | None = None


async def register(session: AsyncSession, clock: Clock, message: LeftMessage) -> Issued | None:
    """The message's own ticket; None when it has one, or joined the one of its call, which the unit then has (M-12)."""
    if await session.scalar(select(Ticket.id).where(Ticket.recording_id == message.recording_id).limit(1)):
        return None
    if message.told.kind == RecordingKind.COMPLAINT:
        told = message.told
        about = await session.get(Ticket, told.about_id) if told.about_id else None
        unit = await session.get(Unit, told.unit_id) if told.unit_id else None
        return await service.register_complaint(
            session, clock, call_id=message.call_id, region_id=message.region_id, line=message.line,
            caller_number=message.number, recording_id=message.recording_id, about=about, unit=unit,
            cause=Cause.FINANCE if unit else None, received_at=message.received_at,
        )  # fmt: skip
    if await _joins_ticket(session, clock, message):
        return None
    return await service.register_voicemail(
        session, clock, call_id=message.call_id, region_id=message.region_id, line=message.line,
        caller_number=message.number, callback_number=message.callback_number or message.number,
        recording_id=message.recording_id, unit_id=message.failed_unit_id or message.told.unit_id,
        received_at=message.received_at,
    )  # fmt: skip


async def _joins_ticket(session: AsyncSession, clock: Clock, message: LeftMessage) -> bool:
    """After a failed transfer the message joins the ticket that the operator opened."""
    if message.ticket_id is None or message.failed_unit_id is None:
        return False
    return await transfers.hand_to_unit(
        session, clock, ticket_id=message.ticket_id, unit_id=message.failed_unit_id,
        recording_id=message.recording_id,
    )  # fmt: skip
