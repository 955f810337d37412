"""Remarks at a moment of a recording (录音批注, M-59)."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput
from core.people import User
from recordings.models import Recording, RecordingNote

MAX_LENGTH = 500


@dataclass(frozen=True)
class Shown:
    """A note with its author's name."""

    note: RecordingNote
    author: str


async def of(session: AsyncSession, recording_id: int) -> list[Shown]:
    """The notes of a recording in the order of the audio."""
    query = select(RecordingNote, User.display_name).join(User, User.id == RecordingNote.author_id)
    query = query.where(RecordingNote.recording_id == recording_id)
    rows = await session.execute(query.order_by(RecordingNote.offset_ms, RecordingNote.id))
    return [Shown(note, author) for note, author in rows]


async def add(
    session: AsyncSession, clock: Clock, *, recording: Recording, offset_ms: int, text: str, author_id: int
) -> RecordingNote:
    """Write a note; a moment outside the audio is moved to its nearest end. Raises InvalidInput."""
    words = text.strip()
    if not 1 <= len(words) <= MAX_LENGTH:
        raise InvalidInput(field="批注", reason=f"请填写1至{MAX_LENGTH}个字。")
    note = RecordingNote(
        recording_id=recording.id,
        offset_ms=max(0, min(offset_ms, recording.duration_ms)),
        text=words,
        author_id=author_id,
        created_at=clock.now(),
    )
    session.add(note)
    await session.flush()
    return note
