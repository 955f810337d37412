"""Recordings kept in an S3-compatible store, or a shared folder: moved, heard, verified, purged; and the store away."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select
from support.bucket import Bucket
from support.hotline import environment

from config.cli import check
from config.settings import SettingsInvalid, load
from core.clock import SystemClock
from core.db import Database
from recordings.errors import RecordingAway, RecordingGone
from recordings.intake import take_in
from recordings.keeping import archive, purge, verify
from recordings.keeping.depot import DepotAway, depot_of
from recordings.keeping.moving import Mover
from recordings.listening import waveform
from recordings.models import Recording, RecordingKind
from recordings.settings import RecordingSettings

CLOCK = SystemClock()


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as one:
        yield one


@dataclass
class Kept:
    db: Database
    settings: RecordingSettings
    spool: Path

    async def record(self, name: str = "n1-1.1") -> Recording:
        """A talk of a second, taken in from the spool."""
        file = self.spool / f"{name}.raw"
        file.write_bytes(bytes(range(256)) * 125)  # 8000 frames of stereo
        row = await take_in(
            self.db,
            CLOCK,
            self.settings,
            file=file,
            call_id=None,
            kind=RecordingKind.TALK,
            started_at=CLOCK.now(),
        )
        assert row is not None
        return row

    def near(self) -> list[Path]:
        return list(self.settings.archive_dir.rglob("*.opus.enc"))


@pytest.fixture
def kept(db: Database, tmp_path: Path, bucket: Bucket) -> Kept:
    spool = tmp_path / "spool" / "talk"
    spool.mkdir(parents=True)
    settings = RecordingSettings(
        archive_dir=tmp_path / "archive", keyring=tmp_path / "keys.json", spool_dir=spool.parent, settle_ms=0,
        **bucket.settings,
    )  # fmt: skip
    return Kept(db, settings, spool)


async def test_recordings_are_moved_and_heard(kept: Kept, bucket: Bucket):
    """What is stored is heard at once, lies in the bucket as encrypted as before, and is the same from there."""
    row = await kept.record()
    before = archive.samples(row, kept.settings)
    sealed = kept.near()[0].read_bytes()
    assert await Mover(kept.db, kept.settings).move() == 1
    assert kept.near() == []
    assert bucket.names() == [f"state/96128/{row.path}"]
    assert bucket.content(bucket.names()[0]) == sealed
    assert (archive.samples(row, kept.settings) == before).all()
    assert len(waveform.peaks(row, kept.settings, 10)) == row.channels
    assert [one.fault async for one in verify.verify(kept.db, kept.settings)] == [""]


async def test_a_bucket_that_is_away_loses_nothing(kept: Kept, bucket: Bucket):
    """Recordings wait on this machine and are heard from there; those moved before are told to be away, not lost."""
    first = await kept.record("n1-1.1")
    mover = Mover(kept.db, kept.settings)
    await mover.move()
    bucket.stop()
    second = await kept.record("n1-2.1")
    with pytest.raises(DepotAway):
        await mover.move()
    assert mover.fault
    assert mover.waiting() == 1
    assert len(archive.samples(second, kept.settings))
    with pytest.raises(RecordingAway, match="录音没有丢失"):
        archive.samples(first, kept.settings)
    bucket.start()
    assert await mover.move() == 1
    assert (mover.fault, mover.waiting()) == ("", 0)
    assert len(archive.samples(second, kept.settings))


async def test_only_what_a_row_names_is_moved(kept: Kept, bucket: Bucket):
    """A file whose row is not stored yet, or that is not what the row says, stays."""
    row = await kept.record()
    file = kept.near()[0]
    stray = file.with_name("talk-stray.opus.enc")
    stray.write_bytes(b"no row yet")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert await Mover(kept.db, kept.settings).move() == 0
    file.write_bytes(whole)
    assert await Mover(kept.db, kept.settings).move() == 1
    assert kept.near() == [stray]
    assert bucket.names() == [f"state/96128/{row.path}"]


async def test_purged_recordings_leave_the_bucket(kept: Kept, bucket: Bucket):
    """What two people have purged is removed there too, and is gone."""
    row = await kept.record()
    await Mover(kept.db, kept.settings).move()
    async with kept.db.unit_of_work() as session:
        (await session.scalars(select(Recording))).one().deleted_at = CLOCK.now()
    assert await purge.remove_files(kept.db, kept.settings) == 1
    assert await purge.remove_files(kept.db, kept.settings) == 0
    assert bucket.names() == []
    with pytest.raises(RecordingGone):
        archive.samples(row, kept.settings)


async def test_a_shared_folder_is_a_depot_too(kept: Kept, tmp_path: Path):
    """The same with `file:///…`; a folder that is not mounted is away, and is never made."""
    share = tmp_path / "share"
    settings = replace(kept.settings, depot=f"file://{share}")
    near = Kept(kept.db, settings, kept.spool)
    row = await near.record()
    mover = Mover(kept.db, settings)
    with pytest.raises(DepotAway):
        await mover.move()
    assert not share.exists()
    share.mkdir()
    assert await mover.move() == 1
    assert (share / row.path).exists()
    assert len(archive.samples(row, settings))


def test_check_tells_whether_the_depot_can_be_reached(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """`hotline check` writes, reads and removes something small, and says what is wrong when that fails."""
    settings = load(environment(tmp_path), mode="test")
    away = replace(settings, recordings=replace(settings.recordings, **bucket.settings))
    wrong = replace(away, recordings=replace(away.recordings, depot="s3://nowhere"))
    found = {one.name: one for one in check.examine(away)}["录音存储"]
    assert (found.is_ok, found.text) == (True, f"s3://{bucket.name}/state/96128 可读写")
    assert bucket.names() == []
    found = {one.name: one for one in check.examine(wrong)}["录音存储"]
    assert not found.is_ok
    assert "请检查地址、密钥和网络" in found.text
    bucket.stop()
    depot_of.cache_clear()
    found = {one.name: one for one in check.examine(away)}["录音存储"]
    assert not found.is_ok
    assert "secret" not in found.text


def test_an_address_that_is_none_is_refused(tmp_path: Path):
    """A depot is a bucket or a folder, nothing else."""
    with pytest.raises(SettingsInvalid, match=r"recordings\.depot"):
        load(environment(tmp_path, HOTLINE__RECORDINGS__DEPOT="ftp://x/y"), mode="test")
