"""Taking audio in on both engines: whole, broken, twice, left over."""

import asyncio
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update
from support.callcast import FixedClock, add_call, assemble, settings_in
from support.ledgers import at
from support.tones import sine

from core.db import Database
from recordings import intake, ledger
from recordings.events import RecordingStored
from recordings.keeping.verify import verify
from recordings.models import Call, CallEvent, Recording, RecordingKind
from recordings.settings import RecordingSettings

CLOCK = FixedClock()


@pytest.fixture
def settings(tmp_path: Path) -> RecordingSettings:
    return settings_in(tmp_path)


@pytest.fixture
async def call(db: Database) -> Call:
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        return await add_call(session, cast)


def spool(
    settings: RecordingSettings, folder: str, name: str, seconds: float = 2.0, extra: bytes = b""
) -> Path:
    file = settings.spool_dir / folder / name
    tone = sine(440, seconds)
    file.write_bytes(np.stack([tone, tone], axis=1).tobytes() + extra)
    return file


async def take(db: Database, settings: RecordingSettings, file: Path, call: Call, kind=RecordingKind.TALK):
    return await intake.take_in(db, CLOCK, settings, file=file, call_id=call.id, kind=kind, started_at=at(16))


async def recordings(db: Database) -> list[Recording]:
    async with db.reading() as session:
        return list((await session.scalars(select(Recording).order_by(Recording.id))).all())


async def test_talk_is_stored_by_day_and_noted_in_the_ledger(db: Database, settings, call):
    """The audio lies below its Beijing day, the row knows it, the ledger and the bus tell, the spool is empty."""
    heard: list[RecordingStored] = []
    db.bus.subscribe(RecordingStored, heard.append)
    file = spool(settings, "talk", "n1-100.1.raw")
    row = await take(db, settings, file, call)
    assert row.path == "2026/06/01/talk-n1-100.1.opus.enc"
    assert (row.duration_ms, row.channels, row.damaged, len(row.sha256)) == (2000, 2, False, 64)
    assert (settings.archive_dir / row.path).stat().st_size == row.size
    assert not file.exists()
    assert heard == [RecordingStored(row.id, call.id)]
    async with db.reading() as session:
        noted = await session.scalar(select(CallEvent).where(CallEvent.kind == ledger.RECORDED))
        assert noted.data == {"recording": "talk", "duration_ms": 2000}


@pytest.mark.parametrize("extra", [b"\x01", b"\x01\x02\x03"])
async def test_a_file_that_ends_in_mid_frame_is_kept(db: Database, settings, call, extra: bytes):
    """An odd number of bytes is damage worth a mark, never a reason to lose the call."""
    row = await take(db, settings, spool(settings, "talk", "n1-100.1.raw", extra=extra), call)
    assert (row.damaged, row.duration_ms) == (True, 2000)


async def test_an_empty_file_of_a_call_with_talk_is_a_damaged_recording(db: Database, settings, call):
    """People talked and nothing was written: that must be seen, not swept away."""
    row = await take(db, settings, spool(settings, "talk", "n1-100.1.raw", seconds=0), call)
    assert (row.damaged, row.duration_ms) == (True, 0)


async def test_an_empty_file_of_a_call_without_talk_is_nothing(db: Database, settings, call):
    """A caller who gave up in the queue was never bridged: no recording, no file."""
    async with db.unit_of_work() as session:
        await session.execute(
            update(CallEvent).where(CallEvent.kind == ledger.BRIDGED).values(kind=ledger.QUEUED)
        )
    file = spool(settings, "talk", "n1-100.1.raw", seconds=0)
    assert await take(db, settings, file, call) is None
    assert not file.exists()
    assert await recordings(db) == []


async def test_the_same_file_twice_is_one_recording(db: Database, settings, call):
    """A crash before the spool file was removed makes it come again: same row, file gone, ledger told once."""
    first = await take(db, settings, spool(settings, "talk", "n1-100.1.raw"), call)
    again = spool(settings, "talk", "n1-100.1.raw")
    second = await take(db, settings, again, call)
    assert second.id == first.id
    assert not again.exists()
    assert len(list(settings.archive_dir.rglob("*.opus.enc"))) == 1
    async with db.reading() as session:
        rows = (await session.scalars(select(CallEvent).where(CallEvent.kind == ledger.RECORDED))).all()
        assert len(rows) == 1


async def test_other_audio_under_the_same_name_is_kept_too(db: Database, settings, call):
    """A second consultation on the same channel overwrites nothing."""
    lengths = []
    for seconds in (1.0, 2.0, 3.0):
        file = spool(settings, "consult", "n1-100.2.raw", seconds=seconds)
        row = await take(db, settings, file, call, RecordingKind.CONSULT)
        lengths.append(row.duration_ms)
    assert lengths == [1000, 2000, 3000]
    assert len({row.path for row in await recordings(db)}) == 3
    assert [c.fault async for c in verify(db, settings)] == ["", "", ""]


async def test_a_full_disk_leaves_the_spool_file(
    db: Database, settings, call, monkeypatch: pytest.MonkeyPatch
):
    """When the archive cannot be written nothing is stored, nothing removed, and later it works."""
    file = spool(settings, "talk", "n1-100.1.raw")
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", _no_space)
        with pytest.raises(OSError, match="No space"):
            await take(db, settings, file, call)
    assert file.exists()
    assert await recordings(db) == []
    assert (await take(db, settings, file, call)).duration_ms == 2000


def _no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


async def test_sweep_takes_what_a_restart_left(db: Database, settings, call):
    """Talk and consultation find their call by channel, a live one is left, a broken one stops nobody."""
    spool(settings, "talk", "n1-100.1.raw")
    spool(settings, "consult", "n1-100.2.raw", seconds=1)
    spool(settings, "talk", "n1-777.1.raw")
    spool(settings, "talk", "n1-888.1.raw", seconds=3)
    (settings.spool_dir / "talk" / "n1-999.1.raw").mkdir()
    done = await intake.sweep(db, CLOCK, settings, live={"n1-777.1"})
    assert sorted(done.taken) == ["n1-100.1.raw", "n1-100.2.raw", "n1-888.1.raw"]
    assert done.failed == ["n1-999.1.raw"]
    found = {r.source: (r.call_id, r.kind) for r in await recordings(db)}
    assert found == {
        "talk/n1-100.1.raw": (call.id, "talk"),
        "consult/n1-100.2.raw": (call.id, "consult"),
        "talk/n1-888.1.raw": (None, "talk"),
    }
    assert (settings.spool_dir / "talk" / "n1-777.1.raw").exists()


async def test_sweep_leaves_fresh_files_alone(db: Database, settings, call):
    """A file that changed a moment ago may still be written to."""
    file = spool(settings, "talk", "n1-100.1.raw")
    fresh = replace(settings, leftover_s=60)
    assert (await intake.sweep(db, CLOCK, fresh)).taken == []
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 61))
    assert (await intake.sweep(db, CLOCK, fresh)).taken == [file.name]


@pytest.mark.parametrize(("node", "kind"), [("C-REC", "complaint"), ("VM-REC", "voicemail")])
async def test_sweep_knows_a_complaint_from_a_message(db: Database, settings, call, node: str, kind: str):
    """The menu node the caller recorded at decides, so that a complaint is never heard as a message (M-88)."""
    async with db.unit_of_work() as session:
        session.add(CallEvent(call_id=call.id, at=at(103), kind=ledger.NODE, data={"node": node}))
    (settings.spool_dir / "message" / "n1-100.1.wav").write_bytes(_wav())
    await intake.sweep(db, CLOCK, settings)
    (row,) = await recordings(db)
    assert (row.kind, row.started_at, row.channels) == (kind, at(103), 1)


def _wav() -> bytes:
    from recordings.audio import wav_header

    data = sine(440, 4.0).tobytes()
    return wav_header(1, len(data)) + data


async def test_verify_names_each_kind_of_fault(db: Database, settings, call):
    """A missing, a shortened and an altered file are each told apart from a whole one."""
    rows = [
        await take(db, settings, spool(settings, "consult", f"n1-100.{n}.raw", seconds=n), call)
        for n in (1, 2, 3, 4)
    ]
    paths = [settings.archive_dir / row.path for row in rows]
    paths[1].unlink()
    paths[2].write_bytes(paths[2].read_bytes()[:-4])
    altered = bytearray(paths[3].read_bytes())
    altered[-1] ^= 0xFF
    paths[3].write_bytes(altered)
    assert [c.fault async for c in verify(db, settings)] == ["", "missing", "size", "checksum"]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)  # about memory, not about the engine
async def test_what_waits_to_be_compressed_waits_on_the_disk(db: Database, settings, call):
    """Many calls that end at once never have more audio in memory than is being worked on."""
    files = [spool(settings, "talk", f"n1-{number}.1.raw", seconds=20) for number in range(12)]
    size = files[0].stat().st_size
    tracemalloc.start()
    try:
        await asyncio.gather(*(take(db, settings, file, call) for file in files))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(await recordings(db)) == len(files)
    assert most < len(files) * size / 2
