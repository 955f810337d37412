"""The nightly comparison of the ledger with Asterisk's own records (每日对账): when it runs, and over which day."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.callcast import NOW, add_call, assemble
from support.tickets import build_city
from support.web import as_, browsing, give_password, web_app

from core.clock import BEIJING, ShiftedClock, beijing
from core.db import Database
from core.tasks import Tasks
from ivr.ledger import reconcile
from ivr.ledger.reconcile import Source
from ivr.models import Reconciliation
from recordings.models import Recording, RecordingKind

TRACE = Path(__file__).parents[1] / "traces" / "cel" / "talk.csv"
TOLD_AT = datetime(2026, 11, 25, 21, 12, 9, tzinfo=UTC)
"""When the call of the trace began."""


def at(day: datetime, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(beijing(day).date(), time(hour, minute), BEIJING)


def source_with_a_call(folder: Path, clock: ShiftedClock, began: datetime) -> Source:
    """Asterisk's files with one call that began at an instant of the hotline's clock; no record of it is stored."""
    real = began.astimezone(UTC) - (clock.now() - datetime.now(UTC))
    lines = []
    for line in TRACE.read_text().splitlines():
        stamp = line.split('","')[1]
        moved = datetime.fromisoformat(stamp) - TOLD_AT + real
        lines.append(line.replace(stamp, moved.isoformat()))
    (folder / "cel.csv").write_text("\n".join(lines) + "\n")
    return Source(folder / "cel.csv", folder / "cdr.csv", "n1", ("96128",))


async def runs(db: Database) -> Sequence[Reconciliation]:
    async with db.reading() as session:
        return await reconcile.last(session, 10)


async def looked(tasks: Tasks) -> None:
    """The loop has taken another two turns."""
    loop = tasks.loops["reconciliation"]
    for _ in range(2):
        before = loop.last_beat_at
        while loop.last_beat_at == before:
            await asyncio.sleep(0.01)


async def test_once_a_night_the_day_before(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing before three in the morning; then the whole day before, once; the next night the next day."""
    monkeypatch.setattr(reconcile, "LOOK_S", 0.01)
    clock = ShiftedClock(datetime(2026, 6, 3, 3, 0, 5, tzinfo=BEIJING))
    source = source_with_a_call(tmp_path, clock, at(clock.now() - timedelta(days=1), 23, 59))
    tasks = Tasks(ShiftedClock(clock.now()))
    clock.move_to(at(clock.now(), 2, 59))
    tasks.loop("reconciliation", partial(reconcile.nightly, db, clock, source))
    async with asyncio.timeout(20):
        await looked(tasks)
        assert await runs(db) == []
        clock.move_to(at(clock.now(), 3) + timedelta(seconds=5))
        while not await runs(db):
            await asyncio.sleep(0.01)
        await looked(tasks)
        (night,) = await runs(db)
        assert (night.since_at, night.until_at) == (
            at(clock.now() - timedelta(days=1), 0), at(clock.now(), 0),
        )  # fmt: skip
        assert (night.calls, len(night.differences)) == (1, 2)
        assert re.fullmatch("Asterisk 有 23:5\\d:\\d\\d 的来电，通话记录中没有", night.differences[0]["text"])
        clock.move_to(at(clock.now() + timedelta(days=1), 3, 1))
        while len(await runs(db)) < 2:
            await asyncio.sleep(0.01)
    await tasks.close()
    assert (await runs(db))[0].since_at == night.until_at


async def test_audio_is_as_long_as_the_talk(db: Database, tmp_path: Path):
    """50 s of talk with 50 or 51 s of audio are whole; 40 s, 60 s and nothing are differences (录音缺口)."""
    lengths = {"n1-1.1": [50], "n1-2.1": [31, 20], "n1-3.1": [40], "n1-4.1": [60], "n1-5.1": []}
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        for linkedid, seconds in lengths.items():
            call = await add_call(session, cast, linkedid=linkedid)
            session.add_all(
                Recording(call_id=call.id, kind=RecordingKind.TALK, path=f"{linkedid}/{part}", source=f"{linkedid}/{part}",
                          started_at=call.started_at, duration_ms=1000 * length)
                for part, length in enumerate(seconds)
            )  # fmt: skip
    source = source_with_a_call(tmp_path, ShiftedClock(NOW), NOW)
    row = await reconcile.reconcile(db, ShiftedClock(NOW), source, NOW - timedelta(days=1), NOW)
    assert [(one["linkedid"], one["text"]) for one in row.differences if "录音" in one["text"]] == [
        ("n1-3.1", "通话 50 秒，录音 40 秒"),
        ("n1-4.1", "通话 50 秒，录音 60 秒"),
        ("n1-5.1", "有通话，没有录音"),
    ]


async def test_it_tells_how_it_went(db: Database, tmp_path: Path):
    """In a sentence for /readyz: not yet, then everything or the number of differences."""
    clock = ShiftedClock(datetime(2026, 6, 3, 3, 0, tzinfo=BEIJING))
    assert await reconcile.last_in_words(db) == "尚未对账"
    source = source_with_a_call(tmp_path, clock, at(clock.now(), 1))
    await reconcile.reconcile(db, clock, source, at(clock.now(), 0), clock.now())
    assert "对账 1 通，2 处不一致" in await reconcile.last_in_words(db)
    await reconcile.reconcile(db, clock, source, at(clock.now(), 2), clock.now())
    assert "对账 0 通，全部一致" in await reconcile.last_in_words(db)


async def test_the_page_shows_each_difference(db: Database, tmp_path: Path):
    """Newest first, each difference with its call, to administrators and supervisors alone; before the first night it says so."""
    city = await build_city(db)
    await give_password(db, ("admin", "office"))
    clock = ShiftedClock(datetime(2026, 6, 3, 3, 0, tzinfo=BEIJING))
    async with browsing(web_app(db, city.clock)) as browser:
        await as_(browser, "admin")
        assert "还没有对账记录" in await (await browser.get("/admin/reconciliation")).text()
        source = source_with_a_call(tmp_path, clock, at(clock.now(), 1))
        await reconcile.reconcile(db, clock, source, at(clock.now(), 2), clock.now())
        await reconcile.reconcile(db, clock, source, at(clock.now(), 0), clock.now())
        shown = await (await browser.get("/admin/reconciliation")).text()
        assert shown.index("2 处不一致") < shown.index("全部一致")
        for told in ("通话记录中没有", "CDR 中没有"):
            assert re.search(rf"<code>n1-1795641129\.6</code>　[^<]*{told}", shown)
        await as_(browser, "office")
        assert (await browser.get("/admin/reconciliation")).status == 403
