"""The ledger's writer on both engines: order, retries without loss or doubles, keys, facts, lines nobody can store."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from core.db import Database
from ivr.ledger import journal as journal_module
from ivr.ledger import ledger_store
from ivr.ledger.journal import Journal
from ivr.ledger.ledger_store import LedgerStore
from ivr.ledger.spool import Batch, Spool
from ivr.tracking.live_call import LedgerLine
from recordings import ledger
from recordings.models import Call, CallEnd, CallEvent

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)


def line(call: str, kind: str, second: int = 0, **data: Any) -> LedgerLine:
    return LedgerLine(call, NOW + timedelta(seconds=second), kind, call, data)


def arrived(call: str, **data: Any) -> LedgerLine:
    return line(call, ledger.ARRIVED, line="96128", **{"caller": "13900000001", **data})


@pytest.fixture
def journal(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr(journal_module, "RETRY_PAUSE_S", 0)
    monkeypatch.setattr(journal_module, "BATCH_PAUSE_S", 0)
    return Journal(db, lambda _: None, Spool(tmp_path / "ledger"))


async def stored(db: Database) -> list[tuple[str, str, dict[str, Any]]]:
    async with db.reading() as session:
        query = select(Call.linkedid, CallEvent.kind, CallEvent.data).join(Call).order_by(CallEvent.id)
        return [(row[0], row[1], row[2]) for row in await session.execute(query)]


async def calls(db: Database) -> list[Call]:
    async with db.reading() as session:
        return list(await session.scalars(select(Call).order_by(Call.id)))


async def test_lines_are_stored_in_order(db: Database, journal: Journal):
    """Lines of several calls, over several batches, keep the order in which they were added."""
    journal.add(arrived("a"), line("a", ledger.NODE, node="WELCOME"), arrived("b"))
    await journal.flush()
    journal.add(line("b", ledger.NODE, node="WELCOME"), line("a", ledger.NODE, node="MAIN"))
    await journal.flush()
    assert [(call, kind, data.get("node")) for call, kind, data in await stored(db)] == [
        ("a", "arrived", None), ("a", "node", "WELCOME"), ("b", "arrived", None), ("b", "node", "WELCOME"),
        ("a", "node", "MAIN"),
    ]  # fmt: skip


async def test_many_arrivals_get_their_own_keys(db: Database, journal: Journal):
    """Two hundred calls in one batch: every line hangs on its own call."""
    names = [f"call-{number:03}" for number in range(200)]
    journal.add(*(arrived(name) for name in names), *(line(name, ledger.NODE, node=name) for name in names))
    await journal.flush()
    nodes = [(call, data["node"]) for call, kind, data in await stored(db) if kind == ledger.NODE]
    assert nodes == [(name, name) for name in names]


async def test_failing_batch_is_kept_and_stored_once(
    db: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    """While the database is away nothing is lost; when it is back everything is there once, in order."""
    write, failures = LedgerStore.put, iter([True, True])

    async def shaky(store: LedgerStore, writer: str, batch: Batch) -> None:
        if next(failures, False):
            raise OperationalError("insert", {}, Exception("connection lost"))
        await write(store, writer, batch)

    monkeypatch.setattr(LedgerStore, "put", shaky)
    journal.add(arrived("a"), line("a", ledger.NODE, node="WELCOME"))
    journal.set_facts("a", talk_ms=1)
    await journal.flush()
    journal.add(line("a", ledger.NODE, node="MAIN"))
    journal.set_facts("a", talk_ms=2, end=CallEnd.MENU)
    await journal.flush()
    assert await stored(db) == []
    await journal.flush()
    assert [kind for _, kind, _ in await stored(db)] == ["arrived", "node", "node"]
    (call,) = await calls(db)
    assert (call.talk_ms, call.end) == (2, CallEnd.MENU)


async def test_transaction_that_fails_half_way_leaves_nothing(db: Database, journal: Journal, monkeypatch):
    """A batch that breaks after its first rows is rolled back whole, and not doubled by the retry."""
    update, broken = ledger_store.update_calls, iter([True])

    async def breaking(*arguments: Any) -> None:
        await update(*arguments)
        if next(broken, False):
            raise OperationalError("update", {}, Exception("connection lost"))

    monkeypatch.setattr(ledger_store, "update_calls", breaking)
    journal.add(arrived("a"), line("a", ledger.NODE, node="WELCOME"))
    await journal.flush()
    assert (await stored(db), journal.knows("a")) == ([], False)
    await journal.flush()
    assert [kind for _, kind, _ in await stored(db)] == ["arrived", "node"]


async def test_call_key_is_known_when_the_arrival_is_stored(db: Database, journal: Journal):
    """Who needs a call's key waits for the batch with its arrival."""
    waiting = asyncio.create_task(journal.call_id("a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    journal.add(arrived("a"))
    await journal.flush()
    (call,) = await calls(db)
    assert await asyncio.wait_for(waiting, 1) == call.id


async def test_writer_stores_what_is_added(db: Database, journal: Journal):
    """The loop writes by itself; `stored` returns when the database has everything added before."""
    beats: list[int] = []
    writer = asyncio.create_task(journal.run(lambda: beats.append(1)))
    journal.add(arrived("a"))
    await asyncio.wait_for(journal.stored(), 5)
    assert len(await stored(db)) == 1
    journal.set_facts("a", talk_ms=5)
    await asyncio.wait_for(journal.stored(), 5)
    assert (await calls(db))[0].talk_ms == 5
    assert beats
    writer.cancel()


async def test_facts_update_the_record(db: Database, journal: Journal):
    """Columns given at different times are all kept; the last word on one column counts."""
    journal.add(arrived("a"), arrived("b"))
    journal.set_facts("a", answered_at=NOW, talk_ms=1)
    journal.set_facts("a", talk_ms=9)
    journal.set_facts("b", ended_at=NOW, end=CallEnd.QUEUE, end_node="OP-QUEUE")
    await journal.flush()
    first, second = await calls(db)
    assert (first.answered_at, first.talk_ms, first.ended_at) == (NOW, 9, None)
    assert (second.ended_at, second.end, second.end_node) == (NOW, CallEnd.QUEUE, "OP-QUEUE")


async def test_calls_of_an_earlier_controller_are_remembered(db: Database, journal: Journal, tmp_path: Path):
    """After a restart the lines of a call stored before go to the same record."""
    journal.add(arrived("a"))
    await journal.flush()
    after = Journal(db, lambda _: None, Spool(tmp_path / "ledger"))
    assert not after.knows("a")
    await after.remember(["a", "never-seen"])
    assert (after.knows("a"), after.knows("never-seen")) == (True, False)
    after.add(line("a", ledger.ENDED, cause="16"))
    await after.flush()
    assert [kind for _, kind, _ in await stored(db)] == ["arrived", "ended"]


async def test_one_bad_call_does_not_block_the_others(db: Database, journal: Journal):
    """A call that the database refuses (its id is there already) is reported; the lines of the others are stored."""
    journal.add(arrived("twice"))
    await journal.flush()
    journal.add(arrived("a"), arrived("twice"), line("a", ledger.NODE, node="MAIN"))
    with capture_logs() as logs:
        await journal.flush()
    assert [(call, kind) for call, kind, _ in await stored(db)] == [
        ("twice", "arrived"), ("a", "arrived"), ("a", "node")
    ]  # fmt: skip
    assert "ledger_lines_rejected" in [entry["event"] for entry in logs]


async def test_overlong_values_are_cut(db: Database, journal: Journal):
    """A number of forty digits and a name of a thousand characters do not stop the ledger, on either engine."""
    journal.add(LedgerLine("a", NOW, ledger.ARRIVED, "c" * 200, {"line": "9" * 40, "caller": "张" * 1000}))
    await journal.flush()
    (call,) = await calls(db)
    assert (len(call.line), len(call.caller_number)) == (20, 32)


# --- on disk while the database is away -------------------------------------------------------------------------


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The database does not answer while the list holds something."""
    stored_by, is_away = LedgerStore.stored_by, [True]

    async def asked(store: LedgerStore, writer: str) -> int:
        if is_away:
            raise ConnectionRefusedError
        return await stored_by(store, writer)

    put = LedgerStore.put

    async def given(store: LedgerStore, writer: str, batch: Batch) -> None:
        await asked(store, writer)
        await put(store, writer, batch)

    monkeypatch.setattr(LedgerStore, "stored_by", asked)
    monkeypatch.setattr(LedgerStore, "put", given)
    is_away.clear()
    return is_away


async def test_lines_of_a_killed_process_are_stored_by_the_next(
    db: Database, journal: Journal, away: list[bool], tmp_path: Path
):
    """What waited on disk when the process was killed is stored at the next start: in order, with its facts, once."""
    journal.add(arrived("a"))
    await journal.flush()
    away.append(True)
    journal.add(line("a", ledger.NODE, node="WELCOME"), arrived("b"))
    await journal.flush()
    journal.add(line("a", ledger.NODE, node="MAIN"))
    journal.set_facts("a", answered_at=NOW, end=CallEnd.OPERATOR)
    await journal.flush()
    assert len(await stored(db)) == 1
    away.clear()
    for _ in range(2):
        after = Journal(db, lambda _: None, Spool(tmp_path / "ledger"))
        await after.recover()
    assert [(call, kind, data.get("node")) for call, kind, data in await stored(db)] == [
        ("a", "arrived", None), ("a", "node", "WELCOME"), ("b", "arrived", None), ("a", "node", "MAIN"),
    ]  # fmt: skip
    first, _ = await calls(db)
    assert (first.answered_at, first.end) == (NOW, CallEnd.OPERATOR)
    assert not list((tmp_path / "ledger").iterdir())


async def test_commit_whose_answer_was_lost_is_not_repeated(
    db: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    """A batch that was stored although the connection broke at the commit is there once, and its call's key is known."""
    put, broken = LedgerStore.put, iter([True])

    async def deaf(store: LedgerStore, writer: str, batch: Batch) -> None:
        fresh = LedgerStore(store._db, store._region_of)
        await put(fresh if next(broken, False) else store, writer, batch)
        if fresh.ids:
            raise ConnectionResetError

    monkeypatch.setattr(LedgerStore, "put", deaf)
    journal.add(arrived("a"), line("a", ledger.NODE, node="WELCOME"))
    await journal.flush()
    await journal.flush()
    assert [kind for _, kind, _ in await stored(db)] == ["arrived", "node"]
    assert journal.knows("a")


async def test_crash_between_commit_and_removal_doubles_nothing(
    db: Database, journal: Journal, away: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Batches stored by a process that died before it removed their file are not stored again."""
    journal.add(arrived("a"))
    await journal.flush()
    away.append(True)
    journal.add(line("a", ledger.NODE, node="MAIN"))
    await journal.flush()
    away.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "remove", lambda *_: None)
        await Journal(db, lambda _: None, Spool(tmp_path / "ledger")).recover()
    await Journal(db, lambda _: None, Spool(tmp_path / "ledger")).recover()
    assert [kind for _, kind, _ in await stored(db)] == ["arrived", "node"]


async def test_line_cut_by_a_crash_does_not_hinder_the_others(
    db: Database, journal: Journal, away: list[bool], tmp_path: Path
):
    """A file that ends in mid-line is stored up to there."""
    journal.add(arrived("a"))
    await journal.flush()
    away.append(True)
    journal.add(line("a", ledger.NODE, node="MAIN"))
    await journal.flush()
    (file,) = (tmp_path / "ledger").iterdir()
    file.write_bytes(file.read_bytes() + file.read_bytes()[:40])
    away.clear()
    await Journal(db, lambda _: None, Spool(tmp_path / "ledger")).recover()
    assert [kind for _, kind, _ in await stored(db)] == ["arrived", "node"]


async def test_full_disk_keeps_lines_in_memory_and_says_so(
    db: Database, journal: Journal, away: list[bool], tmp_path: Path
):
    """With neither database nor disk the lines wait in memory, the fault is named, and nothing is lost afterwards."""
    journal.add(arrived("a"))
    await journal.flush()
    away.append(True)
    (tmp_path / "ledger").mkdir()
    full = tmp_path / "ledger" / f"{journal._writer}.jsonl"
    full.symlink_to("/dev/full")
    journal.add(line("a", ledger.NODE, node="MAIN"))
    await journal.flush()
    assert (journal.database_fault, journal.disk_fault) == (
        "ConnectionRefusedError",
        "磁盘已满",
    )
    full.unlink()
    journal.add(line("a", ledger.NODE, node="Q"))
    await journal.flush()
    assert (journal.disk_fault, journal.spool.count) == ("", 2)
    away.clear()
    await journal.flush()
    assert [data.get("node") for _, _, data in await stored(db)] == [None, "MAIN", "Q"]
    assert journal.database_fault == ""
