"""A hotline in one file, and back from it: whole, on either engine, or refused with nothing changed (M-60, M-85)."""

import io
import re
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from support.callcast import FixedClock, add_recording
from support.tickets import build_city, question

from config.backup.layout import BackupRefused, Manifest, RestoreRefused
from config.backup.making import make
from config.backup.placing import Placing
from config.backup.restoring import Restored, restore
from config.cli.command import main
from config.database import opened, upgrade
from config.settings import Settings, load, provide_secrets
from core import audit
from core.clock import SystemClock
from core.db import Database
from core.units import Region, Unit
from recordings.keeping import archive
from recordings.models import Call, Recording
from tickets.models import TrailRow
from tickets.queries import status_by_code

ENGINES = ("sqlite", "postgresql")


def settings_at(folder: Path, url: str, *, make_secrets: bool) -> Settings:
    folder.mkdir()
    (file := folder / "hotline.toml").touch()
    environ = {"HOTLINE_CONFIG": str(file), "HOTLINE__DATA_DIR": str(folder / "data")}
    return load(environ | ({"HOTLINE__DATABASE__URL": url} if url else {}), make_secrets=make_secrets)


def url_of(engine: str, request: pytest.FixtureRequest) -> str:
    """Empty for SQLite: the database then lies in data_dir."""
    return "" if engine == "sqlite" else request.getfixturevalue("postgres").new_database()


@dataclass
class Old:
    """The hotline that is backed up, and what a restored one is asked about."""

    settings: Settings
    tar: Path
    code: str
    manifest: Manifest


def quiet(_: str) -> None:
    """No progress."""


@pytest.fixture(params=ENGINES)
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    """A city with a question, its talk, an attachment, an audit row, and units whose parent has the larger number."""
    settings = settings_at(tmp_path / "old", url_of(request.param, request), make_secrets=True)
    await upgrade(settings.database.url)
    async with opened(settings) as db:
        city = await build_city(db)
        db.provide(settings.tickets)
        issued = await question(city)
        async with db.unit_of_work() as session:
            call = await session.scalar(select(Call))
            await add_recording(session, settings.recordings, call, length_s=1)
            await audit.record(session, city.clock, actor="admin", action="login", reason="备份前")
        (settings.attachments.folder / "2026").mkdir(parents=True)
        (settings.attachments.folder / "2026" / "信件.pdf").write_bytes(b"%PDF")
        tar = tmp_path / "hotline.tar"
        manifest = await make(db, FixedClock(), settings, tar, quiet)
    return Old(settings, tar, issued.query_code, manifest)


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A machine that has never run a hotline."""
    return settings_at(tmp_path / "new", url_of(request.param, request), make_secrets=False)


async def count(db: Database, kind: type) -> int:
    async with db.reading() as session:
        return await session.scalar(select(func.count()).select_from(kind)) or 0


async def test_restored_on_either_engine_everything_works(old: Old, empty: Settings):
    """Codes open, recordings sound, chains hold, references stand, and the next row gets a number of its own."""
    restored = await restore(empty, old.tar, quiet)
    assert restored == Restored(old.manifest, restored.files, None, None)
    assert stat.S_IMODE(old.tar.stat().st_mode) == 0o600
    assert (empty.attachments.folder / "2026" / "信件.pdf").read_bytes() == b"%PDF"
    keyring = empty.recordings.keyring
    assert (stat.S_IMODE(keyring.stat().st_mode), stat.S_IMODE(keyring.parent.stat().st_mode)) == (
        0o600,
        0o700,
    )
    assert not list(empty.data_dir.rglob(".restoring"))
    settings = provide_secrets(empty)
    async with opened(settings) as db:
        async with db.unit_of_work() as session:
            ticket = (await status_by_code(session, SystemClock(), old.code)).ticket
            assert ticket.question == "问"
            assert await session.scalar(select(TrailRow.id).where(TrailRow.ticket_id == ticket.id).limit(1))
            recording = (await session.scalars(select(Recording))).one()
            assert archive.samples(recording, settings.recordings).shape == (8000, 2)
            unit = (await session.scalars(select(Unit).where(Unit.supervising_unit_id.is_not(None)))).one()
            assert unit.supervising_unit_id > unit.id
            county = (await session.scalars(select(Region).where(Region.code == "county"))).one()
            assert (await session.get_one(Region, county.parent_id)).code == "city"
            session.add(Region(code="new", name="新区", level="county", parent_id=county.id))
            await audit.record(session, FixedClock(), actor="admin", action="login")
        async with db.reading() as session:
            assert await audit.verify(session) is None
        assert await count(db, Region) == old.manifest.rows["regions"] + 1


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
def test_the_yearly_drill_by_command(
    old: Old, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """As the administrator's page says: restore on an empty machine, verify, change keys, verify, back up; harm is then named."""
    (folder := tmp_path / "drill").mkdir()
    (file := folder / "hotline.toml").touch()
    monkeypatch.setenv("HOTLINE_CONFIG", str(file))
    monkeypatch.setenv("HOTLINE__DATA_DIR", str(folder / "data"))
    steps = (
        "audit verify",
        "recordings verify",
        "recordings rotate-keys",
        "recordings verify",
        "recordings purge",
    )
    assert main(["restore", str(old.tar)]) == 0
    assert [main(step.split()) for step in steps] == [0] * len(steps)
    assert main(["backup", str(tmp_path / "again.tar")]) == 0
    said = capsys.readouterr().out
    assert all(
        text in said for text in ("已恢复", "全部完好", "已更换为新密钥", "没有待删除的录音文件", "已备份到")
    )
    (sound,) = (folder / "data" / "recordings").rglob(f"*{archive.SUFFIX}")
    sound.write_bytes(sound.read_bytes()[::-1])
    assert main(["recordings", "verify"]) == 1
    assert "内容已变（校验和不符）" in capsys.readouterr().out


def flipped(content: bytes, at: bytes) -> bytes:
    """One byte changed, within `at`."""
    place = content.index(at) + len(at) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def with_member(content: bytes, name: str) -> bytes:
    out = io.BytesIO(content)
    with tarfile.open(fileobj=out, mode="a") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    return out.getvalue()


SPOILT = (
    (lambda content: flipped(content, b"%PDF"), "信件.pdf 的校验和不符"),
    (lambda content: flipped(content, "无法明确部门".encode()), "校验和不符"),
    (lambda content: content[: len(content) // 2], "不完整或已损坏"),
    (lambda content: content[:512], "不完整或已损坏"),
    (lambda _: b"", "不完整或已损坏"),
    (lambda content: with_member(content, "files/kb/../../../evil"), "不可信"),
    (lambda content: with_member(content, "/etc/evil"), "不可信"),
    (lambda content: with_member(content, "files/kb/more"), "内容与清单不一致"),
    (lambda content: re.sub(rb'"revision": "..', b'"revision": "zz', content, count=1), "数据库结构是 zz"),
)


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
async def test_a_spoilt_backup_is_refused_before_anything_is_touched(old: Old, empty: Settings):
    """A changed byte, a piece missing, a path that leads out: a sentence, and the machine is as empty as before."""
    whole = old.tar.read_bytes()
    for spoil, says in SPOILT:
        old.tar.write_bytes(spoil(whole))
        with pytest.raises(RestoreRefused, match=says):
            await restore(empty, old.tar, quiet)
        assert [path for path in empty.data_dir.rglob("*") if path.is_file() and path.stat().st_size] == []


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
async def test_nothing_is_ever_overwritten(old: Old, empty: Settings):
    """Restoring twice, or onto a folder with secrets, is refused and changes nothing; so is backing up onto a file."""
    await restore(empty, old.tar, quiet)
    key = empty.recordings.keyring.read_bytes()
    with pytest.raises(RestoreRefused, match="绝不覆盖"):
        await restore(empty, old.tar, quiet)
    assert empty.recordings.keyring.read_bytes() == key
    async with opened(old.settings) as db:
        before = old.tar.read_bytes()
        with pytest.raises(BackupRefused, match="已经存在"):
            await make(db, FixedClock(), old.settings, old.tar, quiet)
    assert old.tar.read_bytes() == before


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
async def test_a_database_with_rows_is_refused_and_its_folders_stay_empty(old: Old, empty: Settings):
    """Somebody else's data is never mixed with the backup's."""
    await upgrade(empty.database.url)
    async with opened(empty) as db, db.unit_of_work() as session:
        session.add(Region(code="1", name="别处", level="county"))
    with pytest.raises(RestoreRefused, match="regions 里有数据"):
        await restore(empty, old.tar, quiet)
    assert not empty.secrets_dir.exists()


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
async def test_a_fault_halfway_takes_everything_back(
    old: Old, empty: Settings, monkeypatch: pytest.MonkeyPatch
):
    """The disk is full when the files are in place: no row, no file, no folder stays, and the next try succeeds."""

    def put(self) -> int:
        real(self)
        raise OSError(28, "No space left on device")

    real = Placing.put
    with monkeypatch.context() as broken:
        broken.setattr(Placing, "put", put)
        with pytest.raises(RestoreRefused, match="磁盘空间不足"):
            await restore(empty, old.tar, quiet)
    assert not empty.secrets_dir.exists()
    assert not empty.recordings.archive_dir.exists()
    async with opened(empty) as db:
        assert await count(db, Region) == 0
    assert (await restore(empty, old.tar, quiet)).files > 0
