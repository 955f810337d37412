"""`python -m bench.kb`: how well and how fast the knowledge base is searched, beside plain full text, in one run.

Without options it asks the demo's entries by their own aliases, which are kept out of the index. With `--corpus` and
`--queries` (JSONL as `hotline kb import` takes it; `query`, `expected_id` or `expected_ids`, `kind`) it measures any other
base. Expired entries count: the corpora at hand are old. Entries are put into
the database directly: the import is not what is measured here.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import core.people
import core.web.models  # noqa: F401 - every room's tables
import ivr.models  # noqa: F401
import recordings.models  # noqa: F401
import tickets.models  # noqa: F401
from bench import kb_http, kb_rivals
from bench.kb_report import Asked, ask, share_alike, table
from bench.measure import spread
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.tasks import Tasks
from kb import demo
from kb.entries import touch
from kb.interchange.rows import RowWrong, parse
from kb.models import Alias, AliasState, Entry, EntryState
from kb.searching import documents
from kb.searching.search import Searcher

K = 10
_BATCH = 2_000
_ENTRY_COLUMNS = frozenset(column.key for column in Entry.__table__.columns)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="JSONL as `hotline kb import` takes it")
    parser.add_argument("--queries", type=Path, help="JSONL with the right ids")
    parser.add_argument(
        "--rivals", default="fts5,postgres", help="fts5, postgres, both (the default) or none"
    )
    parser.add_argument(
        "--postgres", action="store_true", help="the entries in PostgreSQL too: is the order the same?"
    )
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long people type over HTTP; 0: not at all"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep database and index here; a database that is there is used again"
    )
    return parser.parse_args()


async def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        corpus, asked = _material(given, folder)
        async with _base(f"sqlite+aiosqlite:///{folder}/hotline.db", corpus, folder / "index") as (
            db,
            searcher,
        ):
            await _quality(given, searcher, corpus, asked)
            print(await _changes(db, searcher))
            print(await _feedback(db, searcher, asked))
            if given.seconds:
                print(await kb_http.typing(db, folder / "index", asked, given.seconds))
            if given.postgres:
                print(await _same_order(corpus, asked, folder))


@asynccontextmanager
async def _base(url: str, corpus: Path, index: Path) -> AsyncIterator[tuple[Database, Searcher]]:
    """A database with the corpus, and its search; tells what the index cost."""
    db = Database(DatabaseSettings(url=url))
    await db.create_all()
    async with db.reading() as session:
        entries = await documents.count(session)
    entries = entries or await _fill(db, corpus)
    searcher = Searcher(index, db, SystemClock(), remembered=0)
    started = time.perf_counter()
    await searcher.rebuild(_bar)
    took = time.perf_counter() - started
    size = sum(file.stat().st_size for file in index.rglob("*") if file.is_file()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    print(f"\n{entries} entries in {url.partition('+')[0]}: index made in {took:.1f} s, {size:.0f} MB on the disk; "
          f"memory at most {peak:.0f} MB, its helpers {child:.0f} MB each\n", flush=True)  # fmt: skip
    try:
        yield db, searcher
    finally:
        await searcher.close()
        await db.close()


async def _fill(db: Database, corpus: Path) -> int:
    now, done = SystemClock().now(), 0
    for batch in _batches(_rows(corpus)):
        values = []
        for row in batch:
            incoming = parse(row, "bench")
            fields = {name: value for name, value in vars(incoming.fields).items() if name in _ENTRY_COLUMNS}
            values.append(
                fields | {"department": incoming.department, "source": incoming.source, "source_id": incoming.source_id,
                          "state": EntryState.PUBLISHED, "created_at": now, "changed_at": now}
            )  # fmt: skip
        async with db.unit_of_work() as session:
            await session.execute(insert(Entry), values)
        done += len(values)
    return done


def _rows(corpus: Path) -> Iterator[dict[str, Any]]:
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            try:
                parse(row, "bench")
            except RowWrong:
                continue
            yield row


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    some = iter(rows)
    while batch := list(islice(some, _BATCH)):
        yield batch


def _material(given: argparse.Namespace, folder: Path) -> tuple[Path, list[Asked]]:
    if given.corpus:
        return given.corpus, list(_asked(given.queries))
    rows = [json.loads(line) for line in demo.ENTRIES.read_text(encoding="utf-8").splitlines()]
    asked = [
        Asked(alias, frozenset({row["id"]}), "alias") for row in rows for alias in row.pop("aliases", ())
    ]
    corpus = folder / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return corpus, asked


def _asked(path: Path) -> Iterator[Asked]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        wanted = frozenset(row.get("expected_ids") or [row["expected_id"]])
        yield Asked(row["query"], wanted, row.get("kind", "all"))


async def _found(searcher: Searcher, query: str) -> list[str]:
    return [hit.source_id for hit in await searcher.search(query, K, audience="staff", with_expired=True)]


async def _quality(given: argparse.Namespace, searcher: Searcher, corpus: Path, asked: list[Asked]) -> None:
    async def ours(query: str) -> list[str]:
        return await _found(searcher, query)

    print(table("this search", await ask(ours, asked)), flush=True)
    keys = [query[:end] for query in (one.query for one in asked[::3]) for end in range(1, len(query) + 1)]
    strokes = await ask(ours, [Asked(key, frozenset(), "keystroke") for key in keys])
    took = spread([one.took_ms for one in strokes["keystroke"]])
    print(
        f"{took.count} keystrokes, letter by letter: p50 {took.p50:.1f} ms, p99 {took.p99:.1f} ms\n",
        flush=True,
    )
    if "fts5" in given.rivals:
        print(table("FTS5 words, OR", await ask(kb_rivals.fts5(_rows(corpus)), asked)), flush=True)
    if "postgres" in given.rivals:
        async with kb_rivals.postgres(_rows(corpus)) as search:
            print(
                table("PostgreSQL ts_rank, OR", await ask(search, asked[:: max(1, len(asked) // 100)])),
                flush=True,
            )


async def _changes(db: Database, searcher: Searcher, times: int = 20) -> str:
    """From the return of the commit that publishes or withdraws an entry to the first search that shows it."""
    clock, tasks = SystemClock(), Tasks(SystemClock())
    took: dict[str, list[float]] = defaultdict(list)
    tasks.loop("kb-index", searcher.follow)
    await asyncio.sleep(0)
    now = clock.now()
    for number in range(times):
        title = f"琉璃试样{number}"
        entry = Entry(
            title=title,
            kind="faq",
            source_id=f"bench-{number}",
            state=EntryState.DRAFT,
            created_at=now,
            changed_at=now,
        )
        for state in (EntryState.PUBLISHED, EntryState.WITHDRAWN):
            async with db.unit_of_work() as session:
                entry = await session.merge(entry)
                entry.state = state
                await session.flush()
                touch(session, clock, entry)
            started = time.perf_counter()
            while (f"bench-{number}" in await _found(searcher, title)) != (state == EntryState.PUBLISHED):
                await asyncio.sleep(0.001)
            took[state].append((time.perf_counter() - started) * 1000)
    await tasks.close()
    return "\n".join(
        f"{state} -> seen: p50 {spread(some).p50:.0f} ms, worst of {times} {max(some):.0f} ms"
        for state, some in took.items()
    )


async def _feedback(db: Database, searcher: Searcher, asked: list[Asked]) -> str:
    """What two people chose for one wording, asked in another: how much it helps.

    The earlier wordings become proposed aliases, as `kb.feedback` would make them, and count once each.
    """
    alike = share_alike(asked)
    if not alike:
        return "no two wordings of one question: what was chosen before is not measured"

    async def ours(query: str) -> list[str]:
        return await _found(searcher, query)

    later = [Asked(other.query, other.wanted, "other wording") for _, other in alike]
    before = await ask(ours, later)
    for earlier, _ in alike:
        hits = await searcher.search(earlier.query, 50, audience="staff", with_expired=True)
        for hit in hits:
            if hit.source_id in earlier.wanted:
                async with db.unit_of_work() as session:
                    session.add(Alias(entry_id=hit.id, text=earlier.query[:200], state=AliasState.PROPOSED))
                    entry = await session.get_one(Entry, hit.id)
                    entry.chosen_weight, entry.chosen_on = 2.0, SystemClock().now().date()
                    touch(session, SystemClock(), entry)
                await searcher.reindex([hit.id])
                break
    return table("before any choice", before) + "\n" + table("after one choice each", await ask(ours, later))


async def _same_order(corpus: Path, asked: list[Asked], folder: Path) -> str:
    again = f"sqlite+aiosqlite:///{folder}/again.db"
    with kb_rivals.server() as address:
        async with (
            _base(address, corpus, folder / "index-postgres") as (_, other),
            _base(again, corpus, folder / "index-again") as (_, first),
        ):
            same = [await _found(first, one.query) == await _found(other, one.query) for one in asked]
    return f"the same {K} entries in the same order on both databases: {sum(same)} of {len(same)} queries"


def _bar(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} / {total}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
