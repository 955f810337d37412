"""Audio files from Asterisk's spool into the archive (录音入库): nothing recorded is lost, nothing taken in twice.

Order of things, so that a crash at any point costs nothing: the audio is written whole into the archive under a name
made from the spool file's, the row is committed, only then the spool file is removed. A crash in between leaves the
spool file, and `sweep` does the same again onto the same names.

A name that comes back with other audio in it (a second consultation on the same channel) is a recording of its own.
"""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import bus
from core.clock import Clock, beijing
from core.db import Database
from recordings import ledger
from recordings.audio import read
from recordings.events import RecordingStored
from recordings.keeping import chain
from recordings.keeping.archive import SUFFIX, Stored, in_background, store
from recordings.models import Call, CallEvent, Recording, RecordingKind, new_public_id
from recordings.settings import RecordingSettings

log = structlog.get_logger()
FOLDERS = {"talk": RecordingKind.TALK, "consult": RecordingKind.CONSULT, "message": RecordingKind.VOICEMAIL}
_TAKING: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
_SETTLE_LIMIT_S = 5.0
_RECENT_LINES = 100_000
"""How far back in the ledger a leftover's channel is looked for (a busy week)."""
_COMPLAINT_NODE = "C-REC"
_VOICEMAIL_NODE = "VM-REC"


async def take_in(
    db: Database,
    clock: Clock,
    settings: RecordingSettings,
    *,
    file: Path,
    call_id: int | None,
    kind: RecordingKind,
    started_at: datetime,
    sealed: bool = False,
) -> Recording | None:
    """Move one finished spool file into the archive and tie it to its call.

    Opens its own unit of work, so that the database is not held while audio is written. The same file again gives
    the same recording. None: a talk file without a byte in a call where nobody was bridged; it is removed.
    Raises OSError when the archive cannot be written; the spool file then stays for the next sweep.
    """
    await _settled(file, settings.settle_ms)
    if kind in {RecordingKind.TALK, RecordingKind.CONSULT} and await _is_nothing(db, file, call_id):
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return None
    source = f"{file.parent.name}/{file.name}"
    lock = _TAKING.setdefault(source, asyncio.Lock())  # the end of a call and a sweep may come together
    async with lock:
        name, recording = await _known_or_free(db, source, file)
        if recording is None:
            path = f"{beijing(started_at):%Y/%m/%d}/{kind}-{file.stem}{name.removeprefix(source)}{SUFFIX}"
            stored = await in_background(_read_and_store, file, path, settings)
            recording = row_of(stored, name, kind, call_id, started_at, sealed=sealed)
            async with db.unit_of_work() as session:
                await chain.append(session, recording)
                _tell(session, clock, recording)
        await asyncio.to_thread(file.unlink, missing_ok=True)
    log.info("recording_stored", recording=recording.id, call=call_id, damaged=recording.damaged)
    return recording


def row_of(
    stored: Stored,
    source: str,
    kind: RecordingKind,
    call_id: int | None,
    started_at: datetime,
    *,
    sealed: bool = False,
) -> Recording:
    """The row of a stored file, not yet in the chain."""
    return Recording(
        public_id=new_public_id(),
        call_id=call_id,
        kind=kind,
        path=stored.path,
        source=source,
        started_at=started_at,
        duration_ms=stored.duration_ms,
        channels=stored.channels,
        size=stored.size,
        sha256=stored.sha256,
        audio_sha256=stored.audio_sha256,
        wrapped_key=stored.wrapped_key,
        wrapped_by=stored.wrapped_by,
        damaged=stored.damaged,
        sealed=sealed,
    )


def _tell(session: AsyncSession, clock: Clock, recording: Recording) -> None:
    if recording.call_id is not None:
        data = {"recording": str(recording.kind), "duration_ms": recording.duration_ms}
        session.add(CallEvent(call_id=recording.call_id, at=clock.now(), kind=ledger.RECORDED, data=data))
    bus.publish(session, RecordingStored(recording.id, recording.call_id))


def _read_and_store(file: Path, path: str, settings: RecordingSettings) -> Stored:
    """In one go: what waits for its turn to be compressed waits on the disk, never in memory."""
    return store(read(file), path, settings)


def _fingerprint(file: Path) -> str:
    return read(file).sha256


async def _known_or_free(db: Database, source: str, file: Path) -> tuple[str, Recording | None]:
    """The recording this audio already is, or a free source name: one taken by other audio gets `~2`, `~3`…"""
    fingerprint = ""
    for number in range(1, 100):
        name = source if number == 1 else f"{source}~{number}"
        async with db.reading() as session:
            known = await session.scalar(select(Recording).where(Recording.source == name))
        if known is None:
            return name, None
        fingerprint = fingerprint or await in_background(_fingerprint, file)
        if known.audio_sha256 == fingerprint:
            return name, known
    raise FileExistsError(source)


async def _is_nothing(db: Database, file: Path, call_id: int | None) -> bool:
    """Whether the file is empty because nobody was bridged: nothing was said, so nothing is missing."""
    if call_id is None or await asyncio.to_thread(_size, file) > 0:
        return False
    async with db.reading() as session:
        bridged = select(CallEvent.id).where(CallEvent.call_id == call_id, CallEvent.kind == ledger.BRIDGED)
        return await session.scalar(bridged.limit(1)) is None


def _size(file: Path) -> int:
    return file.stat().st_size


async def _settled(file: Path, settle_ms: int) -> None:
    """Wait until Asterisk has stopped writing: it closes the file a moment after it reports the hang-up."""
    deadline = time.monotonic() + _SETTLE_LIMIT_S
    size = await asyncio.to_thread(_size, file)
    while settle_ms and time.monotonic() < deadline:
        await asyncio.sleep(settle_ms / 1000)
        if (grown := await asyncio.to_thread(_size, file)) == size:
            return
        size = grown


@dataclass(frozen=True)
class Swept:
    """What a sweep did, by file name."""

    taken: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


async def sweep(
    db: Database, clock: Clock, settings: RecordingSettings, *, live: Collection[str] = frozenset()
) -> Swept:
    """Take in what a restart left in the spool; `live` are the channel ids still being recorded.

    A file that cannot be taken in is reported and stays; the others go on.
    """
    done = Swept()
    for file in await asyncio.to_thread(_leftovers, settings, frozenset(live)):
        try:
            await _take_leftover(db, clock, settings, file)
            done.taken.append(file.name)
        except Exception:
            if not await asyncio.to_thread(file.exists):  # the end of its call has taken it in meanwhile
                continue
            log.exception("leftover_not_taken", file=file.name)
            done.failed.append(file.name)
    return done


def _is_live(stem: str, live: frozenset[str]) -> bool:
    """Whether a channel that is still up writes this file: `<uniqueid>` or `<uniqueid>-<what>`."""
    return any(stem == channel or stem.startswith(f"{channel}-") for channel in live)


def _leftovers(settings: RecordingSettings, live: frozenset[str]) -> list[Path]:
    newest = time.time() - settings.leftover_s
    files = [f for folder in FOLDERS for f in sorted((settings.spool_dir / folder).glob("*.*"))]
    return [
        f
        for f in files
        if f.suffix in {".raw", ".wav"} and not _is_live(f.stem, live) and f.stat().st_mtime <= newest
    ]


async def _take_leftover(db: Database, clock: Clock, settings: RecordingSettings, file: Path) -> None:
    kind = FOLDERS[file.parent.name]
    changed_at = datetime.fromtimestamp((await asyncio.to_thread(file.stat)).st_mtime, UTC)
    async with db.reading() as session:
        call = await _call_of_channel(session, file.stem)
        begun = await _begun(session, call, kind) if call else None
    if begun and begun.data.get("node") == _COMPLAINT_NODE:
        kind = RecordingKind.COMPLAINT
    started_at = begun.at if begun else call.started_at if call else changed_at
    call_id = call.id if call else None
    await take_in(db, clock, settings, file=file, call_id=call_id, kind=kind, started_at=started_at)


async def _call_of_channel(session: AsyncSession, stem: str) -> Call | None:
    """The call whose channel wrote the file: by its own id, else by a ledger line of that channel."""
    names = {stem, stem.rsplit("-", 1)[0]}
    if call := await session.scalar(select(Call).where(Call.linkedid.in_(names))):
        return call
    newest = await session.scalar(select(func.max(CallEvent.id))) or 0
    by_channel = select(Call).join(CallEvent, CallEvent.call_id == Call.id)
    by_channel = by_channel.where(CallEvent.id > newest - _RECENT_LINES, CallEvent.channel.in_(names))
    return await session.scalar(by_channel.limit(1))


async def _begun(session: AsyncSession, call: Call, kind: RecordingKind) -> CallEvent | None:
    """The ledger line at which such a recording began: the first bridge, or the last recording node reached."""
    lines = select(CallEvent).where(CallEvent.call_id == call.id)
    if kind is not RecordingKind.VOICEMAIL:
        return await session.scalar(
            lines.where(CallEvent.kind == ledger.BRIDGED).order_by(CallEvent.id).limit(1)
        )
    recorders = CallEvent.data["node"].as_string().in_((_COMPLAINT_NODE, _VOICEMAIL_NODE))
    reached = lines.where(CallEvent.kind == ledger.NODE, recorders)
    return await session.scalar(reached.order_by(CallEvent.id.desc()).limit(1))
